/* SPDX-License-Identifier: Apache-2.0 */
/* control/control.c: the whole control process, in a child of the test, by its signals, its exit
 * status and what it prints. */
#include <netinet/in.h>
#include <sys/wait.h>

#include "config.h"
#include "plane.h"

static pid_t control;

/* Writes the file (NULL: it is written) and runs the gateway; what it prints goes to the file
 * "said". */
static void run(const char *members)
{
	static char file[200];
	struct control_options options = { .file = file,
					   .log_level = LOG_INFO,
					   .log_format = CONFIG_LOG_JSON };

	if (members)
		plane_write(1, members);
	snprintf(file, sizeof(file), "%s", scratch_path("gateway.json"));
	int fd = open(scratch_write("said", ""), O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	control = fork();
	ck_assert_int_ge(control, 0);
	if (control) {
		close(fd);
		return;
	}
	dup2(fd, STDERR_FILENO);
	exit(control_run(&options));
}

static const char *printed(void)
{
	static char text[256 * 1024];
	FILE *f = fopen(scratch_path("said"), "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

#define ck_printed(part)                                                                           \
	ck_assert_msg(strstr(printed(), (part)) != NULL, "no %s in %s", (part), printed())

/* Looks again and again, with a limit. */
#define until(condition)                                                                           \
	do {                                                                                       \
		uint64_t until_ = plane_deadline();                                                \
		while (!(condition)) {                                                             \
			ck_assert_msg(clock_mono_ns() < until_, "never: %s in %s", #condition,     \
				      printed());                                                  \
			poll(NULL, 0, 2);                                                          \
		}                                                                                  \
	} while (0)

static void wait_printed(const char *part)
{
	until(strstr(printed(), part));
}

/* Its exit status. */
static int ended(void)
{
	int status = 0;

	until(waitpid(control, &status, WNOHANG) == control);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The answer to one request on a unix socket: to the end of the connection. */
static const char *get(const char *name, const char *path)
{
	static char text[64 * 1024];
	int fd = plane_connect(name);
	size_t used = 0;
	ssize_t n;

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		 path);
	plane_send(fd, text);
	while ((n = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fd);
	return text;
}

#define READY "\"message\":\"gatehouse " PACKAGE_VERSION " ready\""

START_TEST(serves_until_it_is_told_to_end)
{
	run("\"routes\": []");
	wait_printed(READY);
	ck_printed("\"generation\":1,\"workers\":1,\"admin\":\"off\"");
	ck_assert_ptr_nonnull(strstr(get("gw", "/x"), " 404 "));
	kill(control, SIGTERM);
	ck_assert_int_eq(ended(), 0);
	ck_printed("\"message\":\"stopping\",\"why\":\"SIGTERM\"");
	ck_printed("\"message\":\"ended\"");
	ck_assert_int_eq(access(scratch_path("gw"), F_OK), -1);
}
END_TEST

START_TEST(interrupted_while_it_starts)
{
	run("\"routes\": []");
	/* The signal is caught once the first line is there. */
	wait_printed("{");
	kill(control, SIGINT);
	ck_assert_int_eq(ended(), 0);
	ck_printed("\"message\":\"stopping\",\"why\":\"SIGINT\"");
}
END_TEST

/* A listener that never answers, and a route to it: the members. */
static const char *silent(int *fd)
{
	static char text[400];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(*fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(*fd, 8), 0);
	ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&at, &size), 0);
	snprintf(text, sizeof(text),
		 "\"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:%u\"]}}, \"routes\": ["
		 "{\"path\": \"/s\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"s\"}}]",
		 ntohs(at.sin_port));
	return text;
}

START_TEST(the_second_signal_ends_it_at_once)
{
	char byte;
	int server, client, backend;

	run(silent(&server));
	wait_printed(READY);
	client = plane_ask("/s");
	backend = accept(server, NULL, NULL);
	ck_assert_int_ge(backend, 0);
	kill(control, SIGTERM);
	wait_printed("\"message\":\"draining\"");
	/* It waits for the request, and takes no other. */
	until(access(scratch_path("gw"), F_OK) < 0);
	ck_assert_int_eq(waitpid(control, NULL, WNOHANG), 0);
	kill(control, SIGTERM);
	ck_assert_int_eq(ended(), 0);
	ck_printed("\"message\":\"ending at once\",\"why\":\"SIGTERM\"");
	/* What was on its way is cut. */
	ck_assert_int_le(recv(client, &byte, 1, 0), 0);
	close(client);
	close(backend);
	close(server);
}
END_TEST

START_TEST(reloads)
{
	run("\"routes\": []");
	wait_printed(READY);
	plane_write(1, PLANE_FAULTS);
	kill(control, SIGHUP);
	wait_printed("\"message\":\"gatehouse " PACKAGE_VERSION " reloaded\"");
	ck_printed("\"who\":\"SIGHUP\"");
	ck_assert_ptr_nonnull(strstr(get("gw", "/faults/no"), " 200 "));
	/* A file at fault changes nothing. */
	scratch_write("gateway.json", "{");
	kill(control, SIGHUP);
	wait_printed("\"message\":\"reload refused\"");
	ck_assert_ptr_nonnull(strstr(get("gw", "/faults/no"), " 200 "));
	kill(control, SIGTERM);
	ck_assert_int_eq(ended(), 0);
}
END_TEST

/* Idle connections keep the generations before: not without an end. */
START_TEST(so_many_generations)
{
	char ready[64];
	int fds[6];

	run("\"routes\": []");
	wait_printed(READY);
	for (int i = 0; i < 6; i++) {
		char byte;

		fds[i] = plane_connect("gw");
		plane_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
		ck_assert_int_eq(recv(fds[i], &byte, 1, 0), 1);
		kill(control, SIGHUP);
		snprintf(ready, sizeof(ready), "\"generation\":%d,\"workers\":1,", i + 2);
		wait_printed(ready);
	}
	ck_printed("\"message\":\"too many generations drain: the oldest is ended\","
		   "\"generation\":1}");
	ck_printed("the oldest is ended\",\"generation\":2}");
	ck_assert_ptr_null(strstr(printed(), "the oldest is ended\",\"generation\":3}"));
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	kill(control, SIGTERM);
	ck_assert_int_eq(ended(), 0);
}
END_TEST

START_TEST(admin)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\"unix:%s\"], \"admin\": \"unix:%s\", \"workers\": 1,"
		 " \"access_log\": \"off\", \"autoload\": false, \"routes\": []}",
		 scratch_path("gw"), scratch_path("admin"));
	scratch_write("gateway.json", text);
	run(NULL);
	wait_printed(READY);
	ck_assert_ptr_nonnull(strstr(get("admin", "/healthz"), "\r\n\r\nok\n"));
	kill(control, SIGTERM);
	ck_assert_int_eq(ended(), 0);
	ck_assert_int_eq(access(scratch_path("admin"), F_OK), -1);
	/* Where it cannot listen it does not start. */
	ck_assert_int_eq(mkdir(scratch_path("admin"), 0700), 0);
	run(NULL);
	ck_assert_int_eq(ended(), 1);
	ck_printed("gatehouse: cannot listen on unix:");
}
END_TEST

