/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

static int log_pipe[2];
static char out[65536];

/* stderr becomes a pipe; each test runs in a process of its own. */
static void test_capture(bool json)
{
	ck_assert_int_eq(pipe(log_pipe), 0);
	ck_assert_int_eq(fcntl(log_pipe[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(log_pipe[1], STDERR_FILENO), STDERR_FILENO);
	log_init(LOG_INFO, json, "worker 0");
}

static struct str test_written(void)
{
	ssize_t n = read(log_pipe[0], out, sizeof(out) - 1);

	n = n < 0 ? 0 : n;
	out[n] = '\0';
	return (struct str){ out, (size_t)n };
}

/* One line of JSON and nothing else. */
static json_t *test_parsed(void)
{
	struct str line = test_written();
	json_error_t e;

	ck_assert_uint_gt(line.n, 1);
	ck_assert_uint_le(line.n, 8192);
	ck_assert_ptr_eq(memchr(line.p, '\n', line.n), line.p + line.n - 1);
	for (size_t i = 0; i < line.n - 1; i++)
		ck_holds((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
	json_t *root = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	ck_assert_msg(root != NULL, "%s: %s", e.text, line.p);
	return root;
}

static const char *test_member(json_t *root, const char *key)
{
	return json_string_value(json_object_get(root, key));
}

START_TEST(test_json_line)
{
	test_capture(true);
	errno = ENOENT;
	log_warn("it \"stopped\"", LOG_S("why", "a\nb\"}{\x01"), LOG_I("code", -3),
		 LOG_U("bytes", UINT64_MAX >> 1), LOG_STR("slice", STR("x\0y")),
		 LOG_S("none", NULL));
	ck_assert_int_eq(errno, ENOENT);
	json_t *root = test_parsed();
	ck_assert_str_eq(test_member(root, "level"), "warn");
	ck_assert_str_eq(test_member(root, "process"), "worker 0");
	ck_assert_str_eq(test_member(root, "message"), "it \"stopped\"");
	ck_assert_str_eq(test_member(root, "why"), "a\nb\"}{\x01");
	ck_assert_str_eq(test_member(root, "none"), "");
	ck_assert_int_eq(json_integer_value(json_object_get(root, "code")), -3);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "bytes")), INT64_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "pid")), getpid());
	ck_assert_uint_eq(strlen(test_member(root, "time")), 27);
	json_decref(root);
}
END_TEST

START_TEST(test_text_line)
{
	test_capture(false);
	log_info("started", LOG_S("plain", "a-b/c:1"), LOG_S("spaced", "two words"),
		 LOG_S("empty", ""), LOG_S("forged", "x\n2026 error y=z"), LOG_S("eq", "a=b"),
		 LOG_S("quote", "\"q\""), LOG_I("n", 7));
	struct str line = test_written();
	ck_assert_uint_gt(line.n, 28);
	ck_assert_str_eq(out + 27, " info  worker 0: started plain=a-b/c:1 spaced=\"two words\" "
				   "empty=\"\" forged=\"x\\n2026 error y=z\" eq=\"a=b\" "
				   "quote=\"\\\"q\\\"\" n=7\n");
	log_error("a\nb\x1b[31m");
	test_written();
	ck_assert_str_eq(out + 27, " error worker 0: \"a\\nb\\u001b[31m\"\n");
}
END_TEST

START_TEST(test_threshold)
{
	test_capture(true);
	log_debug("hidden");
	ck_assert_uint_eq(test_written().n, 0);
	log_threshold = LOG_DEBUG;
	log_debug("shown");
	json_decref(test_parsed());
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i)), i);
	ck_assert_int_eq(log_level_parse("INFO"), -1);
	ck_assert_int_eq(log_level_parse(""), -1);
}
END_TEST

/* Whatever is too long is cut where the line stays valid, with every kind of byte. */
START_TEST(test_long_lines)
{
	static char value[20000];
	static const char fills[] = { 'x', '\n', '\x01', '\xff', '"' };

	test_capture(true);
	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(value, fills[i], sizeof(value) - 1);
		log_info(value, LOG_S("a", value), LOG_I("n", 1), LOG_S("b", value));
		json_t *root = test_parsed();
		ck_assert(json_is_true(json_object_get(root, "truncated")));
		ck_assert_uint_gt(strlen(test_member(root, "message")), 500);
		ck_assert_uint_gt(strlen(test_member(root, "a")), 400);
		json_decref(root);
	}
	/* Each length around the limit. */
	memset(value, 'x', sizeof(value) - 1);
	for (size_t n = 7900; n < 8192; n++) {
		log_info("m", LOG_STR("a", ((struct str){ value, n })),
			 LOG_U("n", UINT64_MAX >> 1));
		json_decref(test_parsed());
	}
	log_init(LOG_INFO, false, "p");
	for (size_t n = 7900; n < 8192; n++) {
		log_info("m", LOG_STR("a", ((struct str){ value, n })), LOG_S("long_key", "b c"));
		struct str line = test_written();
		ck_assert_ptr_eq(memchr(line.p, '\n', line.n), line.p + line.n - 1);
		bool whole = strstr(out, " long_key=\"b c\"\n") != NULL;
		ck_assert_int_ne(whole, strstr(out, " truncated=true\n") != NULL);
	}
	log_info(value, LOG_S("a", value), LOG_S("b", "c"));
	struct str line = test_written();
	ck_assert_uint_le(line.n, 8192);
	ck_assert_uint_gt(line.n, 7000);
	ck_assert_ptr_eq(memchr(line.p, '\n', line.n), line.p + line.n - 1);
	ck_assert_ptr_nonnull(strstr(line.p, " truncated=true\n"));
}
END_TEST

/* Nobody reads: the process goes on, and the loss is told once somebody does. */
START_TEST(test_full_pipe)
{
	static char value[6000];
	struct timespec start, end;

	test_capture(true);
	memset(value, 'x', sizeof(value) - 1);
	/* An odd number of pages first, so that the pipe is full within a line. */
	log_info("first");
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 1000; i++)
		log_info("m", LOG_S("value", value));
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_le(end.tv_sec - start.tv_sec, 5);
	while (test_written().n)
		;
	log_info("after");
	test_written();
	/* Not on the line that was cut. */
	ck_assert(strncmp(out, "\n{\"time\"", 8) == 0);
	char *lines = strstr(out, "\"lines\":");
	ck_assert_ptr_nonnull(lines);
	ck_assert_int_gt(atoi(lines + 8), 900);
	ck_assert_ptr_nonnull(strstr(out, "\"after\"}\n{"));
	log_info("usual");
	json_decref(test_parsed());
}
END_TEST

START_TEST(test_closed_stderr)
{
	close(STDERR_FILENO);
	log_info("into nothing", LOG_I("n", 1));
	log_info("into nothing", LOG_I("n", 2));
}
END_TEST

int main(void)
{
	return SUITE("log", test_json_line, test_text_line, test_threshold, test_long_lines,
		     test_full_pipe, test_closed_stderr);
}
