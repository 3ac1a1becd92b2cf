/* SPDX-License-Identifier: Apache-2.0 */
/* cli/probe.c: the child process that loads plugins, with the descriptors that it is given. */
#include <signal.h>
#include <sys/wait.h>

#include "cli.h"
#include "control/inspect.h"
#include "plugin/file.h"

enum { PROBE_WORDS_MAX = 12, PROBE_OUTPUT_MAX = 64 * 1024 };

/* A probe that runs or has ended. */
static struct {
	pid_t pid;
	int report, printed; /* files */
	int copy;            /* of a plugin; -1: none is handed */
	int status;          /* of waitpid() */
} probe = { .copy = -1 };

static int file_of(const char *text, size_t n)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void start(const char *const *words, const char *input)
{
	const char *argv[PROBE_WORDS_MAX] = { "gatehouse", "probe", "--" };
	int in = file_of(input, strlen(input));

	for (size_t i = 0; words[i]; i++)
		argv[i + 3] = words[i];
	probe.report = file_of("", 0);
	probe.printed = file_of("", 0);
	fflush(NULL);
	probe.pid = fork();
	if (probe.pid == 0) {
		int fds[] = { in, probe.printed, probe.printed, probe.report, probe.copy };
		for (int i = 0; i < 5; i++)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 20);
		for (int i = 0; i < (probe.copy >= 0 ? 5 : 4); i++)
			dup2(fds[i], i);
		execv("/proc/self/exe", (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(in);
}

static const char *text_of(int fd)
{
	static char text[PROBE_OUTPUT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

/* Its report, or NULL when there is none: a new reference. */
static json_t *end(void)
{
	ck_assert_int_eq(waitpid(probe.pid, &probe.status, 0), probe.pid);
	return json_loads(text_of(probe.report), 0, NULL);
}

static json_t *run_words(const char *const *words, const char *input)
{
	start(words, input);
	json_t *report = end();
	close(probe.printed);
	return report;
}

#define run(input, ...) run_words((const char *const[]){ __VA_ARGS__, NULL }, (input))

static void ck_exit(int status)
{
	ck_assert_msg(WIFEXITED(probe.status), "status %d", probe.status);
	ck_assert_int_eq(WEXITSTATUS(probe.status), status);
}

static void ck_fault(json_t *report, const char *plugin, const char *fault)
{
	ck_exit(CLI_FAILED);
	ck_assert_str_eq(json_text(report, "plugin"), plugin);
	ck_assert_str_eq(json_text(report, "fault"), fault);
	json_decref(report);
}

/* A configuration with these routes. */
static const char *config(const char *routes)
{
	static char text[PATH_MAX + 1024];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [%s]}",
		 scratch_plugins_built(), routes);
	return text;
}

START_TEST(test_plugin)
{
	json_t *report = run("", "plugin", scratch_plugins_built(), "lab_info");

	ck_exit(CLI_OK);
	ck_assert_str_eq(json_text(report, "name"), "lab_info");
	ck_assert_uint_eq(strlen(json_text(report, "hash")), 16);
	json_decref(report);
	report = run("", "plugin", scratch_plugins_built(), "refuse_major");
	ck_exit(CLI_OK);
	ck_assert_uint_eq(json_object_size(report), 1);
	ck_contains(json_text(report, "error"), "built for plugin ABI 2");
	json_decref(report);
}
END_TEST

START_TEST(test_plugin_that_crashes)
{
	ck_fault(run("", "plugin", scratch_plugins_built(), "check_start"), "check_start",
		 "crashed while being checked (SIGABRT in load)");
}
END_TEST

START_TEST(test_config)
{
	json_t *report = run(config("{\"path\": \"/a\", \"plugin\": \"lab_info\"},"
				    "{\"path\": \"/b\", \"plugin\": \"lab_info\","
				    " \"config\": {\"service\": \"s\"},"
				    " \"filters\": [{\"plugin\": \"check_options\","
				    "              \"config\": {\"service\": \"t\"}}]}"),
			     "config", "gateway.json");
	json_t *expected = json_pack("{s:[], s:[s,s], s:i, s:[[],[s,s]]}", "errors", "services",
				     "s", "t", "plugins", 2, "routes", "s", "t");

	ck_exit(CLI_OK);
	/* The order in which services were met is not promised. */
	ck_assert_uint_eq(json_array_size(json_object_get(report, "services")), 2);
	json_object_set(expected, "services", json_object_get(report, "services"));
	ck_assert(json_equal(report, expected));
	json_decref(expected);
	json_decref(report);
}
END_TEST

START_TEST(test_config_with_faults)
{
	json_t *report = run(config("{\"path\": \"/a\", \"plugin\": \"lab_info\","
				    " \"config\": {\"servce\": \"s\"}}"),
			     "config", "gateway.json");
	const json_t *item = json_array_get(json_object_get(report, "errors"), 0);

	ck_exit(CLI_OK);
	ck_assert_str_eq(json_text(item, "pointer"), "/routes/0/config/servce");
	ck_contains(json_text(item, "text"), "did you mean \"service\"?");
	ck_assert_uint_eq(json_array_size(json_object_get(report, "errors")), 1);
	json_decref(report);
	/* The text itself is the parent's to judge. */
	ck_assert_ptr_null(run("{", "config", "gateway.json"));
	ck_exit(CLI_FAILED);
}
END_TEST

START_TEST(test_config_whose_plugin_crashes)
{
	static const struct {
		const char *options, *fault;
	} cases[] = {
		{ "", "crashed while being checked (SIGSEGV in route_open)" },
		{ "\"number\": 8", "crashed while being checked (SIGFPE in route_open)" },
		{ "\"number\": 4", "crashed while being checked (SIGILL in route_open)" },
		{ "\"number\": 7", "crashed while being checked (SIGBUS in route_open)" },
		{ "\"number\": 6", "crashed while being checked (SIGABRT in route_open)" },
		/* There is no stack left to report on. */
		{ "\"overflow\": true", "crashed while being checked (SIGSEGV in route_open)" },
	};
	char route[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(route, sizeof(route),
			 "{\"path\": \"/\", \"plugin\": \"check_crash\", \"config\": {%s}}",
			 cases[i].options);
		ck_fault(run(config(route), "config", "gateway.json"), "check_crash",
			 cases[i].fault);
	}
	ck_fault(run(config("{\"path\": \"/\", \"plugin\": \"check_start\"}"), "config", "f"),
		 "check_start", "crashed while being checked (SIGABRT in load)");
	/* SIGKILL leaves no time for a report. */
	ck_assert_ptr_null(run(config("{\"path\": \"/\", \"plugin\": \"check_crash\","
				      " \"config\": {\"number\": 9}}"),
			       "config", "gateway.json"));
	ck_assert(WIFSIGNALED(probe.status));
}
END_TEST

/* The alarm comes early here: a test does not wait for 10 s. */
START_TEST(test_config_whose_plugin_hangs)
{
	char route[700];
	const char *fifo = scratch_path("fifo");

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	snprintf(route, sizeof(route),
		 "{\"path\": \"/\", \"plugin\": \"check_hang\", \"config\": {\"fifo\": \"%s\"}}",
		 fifo);
	start((const char *const[]){ "config", "gateway.json", NULL }, config(route));
	int fd = open(fifo, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kill(probe.pid, SIGALRM), 0);
	ck_fault(end(), "check_hang",
		 "did not come back within 10 s while being checked (stuck in route_open)");
	close(probe.printed);
	close(fd);
}
END_TEST

/* Standard output is the plugin's: what stands there is not in the report. */
START_TEST(test_what_a_plugin_prints)
{
	start((const char *const[]){ "config", "gateway.json", NULL },
	      config("{\"path\": \"/\", \"plugin\": \"check_options\","
		     " \"config\": {\"service\": \"s\"}}"));
	json_t *report = end();
	ck_exit(CLI_OK);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "plugins")), 1);
	json_decref(report);
	ck_contains(text_of(probe.printed), "{\"not\": \"a report\"}\n");
}
END_TEST

