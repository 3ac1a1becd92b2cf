/* SPDX-License-Identifier: Apache-2.0 */
/* worker/worker.c: a worker process, with the test in the place of its control process. */
#include "worker/worker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "metrics/crowd.h"
#include "metrics/slab.h"
#include "suite.h"

/* From there on descriptors are out of the way of those that a worker inherits. */
enum { FD_FREE = 40, LIMIT_MS = 10000 };

#define ROUTES                                                                                     \
	"'access_log': 'off', 'routes': [{'path': '/*', 'plugin': 'relay', 'config': "             \
	"{'service': 's'}}]"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct slab slab;
static struct crowd crowd;
static struct sockaddr_in address, spare_address, origin_address;
static int channel, origin;
static pid_t worker;
static struct buf line;

static int limit_ms(void)
{
	return (int)(suite_timeout() / 60 * LIMIT_MS);
}

static int listening(struct sockaddr_in *where)
{
	socklen_t size = sizeof(*where);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*where = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)where, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)where, &size), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

/* The members of gateway.json, with " for ', in a file without a name. */
static int configuration(const char *members, size_t *n)
{
	const char *dir = getenv("PLUGIN_DIR");
	int fd = memfd_create("configuration", 0);
	char text[2048];

	*n = (size_t)snprintf(text, sizeof(text),
			      "{'listen': ['127.0.0.1:1'], 'plugin_dir': '%s', %s}",
			      dir ? dir : "plugins", members);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	ck_assert_int_eq(write(fd, text, *n), (ssize_t)*n);
	return fd;
}

/* In the child: those descriptors, from WORKER_FD_CHANNEL on; -1: there is none. */
static void become(const int *fds, int count, const char *start)
{
	int copies[8];

	for (int i = 0; i < count; i++)
		copies[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, FD_FREE);
	for (int i = 0; i < count; i++) {
		close(WORKER_FD_CHANNEL + i);
		if (copies[i] >= 0)
			dup2(copies[i], WORKER_FD_CHANNEL + i);
	}
	for (int fd = WORKER_FD_CHANNEL + count; fd < FD_FREE + 32; fd++)
		close(fd);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	if (start)
		setenv("GATEHOUSE_WORKER", start, 1);
	else
		unsetenv("GATEHOUSE_WORKER");
	exit(worker_main());
}

/* What a start is made of; what is not set is as it should be. */
struct start {
	const char *members;
	const char *more; /* members of GATEHOUSE_WORKER */
	bool no_start;    /* without GATEHOUSE_WORKER */
	bool no_slab, no_socket;
	size_t text_more; /* the text is said to be longer by that much */
};

static void begin(const struct start *s)
{
	int pair[2], fds[6];
	size_t n;
	char text[512];
	struct error e;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(slab_create(&slab, 0, 1, 1, 4, &e), 0);
	ck_assert_int_eq(crowd_create(&crowd, 1, 4, &e), 0);
	origin = listening(&origin_address);
	fds[0] = pair[1];
	fds[1] = s->no_slab ? -1 : slab.fd;
	fds[2] = configuration(s->members ? s->members : ROUTES, &n);
	fds[3] = crowd.fd;
	fds[4] = listening(&address);
	fds[5] = listening(&spare_address);
	if (s->no_socket)
		fds[4] = fds[2];
	snprintf(
		text, sizeof(text),
		"{\"generation\": 1, \"worker\": 0, \"file\": \"f\", \"text\": %zu, \"listen\": 1, "
		"\"spares\": [3], \"spare_each\": 1, \"log_level\": 3, \"log_format\": 1%s}",
		n + s->text_more, s->more ? s->more : "");
	fflush(NULL);
	worker = fork();
	if (worker == 0)
		become(fds, 6, s->no_start ? NULL : text);
	for (int i = 4; i < 6; i++)
		close(fds[i]);
	close(fds[2]);
	crowd_close(&crowd);
	close(pair[1]);
	channel = pair[0];
}

