/* SPDX-License-Identifier: Apache-2.0 */
/* control/observer.c: a gateway whose file and plugins change under it. */
#include "control/observer.h"

#include "gateway.h"

static char *file;

static const char *gateway_log(void)
{
	static char text[256 * 1024];
	FILE *f = fopen(scratch_path("log"), "re");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static unsigned count(const char *part)
{
	unsigned n = 0;

	for (const char *at = gateway_log(); (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* Until the log has it so many times; fails when it has it more often. */
static void until(const char *part, unsigned n)
{
	uint64_t limit = clock_mono_ns() + (uint64_t)(suite_timeout() / 2 * 1e9);

	while (count(part) < n) {
		ck_assert_msg(clock_mono_ns() < limit, "never: %s in\n%s", part, gateway_log());
		usleep(20 * 1000);
	}
	ck_assert_uint_eq(count(part), n);
}

static void start(const char *members)
{
	file = strdup(gateway_write(members));
	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	gateway_start(file, "--log-level=info", "--log-format=json");
}

static void stop(void)
{
	ck_assert_int_eq(gateway_stop(), 0);
	free(file);
}

/* In the log: asks of a kind, and what became of them. */
#define FILE_CHANGE   "\"who\":\"file change\""
#define PLUGIN_CHANGE "\"who\":\"plugin change\""
#define RELOADED      " reloaded\""
#define REFUSED       "\"reload refused\""
#define THE_SAME      "\"nothing has changed\""

START_TEST(test_file)
{
	start(", \"watch\": true, \"autoload\": false");
	/* Written in place; what is in the folder of the plugins is not watched. */
	scratch_plugin("plugins/lab_options");
	gateway_write(", \"watch\": true, \"autoload\": false, \"zone\": \"a\"");
	until(RELOADED, 1);
	/* Renamed over, and with a mistake in it: nobody asks again for what was refused. */
	ck_assert_int_eq(rename(scratch_write("new.json", "{"), file), 0);
	until(REFUSED, 1);
	gateway_write(", \"watch\": true, \"autoload\": false, \"zone\": \"b\"");
	until(RELOADED, 2);
	/* Only touched. */
	ck_assert_int_eq(utimensat(AT_FDCWD, file, NULL, 0), 0);
	until(THE_SAME, 1);
	ck_assert_uint_eq(count(RELOADED), 2);
	ck_assert_uint_eq(count(FILE_CHANGE), 4);
	ck_assert_uint_eq(count(PLUGIN_CHANGE), 0);
	stop();
}
END_TEST

START_TEST(test_plugins)
{
	start(", \"watch\": false, \"autoload\": true");
	/* Neither is a plugin. */
	scratch_write("plugins/notes.txt", "x");
	gateway_write(", \"watch\": false, \"autoload\": true, \"zone\": \"a\"");
	scratch_plugin("plugins/lab_options");
	until(RELOADED, 1);
	ck_assert_int_eq(unlink(scratch_path("plugins/lab_options.so")), 0);
	until(RELOADED, 2);
	ck_assert_uint_eq(count(PLUGIN_CHANGE), 2);
	ck_assert_uint_eq(count(FILE_CHANGE), 0);
	stop();
}
END_TEST

CLI_SUITE("observer", test_file, test_plugins)
