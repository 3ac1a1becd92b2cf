/* SPDX-License-Identifier: Apache-2.0 */
/* control/inspect.c: a child that reports while the loop goes on, that dies, and that is let go. */
#include "control/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cli.h"
#include "plugin/file.h"

/* The other side: "gatehouse probe -- show ..." says what it was started with, "wait" waits. */
static int show(int argc, char **argv)
{
	json_t *words = json_array(), *fds = json_array();
	char input[64];
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *entry;

	for (int i = 0; i < argc; i++)
		json_array_append_new(words, json_string(argv[i]));
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(d))
			json_array_append_new(fds, json_integer(atoi(entry->d_name)));
	closedir(d);
	ssize_t n = read(STDIN_FILENO, input, sizeof(input) - 1);
	input[n > 0 ? n : 0] = '\0';
	puts("printed");
	json_t *report = json_pack("{s:o, s:o, s:s, s:b, s:b}", "words", words, "fds", fds, "input",
				   input, "token", getenv("CONSUL_HTTP_TOKEN") != NULL, "address",
				   getenv("CONSUL_HTTP_ADDR") != NULL);
	int rc = json_dumpfd(report, INSPECT_FD_REPORT, 0);
	json_decref(report);
	return rc;
}

static uv_loop_t loop;
static struct error e;
static struct inspect *check;
static int calls;
static json_t *report; /* of the last call: a reference of its own */
static char why[256];

static void on_report(void *arg, const json_t *got, const char *reason)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
	ck_assert(!got == !!reason);
	json_decref(report);
	report = json_deep_copy(got);
	snprintf(why, sizeof(why), "%s", reason ? reason : "");
	check = NULL;
}

static struct inspect *start_words(const char *const *words, const char *input, const int *fds,
				   size_t n)
{
	calls = 0;
	e.text[0] = '\0';
	return inspect_start(&(struct inspect_spec){ .loop = &loop,
						     .operands = words,
						     .input = str_from(input),
						     .fds = fds,
						     .fd_count = n,
						     .cb = on_report,
						     .arg = &calls },
			     &e);
}

#define start(input, ...) start_words((const char *const[]){ __VA_ARGS__, NULL }, (input), NULL, 0)

/* Until nothing is left of it. */
static void finish(void)
{
	cli_catch();
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cli_caught();
	ck_assert_str_eq(cli_out.text, "");
}

/* What these words come to is in report and why. */
#define run(input, ...)                                                                            \
	do {                                                                                       \
		cli_catch();                                                                       \
		check = start(input, __VA_ARGS__);                                                 \
		ck_assert_msg(check != NULL, "%s", e.text);                                        \
		ck_assert_int_eq(calls, 0);                                                        \
		ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);                                \
		cli_caught();                                                                      \
		ck_assert_int_eq(calls, 1);                                                        \
	} while (0)