static void tell(const char *text)
{
	struct buf all = { .limit = 4096 };

	for (; *text; text++)
		buf_char(&all, *text == '\'' ? '"' : *text);
	buf_char(&all, '\n');
	ck_assert_int_eq(write(channel, all.p, all.n), (ssize_t)all.n);
	buf_fini(&all);
}

static void wait_readable(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_msg(poll(&p, 1, limit_ms()) == 1, "not in time: %s", what);
}

/* The next message, which is of that type: json_decref() it. */
static json_t *hear(const char *type)
{
	char c = 0;

	buf_clear(&line);
	while (c != '\n') {
		wait_readable(channel, type);
		ck_assert_msg(read(channel, &c, 1) == 1, "the worker has gone: %s", type);
		buf_char(&line, c);
	}
	json_t *json = json_loadb(line.p, line.n, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(json, "type")), type);
	return json;
}

static void heard(const char *type)
{
	json_decref(hear(type));
}

/* The worker's end. */
static void ends(int status)
{
	int got = -1;
	char byte;

	/* It closes its end of the channel, at the latest with its end. */
	wait_readable(channel, "the end");
	ck_assert_int_eq(read(channel, &byte, 1), 0);
	ck_assert_int_eq(waitpid(worker, &got, 0), worker);
	ck_assert(WIFEXITED(got));
	ck_assert_int_eq(WEXITSTATUS(got), status);
	close(channel);
	close(origin);
	slab_close(&slab);
	buf_fini(&line);
}

static void endpoint(const char *state)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{'type': 'endpoints', 'service': 's', 'state': '%s', 'endpoints': [{'id': 'a', "
		 "'address': '127.0.0.1', 'port': %u, 'weight': 1, 'slot': 0}]}",
		 state, ntohs(origin_address.sin_port));
	tell(text);
}

/* Up to where it serves: free() what it says of its plugins. */
static json_t *serving(const struct start *s)
{
	begin(s);
	heard("needs");
	endpoint("live");
	tell("{'type': 'told'}");
	return hear("ready");
}

static int asked(const struct sockaddr_in *where)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)where, sizeof(*where)), 0);
	ck_assert_int_eq(write(fd, GET, sizeof(GET) - 1), sizeof(GET) - 1);
	return fd;
}

/* Reads until this has come. */
static void reads(int fd, const char *expected)
{
	char text[4096] = "";
	size_t n = 0;

	while (!strstr(text, expected)) {
		wait_readable(fd, expected);
		ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);
		ck_assert_msg(got > 0, "no %s in %s", expected, text);
		n += (size_t)got;
		text[n] = '\0';
	}
}

static void reads_end(int fd)
{
	char byte;

	wait_readable(fd, "its end");
	ck_assert_int_eq(read(fd, &byte, 1), 0);
	close(fd);
}

/* The request as the service has it. */
static int taken(void)
{
	wait_readable(origin, "a connection");
	int fd = accept(origin, NULL, NULL);
	reads(fd, "X-Request-Id: ");
	return fd;
}