/* The copy that it was handed, whatever the path says. */
static json_t *run_file(const char *name)
{
	struct plugin_file file;
	struct error e = { "" };

	ck_assert_msg(plugin_file_open(&file, scratch_plugins_built(), name, &e) == 0, "%s",
		      e.text);
	probe.copy = file.fd;
	json_t *report = run("", "file", name, "/x/y.so", file.hash);
	probe.copy = -1;
	ck_assert(!json_object_get(report, "hash") ||
		  strcmp(json_text(report, "hash"), file.hash) == 0);
	plugin_file_close(&file);
	return report;
}

START_TEST(test_file)
{
	json_t *report = run_file("lab_info");

	ck_exit(CLI_OK);
	ck_assert_str_eq(json_text(report, "name"), "lab_info");
	ck_assert_str_eq(json_text(report, "file"), "/x/y.so");
	json_decref(report);
	report = run_file("refuse_version");
	ck_exit(CLI_OK);
	ck_contains(json_text(report, "error"), "lacks a name or a version");
	json_decref(report);
	ck_fault(run_file("check_start"), "check_start",
		 "crashed while being checked (SIGABRT in load)");
	/* No copy at all. */
	report = run("", "file", "lab_info", "/x/y.so", "0123456789abcdef");
	ck_exit(CLI_OK);
	ck_assert_str_ne(json_text(report, "error"), "");
	json_decref(report);
}
END_TEST

/* "reload": the text, and what was handed behind it. */
static json_t *run_reload(const char *text, const char *handed)
{
	static char all[PATH_MAX + 4096];
	char size[32];

	snprintf(all, sizeof(all), "%s%s", text, handed);
	snprintf(size, sizeof(size), "%zu", strlen(text));
	return run(all, "reload", "gateway.json", size);
}

