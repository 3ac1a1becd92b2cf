/* SPDX-License-Identifier: Apache-2.0 */
/* cli/child.c: a child that reports, one that crashes, and one that leaves nothing. */
#include "cli/child.h"

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

#include "cli.h"

static struct error e;

/* The report of "gatehouse probe WORD..."; what the child printed is in cli_err. */
#define report(input, ...) report_of((const char *const[]){ __VA_ARGS__, NULL }, (input))

static json_t *report_of(const char *const *operands, const char *input)
{
	e.text[0] = '\0';
	cli_catch();
	json_t *got = child_report(operands, str_from(input), &e);
	cli_caught();
	ck_assert_str_eq(cli_out.text, "");
	return got;
}

/* A configuration whose only route has that plugin and options. */
static const char *config(const char *plugin, const char *options)
{
	static char text[PATH_MAX + 512];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [{\"path\": \"/\", "
		 "\"plugin\": \"%s\", \"config\": {%s}}]}",
		 scratch_plugins_built(), plugin, options);
	return text;
}

static void ck_no_report(const json_t *got, const char *why)
{
	ck_assert_ptr_null(got);
	ck_assert_str_eq(e.text, why);
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(test_report)
{
	json_t *got = report("", "plugin", scratch_plugins_built(), "lab_info");

	ck_assert_msg(got != NULL, "%s", e.text);
	ck_assert_str_eq(json_text(got, "name"), "lab_info");
	ck_assert_str_eq(cli_err.text, "");
	json_decref(got);
}
END_TEST

/* A plugin's words are no report. */
START_TEST(test_what_it_prints)
{
	json_t *got = report(config("check_options", "\"service\": \"s\""), "config", "f.json");

	ck_assert_msg(got != NULL, "%s", e.text);
	ck_assert_int_eq(json_integer_value(json_object_get(got, "plugins")), 1);
	ck_contains(cli_err.text, "{\"not\": \"a report\"}");
	ck_contains(cli_err.text, "route_open with hello");
	json_decref(got);
}
END_TEST

START_TEST(test_crash)
{
	json_t *got = report(config("check_crash", ""), "config", "f.json");

	ck_assert_msg(got != NULL, "%s", e.text);
	ck_assert_str_eq(json_text(got, "plugin"), "check_crash");
	ck_assert_str_eq(json_text(got, "fault"),
			 "crashed while being checked (SIGSEGV in route_open)");
	json_decref(got);
}
END_TEST

START_TEST(test_no_report)
{
	ck_no_report(report("not JSON", "config", "f.json"),
		     "the process that checks plugins ended with 1 and no report");
	ck_no_report(report("", "config"),
		     "the process that checks plugins ended with 2 and no report");
	/* SIGKILL cannot be caught. */
	ck_no_report(report(config("check_crash", "\"number\": 9"), "config", "f.json"),
		     "the process that checks plugins ended by signal 9 (Killed)");
}
END_TEST

/* Names that look like options, and more words than there is room for. */
START_TEST(test_operands)
{
	json_t *got = report("", "plugin", scratch_plugins_built(), "--help");

	ck_assert_msg(got != NULL, "%s", e.text);
	ck_contains(json_text(got, "error"), "/--help.so: No such file or directory");
	json_decref(got);
	ck_no_report(report("", "plugin", "2", "3", "4", "5", "6", "7", "8", "9", "10"),
		     "the process that checks plugins ended with 2 and no report");
	ck_contains(cli_err.text, "5: unexpected");
}
END_TEST

/* More than a pipe holds, to a child that reads none of it and to one that reads all. */
START_TEST(test_long_input)
{
	enum { INPUT = 1 << 20 };
	const char *text = config("lab_info", "");
	size_t n = strlen(text);
	char *input = malloc(INPUT + 1);

	memset(input, ' ', INPUT);
	memcpy(input, text, n);
	input[INPUT] = '\0';
	json_t *got = report(input, "config", "f.json");
	ck_assert_msg(got != NULL, "%s", e.text);
	ck_assert_uint_eq(json_array_size(json_object_get(got, "errors")), 0);
	json_decref(got);
	got = report(input, "plugin", scratch_plugins_built(), "lab_info");
	ck_assert_msg(got != NULL, "%s", e.text);
	json_decref(got);
	free(input);
}
END_TEST

START_TEST(test_leaves_nothing)
{
	json_t *got = report("", "plugin", scratch_plugins_built(), "lab_info");
	unsigned before = open_descriptors();

	json_decref(got);
	for (int i = 0; i < 3; i++)
		json_decref(report("", "plugin", scratch_plugins_built(), "nothing"));
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* The descriptors that the child needs may be the very ones that are free here. */
START_TEST(test_low_descriptors)
{
	const char *const operands[] = { "config", "f.json", NULL };

	for (int low = 0; low < 2; low++) {
		struct str text = str_from(config("lab_info", ""));
		int saved = fcntl(low, F_DUPFD_CLOEXEC, 20);
		close(low);
		json_t *got = child_report(operands, text, &e);
		dup2(saved, low);
		close(saved);
		ck_assert_msg(got != NULL, "%s", e.text);
		ck_assert_int_eq(json_integer_value(json_object_get(got, "plugins")), 1);
		json_decref(got);
	}
}
END_TEST

CLI_SUITE("child", test_report, test_what_it_prints, test_crash, test_no_report, test_operands,
	  test_long_input, test_leaves_nothing, test_low_descriptors)