static void answers(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A drain has begun: there is no other way to see that a message has been read. */
static void stops_listening(void)
{
	uint64_t until = clock_mono_ns() + (uint64_t)limit_ms() * 1000000;
	int refused = 0;

	while (!refused) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		refused = connect(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		ck_assert_msg(clock_mono_ns() < until, "not in time: the drain");
	}
}

#define ANSWER "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

START_TEST(test_life)
{
	struct pollfd quiet = { .events = POLLIN };
	uint64_t begun_ns = clock_mono_ns();

	begin(&(struct start){ .more = NULL });
	json_t *needs = hear("needs");
	ck_assert_uint_eq(json_array_size(json_object_get(needs, "services")), 1);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(needs, "services"), 0)),
			 "s");
	json_decref(needs);
	/* It serves only what it knows where to relay to: until it is told, nothing. */
	int client = asked(&address);
	endpoint("live");
	quiet.fd = client;
	ck_assert_int_eq(poll(&quiet, 1, 30), 0);
	ck_assert_uint_eq(slab.header->connections_accepted, 0);
	tell("{'type': 'told'}");
	json_t *ready = hear("ready");
	json_t *plugin = json_array_get(json_object_get(ready, "plugins"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(plugin, "name")), "relay");
	ck_assert_str_eq(json_string_value(json_object_get(plugin, "version")), "1.0");
	ck_assert_uint_gt(json_string_length(json_object_get(plugin, "hash")), 0);
	json_decref(ready);
	/* What was said to be asked for later, or what nobody knows, does no harm. */
	tell("{'type': 'told'}");
	tell("{'type': 'news'}");
	tell("{'types': 1}");
	answers(taken(), ANSWER);
	reads(client, "\r\n\r\nok");
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': false}");
	reads_end(client);
	heard("drained");
	ck_assert_int_eq(slab.header->pid, worker);
	ck_assert_uint_gt(slab.header->heartbeat_ns, begun_ns);
	ck_assert_str_eq(slab.routes[0].name, "/*");
	ck_assert_uint_eq(slab.routes[0].requests[2], 1);
	ends(0);
}
END_TEST

/* Nobody else is there to end it: what hangs is closed after the limit. */
START_TEST(test_drain_limit)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	int client = asked(&address), service = taken();
	tell("{'type': 'drain', 'limit_ms': 50, 'keep_idle': false}");
	reads_end(client);
	heard("drained");
	ends(0);
	close(service);
}
END_TEST

/* A drain that finishes what it has; no time at all ends it. */
START_TEST(test_drain_is_ended)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	int client = asked(&address), service = taken();
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': true}");
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': true}");
	stops_listening();
	answers(service, ANSWER);
	reads(client, "Connection: close\r\n");
	close(client);
	heard("drained");
	ends(0);

	json_decref(serving(&(struct start){ .more = NULL }));
	client = asked(&address);
	service = taken();
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': false}");
	tell("{'type': 'drain', 'limit_ms': 0, 'keep_idle': false}");
	reads_end(client);
	heard("drained");
	ends(0);
	close(service);
}
END_TEST

/* An idle connection is kept for one request more, until that is taken back. */
START_TEST(test_keeps_idle)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	int client = asked(&address), other;
	answers(taken(), ANSWER);
	reads(client, "\r\n\r\nok");
	other = asked(&address);
	answers(taken(), ANSWER);
	reads(other, "\r\n\r\nok");
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': true}");
	stops_listening();
	ck_assert_int_eq(write(client, GET, sizeof(GET) - 1), sizeof(GET) - 1);
	answers(taken(), ANSWER);
	reads(client, "Connection: close\r\n");
	close(client);
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': false}");
	reads_end(other);
	heard("drained");
	ends(0);
}
END_TEST

/* Without its control process a worker finishes what it has. */
START_TEST(test_control_gone)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	int client = asked(&address), service = taken();
	ck_assert_int_eq(shutdown(channel, SHUT_WR), 0);
	stops_listening();
	answers(service, ANSWER);
	reads(client, "Connection: close\r\n");
	close(client);
	ends(0);
}
END_TEST

/* A refused connection is worth a word, and not one for each. */
START_TEST(test_look)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	close(origin);
	int client = asked(&address);
	reads(client, "connect_refused");
	json_t *look = hear("look");
	ck_assert_str_eq(json_string_value(json_object_get(look, "service")), "s");
	json_decref(look);
	ck_assert_uint_ge(slab.endpoints[0].refused, 1);
	close(client);
	tell("{'type': 'drain', 'limit_ms': 0, 'keep_idle': false}");
	heard("drained");
	ends(0);
}
END_TEST