START_TEST(test_reload)
{
	json_t *report = run_reload(config("{\"path\": \"/a\", \"plugin\": \"lab_info\"}"), "");

	ck_exit(CLI_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "errors")), 0);
	json_decref(report);
	report = run_reload(config("{\"path\": \"/a\", \"plugin\": \"lab_info\"}"),
			    "{\"plugins\": [], \"routes\": [{\"plugin\": \"lab_info\","
			    " \"index\": 0, \"path\": \"/{\"}]}");
	ck_exit(CLI_OK);
	json_t *errors = json_object_get(report, "errors");
	ck_assert_uint_eq(json_array_size(errors), 1);
	ck_contains(json_text(json_array_get(errors, 0), "pointer"), "/autoload/lab_info/0");
	json_decref(report);
}
END_TEST

/* Of routes and of plugins: all at once, each as a line for people too. */
START_TEST(test_reload_with_faults)
{
	json_t *report = run_reload(config("{\"path\": \"/a\", \"plugin\": \"no_such\"},"
					   "{\"path\": \"/a\", \"plugin\": \"lab_info\"}"),
				    "");
	json_t *errors = json_object_get(report, "errors"), *item;
	const char *const pointers[] = { "/routes/0/plugin", "/routes/1" };
	size_t i;

	ck_exit(CLI_OK);
	ck_assert_uint_eq(json_array_size(errors), 2);
	json_array_foreach(errors, i, item)
	{
		ck_assert_str_eq(json_text(item, "pointer"), pointers[i]);
		ck_assert_int_eq(strncmp(json_text(item, "line"), "gateway.json:1:", 15), 0);
		ck_contains(json_text(item, "line"), json_text(item, "text"));
	}
	json_decref(report);
	report = run_reload("{\"listen\": ", "");
	ck_exit(CLI_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "errors")), 1);
	json_decref(report);
	/* Less than it was promised. */
	ck_assert_ptr_null(run("{}", "reload", "gateway.json", "3"));
	ck_exit(CLI_FAILED);
}
END_TEST

/* "diff" from one set of routes to another. */
static json_t *run_diff(const char *old, const char *new)
{
	json_t *input = json_pack("{s:{s:s}}", "old", "text", config(old));

	json_object_set_new(input, "new", json_pack("{s:s}", "text", config(new)));
	char *text = json_dumps(input, 0);
	json_t *report = run(text, "diff", "gateway.json");
	free(text);
	json_decref(input);
	return report;
}

START_TEST(test_diff)
{
	static const char a[] = "{\"path\": \"/a\", \"plugin\": \"lab_info\"}";
	json_t *report = run_diff(a, "{\"path\": \"/a\", \"plugin\": \"lab_info\","
				     " \"config\": {\"service\": \"s\"}}");

	ck_exit(CLI_OK);
	const json_t *changes = json_object_get(report, "changes");
	ck_assert_uint_eq(json_array_size(changes), 1);
	ck_assert_str_eq(json_text(json_array_get(changes, 0), "pointer"),
			 "/routes/0/config/service");
	json_decref(report);
	report = run_diff(a, "{\"path\": \"/a\", \"plugin\": \"none\"}");
	ck_exit(CLI_OK);
	ck_assert_ptr_null(json_object_get(report, "changes"));
	ck_contains(json_text(json_array_get(json_object_get(report, "errors"), 0), "line"),
		    "gateway.json:1:");
	json_decref(report);
	/* It is the second set whose plugin runs then. */
	ck_fault(run_diff(a, "{\"path\": \"/\", \"plugin\": \"check_crash\"}"), "check_crash",
		 "crashed while being checked (SIGSEGV in route_open)");
}
END_TEST

START_TEST(test_symbols)
{
	json_t *report = run("{\"maps\": \"\", \"frames\": [16]}", "symbols", "/nowhere");
	json_t *expected = json_pack("{s:[s]}", "backtrace", "0x10");

	ck_exit(CLI_OK);
	ck_assert(json_equal(report, expected));
	json_decref(report);
	report = run("no JSON", "symbols", "/nowhere");
	ck_exit(CLI_OK);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "backtrace")), 0);
	json_decref(report);
	json_decref(expected);
}
END_TEST

START_TEST(test_usage)
{
	ck_assert_ptr_null(run("", "config"));
	ck_exit(CLI_USAGE);
	ck_assert_ptr_null(run("", "plugin", "a", "b", "c", "d"));
	ck_exit(CLI_USAGE);
}
END_TEST

CLI_SUITE("probe", test_plugin, test_plugin_that_crashes, test_config, test_config_with_faults,
	  test_config_whose_plugin_crashes, test_config_whose_plugin_hangs,
	  test_what_a_plugin_prints, test_file, test_reload, test_reload_with_faults, test_diff,
	  test_symbols, test_usage)