static void setup(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void teardown(void)
{
	json_decref(report);
	report = NULL;
	/* No handle is left in it. */
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static const char *config(const char *options)
{
	static char text[PATH_MAX + 256];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [{\"path\": \"/\","
		 " \"plugin\": \"check_crash\", \"config\": {%s}}]}",
		 scratch_plugins_built(), options);
	return text;
}

START_TEST(test_report)
{
	setup();
	run("", "plugin", scratch_plugins_built(), "lab_info");
	ck_assert_str_eq(json_text(report, "version"), "2.1");
	ck_assert_str_eq(why, "");
	teardown();
}
END_TEST

START_TEST(test_what_the_child_gets)
{
	json_t *words = json_pack("[s,s,s,s,s,s]", "gatehouse", "probe", "--", "show", "--help",
				  "");
	json_t *fds = json_pack("[i,i,i,i]", 0, 1, 2, 3);

	setup();
	/* One that a library has left open is not the child's. */
	int stray = open("/dev/null", O_RDONLY);
	setenv("CONSUL_HTTP_TOKEN", "t", 1);
	setenv("CONSUL_HTTP_ADDR", "127.0.0.1:8500", 1);
	run("the input", "show", "--help", "");
	ck_assert(json_equal(json_object_get(report, "words"), words));
	ck_assert(json_equal(json_object_get(report, "fds"), fds));
	ck_assert_str_eq(json_text(report, "input"), "the input");
	/* Standard output is for nobody but people. */
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text, "printed\n");
	close(stray);
	json_decref(words);
	json_decref(fds);
	/* Credentials are not for a process that runs plugins. */
	ck_assert(json_is_false(json_object_get(report, "token")));
	ck_assert(json_is_true(json_object_get(report, "address")));
	teardown();
}
END_TEST

START_TEST(test_further_descriptors)
{
	struct plugin_file file;

	setup();
	ck_assert_int_eq(plugin_file_open(&file, scratch_plugins_built(), "lab_info", &e), 0);
	const char *words[] = { "file", "lab_info", "/x/y.so", file.hash, NULL };
	check = start_words(words, "", &file.fd, 1);
	ck_assert_msg(check != NULL, "%s", e.text);
	/* It has its own by now. */
	plugin_file_close(&file);
	finish();
	ck_assert_int_eq(calls, 1);
	ck_assert_str_eq(json_text(report, "name"), "lab_info");
	ck_assert_str_eq(json_text(report, "file"), "/x/y.so");
	teardown();
}
END_TEST

START_TEST(test_ends_of_a_child)
{
	setup();
	run(config(""), "config", "gateway.json");
	ck_assert_str_eq(json_text(report, "fault"),
			 "crashed while being checked (SIGSEGV in route_open)");
	ck_assert_str_eq(json_text(report, "plugin"), "check_crash");
	run("no JSON", "config", "gateway.json");
	ck_assert_ptr_null(report);
	ck_assert_str_eq(why, "the process that checks plugins ended with 1 and no report");
	run(config("\"number\": 9"), "config", "gateway.json");
	ck_assert_ptr_null(report);
	ck_assert_str_eq(why, "the process that checks plugins ended by signal 9 (Killed)");
	teardown();
}
END_TEST

START_TEST(test_operands_without_end)
{
	setup();
	run("", "show", "2", "3", "4", "5", "6", "7", "8", "9", "10");
	ck_assert_uint_eq(json_array_size(json_object_get(report, "words")), 3 + 8);
	teardown();
}
END_TEST

START_TEST(test_two_at_once)
{
	setup();
	cli_catch();
	check = start("", "show", "one");
	struct inspect *second = start("", "plugin", scratch_plugins_built(), "none");
	ck_assert(check && second);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	cli_caught();
	ck_assert_int_eq(calls, 2);
	teardown();
}
END_TEST

/* The child does not outlive it, and nobody is called. */
START_TEST(test_cancel)
{
	setup();
	unsigned before = open_descriptors();
	check = start("", "wait");
	ck_assert_msg(check != NULL, "%s", e.text);
	inspect_cancel(&check);
	ck_assert_ptr_null(check);
	inspect_cancel(&check);
	finish();
	ck_assert_int_eq(calls, 0);
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	teardown();
}
END_TEST

/* Whichever descriptor is the one too many: a reason, no call, and nothing left. */
START_TEST(test_no_descriptors)
{
	struct rlimit limit, all;
	unsigned refused = 0;

	setup();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	int lowest = dup(STDIN_FILENO);
	close(lowest);
	unsigned before = open_descriptors();
	for (rlim_t n = (rlim_t)lowest; n < (rlim_t)lowest + 20; n++) {
		limit = (struct rlimit){ n, all.rlim_max };
		cli_catch();
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		check = start("", "show");
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		if (!check) {
			ck_assert_ptr_nonnull(strstr(e.text, "check"));
			ck_assert_ptr_nonnull(strstr(e.text, ": "));
			refused++;
		}
		ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
		cli_caught();
		ck_assert_int_eq(calls, !check && e.text[0] ? 0 : 1);
		ck_assert_uint_eq(open_descriptors(), before);
	}
	/* The input, the report, and what starting a process takes. */
	ck_assert_uint_ge(refused, 3);
	ck_assert_uint_lt(refused, 20);
	teardown();
}
END_TEST

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[3], "show") == 0)
		return show(argc, argv);
	if (argc > 3 && strcmp(argv[3], "wait") == 0)
		return pause();
	if (argc > 1)
		return cli_main(argc, argv);
	return SUITE("inspect", test_report, test_what_the_child_gets, test_further_descriptors,
		     test_ends_of_a_child, test_operands_without_end, test_two_at_once, test_cancel,
		     test_no_descriptors);
}