START_TEST(test_hold)
{
	char text[256];
	json_t *ready = serving(&(struct start){ .more = NULL });
	json_t *plugin = json_array_get(json_object_get(ready, "plugins"), 0);

	snprintf(text, sizeof(text),
		 "{'type': 'hold', 'plugins': [{'name': 'relay', 'hash': '%s'}]}",
		 json_string_value(json_object_get(plugin, "hash")));
	json_decref(ready);
	tell(text);
	/* Messages are read before the connection that comes behind them, or a moment later. */
	int client = -1;
	while (slab.header->ended[END_PLUGIN_QUARANTINED] == 0) {
		client = asked(&address);
		struct pollfd either[2] = { { .fd = client, .events = POLLIN },
					    { .fd = origin, .events = POLLIN } };
		ck_assert_int_gt(poll(either, 2, limit_ms()), 0);
		if (either[1].revents)
			close(accept(origin, NULL, NULL));
		close(client);
	}
	tell("{'type': 'hold', 'plugins': []}");
	tell("{'type': 'drain', 'limit_ms': 0, 'keep_idle': false}");
	heard("drained");
	ends(0);
}
END_TEST

/* Another worker's socket, while that cannot accept. */
START_TEST(test_adopts)
{
	json_decref(serving(&(struct start){ .more = NULL }));
	int client = asked(&spare_address);
	tell("{'type': 'adopt', 'worker': 3, 'on': true}");
	answers(taken(), ANSWER);
	reads(client, "\r\n\r\nok");
	close(client);
	tell("{'type': 'drain', 'limit_ms': 600000, 'keep_idle': false}");
	heard("drained");
	ends(0);
}
END_TEST

/* The errors are told with their places, all of them, and nothing is served. */
static void fails(const struct start *s, const char *first, size_t count)
{
	begin(s);
	json_t *failed = hear("failed");
	const json_t *errors = json_object_get(failed, "errors");
	ck_assert_uint_eq(json_array_size(errors), count);
	const char *text = json_string_value(json_array_get(errors, 0));
	ck_assert_msg(strstr(text, first) != NULL, "%s", text);
	json_decref(failed);
	ends(1);
}

START_TEST(test_bad_configuration)
{
	fails(&(struct start){ .members = "'routs': [], 'acces_log': ''" }, "f:1:", 2);
	fails(&(struct start){ .members = "'routes': [{'path': '/a', 'plugin': 'relay'}, {'path': "
					  "'/a', 'plugin': 'nowhere'}]" },
	      "f:1:", 3);
	fails(&(struct start){ .members = "'routes': [{'path': '/', 'plugin': 'relay', 'config': "
					  "{'service': 's', 'add_prefix': 'x'}}]" },
	      "/routes/0/config/add_prefix: begins with \"/\"", 1);
}
END_TEST

/* What can only be found out with the loop there is told in the same way. */
START_TEST(test_cannot_serve)
{
	begin(&(struct start){ .members = "'access_log': '/nonexistent/log', 'routes': []" });
	json_t *failed = hear("failed");
	ck_assert_ptr_nonnull(strstr(line.p, "access_log: cannot open /nonexistent/log"));
	json_decref(failed);
	ends(1);

	begin(&(struct start){ .no_socket = true });
	heard("needs");
	tell("{'type': 'told'}");
	failed = hear("failed");
	ck_assert_ptr_nonnull(strstr(line.p, "listen: "));
	json_decref(failed);
	heard("drained");
	ends(1);
}
END_TEST

/* It is for the control process's use alone. */
START_TEST(test_not_by_hand)
{
	begin(&(struct start){ .no_start = true });
	ends(2);
	begin(&(struct start){ .more = ", \"listen\": 0" });
	ends(2);
	begin(&(struct start){ .more = ", \"listen\": 100000" });
	ends(2);
	begin(&(struct start){ .text_more = 1 });
	ends(2);
	begin(&(struct start){ .no_slab = true });
	ends(2);
}
END_TEST

int main(void)
{
	return SUITE("worker", test_life, test_drain_limit, test_drain_is_ended, test_keeps_idle,
		     test_control_gone, test_look, test_hold, test_adopts, test_bad_configuration,
		     test_cannot_serve, test_not_by_hand);
}