START_TEST(a_file_at_fault)
{
	scratch_write("gateway.json", "{\"routes\": 7}");
	run(NULL);
	ck_assert_int_eq(ended(), 1);
	ck_printed("gateway.json:1:12: /routes: ");
	ck_assert_int_eq(unlink(scratch_path("gateway.json")), 0);
	run(NULL);
	ck_assert_int_eq(ended(), 1);
	ck_printed("gateway.json");
}
END_TEST

START_TEST(a_path_that_is_not_utf8)
{
	struct control_options options = { .file = "\xff", .log_level = -1, .log_format = -1 };

	ck_assert_int_eq(control_run(&options), 1);
}
END_TEST

START_TEST(a_plugin_at_fault)
{
	run("\"routes\": [{\"path\": \"/a\", \"plugin\": \"nobody\"}]");
	ck_assert_int_eq(ended(), 1);
	ck_printed("gatehouse: ");
	ck_printed("/routes/0/plugin: no plugin \"nobody\"");
	run("\"routes\": [{\"path\": \"/f\", \"plugin\": \"faults\","
	    " \"config\": {\"load\": true}}]");
	ck_assert_int_eq(ended(), 1);
	ck_printed("gatehouse: worker 0 was killed by SIGABRT before it was ready");
}
END_TEST

START_TEST(an_address_that_cannot_be)
{
	ck_assert_int_eq(mkdir(scratch_path("gw"), 0700), 0);
	run("\"routes\": []");
	ck_assert_int_eq(ended(), 1);
	ck_printed("gatehouse: cannot listen on unix:");
}
END_TEST

PLANE_SUITE("control", serves_until_it_is_told_to_end, interrupted_while_it_starts,
	    the_second_signal_ends_it_at_once, reloads, so_many_generations, admin, a_file_at_fault,
	    a_path_that_is_not_utf8, a_plugin_at_fault, an_address_that_cannot_be)
