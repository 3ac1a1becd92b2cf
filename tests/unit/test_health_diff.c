/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/health_diff.c: two lists of checks that differ in one place, in several, or in all. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rand.h"
#include "discovery/health_diff.h"
#include "suite.h"

enum { CHECKS = 400 };

static char told[64 * 1024];
static struct buf one, two;

static void on_diff(void *arg, const char *node, const char *service, uint64_t index)
{
	size_t n = strlen(told);

	ck_assert_ptr_eq(arg, told);
	snprintf(told + n, sizeof(told) - n, "%s/%s:%lu ", node, service, (unsigned long)index);
}

static int diff(const char *before, const char *now)
{
	told[0] = '\0';
	return health_diff(str_from(before), str_from(now), on_diff, told);
}

#define CHECK_OF(node, id, status, service, index)                                                 \
	"{\"Node\":\"" node "\",\"CheckID\":\"" id "\",\"Name\":\"x\",\"Status\":\"" status        \
	"\",\"Output\":\"\\\"},{\\\"Node\\\":\\\"\",\"ServiceName\":\"" service                    \
	"\",\"Definition\":{},\"ModifyIndex\":" index "}"
#define SERF CHECK_OF("n", "serfHealth", "passing", "", "1")
#define A    CHECK_OF("n", "a", "passing", "web", "5")
#define A2   CHECK_OF("n", "a", "critical", "web", "9")
#define B    CHECK_OF("n", "b", "passing", "db", "6")
#define B2   CHECK_OF("n", "b", "warning", "db", "12")
#define C    CHECK_OF("n", "c", "passing", "api", "7")

START_TEST(one_place)
{
	ck_assert_int_eq(diff("[" SERF "," A "," B "]", "[" SERF "," A "," B "]"), 0);
	ck_assert_str_eq(told, "");
	ck_assert_int_eq(diff("[" SERF "," A "," B "]", "[" SERF "," A2 "," B "]"), 0);
	ck_assert_str_eq(told, "n/web:0 n/web:9 ");
	ck_assert_int_eq(diff("[" A "," B "," C "]", "[" A2 "," B "," C "]"), 0);
	ck_assert_str_eq(told, "n/web:0 n/web:9 ");
	ck_assert_int_eq(diff("[" A "," B "]\n", "[" A "," B2 "]\n"), 0);
	ck_assert_str_eq(told, "n/db:0 n/db:12 ");
	/* What lies between two changes is compared in pairs. */
	ck_assert_int_eq(diff("[" A "," C "," B "]", "[" A2 "," C "," B2 "]"), 0);
	ck_assert_str_eq(told, "n/web:0 n/web:9 n/db:0 n/db:12 ");
}
END_TEST

START_TEST(come_and_gone)
{
	ck_assert_int_eq(diff("[" A "," B "]", "[" A "," B "," C "]"), 0);
	ck_assert_ptr_nonnull(strstr(told, "n/api:7"));
	ck_assert_int_eq(diff("[" A "," B "," C "]", "[" A "," C "]"), 0);
	ck_assert_ptr_nonnull(strstr(told, "n/db:0"));
	ck_assert_int_eq(diff("[" A "," B "]", "[" B "]"), 0);
	ck_assert_ptr_nonnull(strstr(told, "n/web:0"));
	ck_assert_int_eq(diff("[" A "]", "[]"), 0);
	ck_assert_str_eq(told, "n/web:0 ");
	ck_assert_int_eq(diff("[]", "[" A "]"), 0);
	ck_assert_str_eq(told, "n/web:5 ");
}
END_TEST

/* As a dev agent writes it. */
START_TEST(indented)
{
#define INDENTED(id, status)                                                                       \
	"    {\n        \"Node\": \"n\",\n        \"CheckID\": \"" id                              \
	"\",\n        \"Status\": \"" status "\",\n        \"ServiceName\": \"" id                 \
	"\",\n        \"Definition\": {},\n        \"ModifyIndex\": 7\n    }"
	const char *before = "[\n" INDENTED("a", "passing") ",\n" INDENTED("b", "passing") "\n]";
	const char *now = "[\n" INDENTED("a", "passing") ",\n" INDENTED("b", "critical") "\n]";

	ck_assert_int_eq(diff(before, now), 0);
	ck_assert_str_eq(told, "n/b:0 n/b:7 ");
	now = "[\n" INDENTED("b", "passing") "\n]";
	ck_assert_int_eq(diff(before, now), 0);
	ck_assert_ptr_nonnull(strstr(told, "n/a:0 "));
}
END_TEST

START_TEST(cannot_be_told)
{
	ck_assert_int_eq(diff("", "[" A "]"), -1);
	ck_assert_int_eq(diff("[" A "]", "<html>"), -1);
	ck_assert_int_eq(diff("[" A "]", "[" A "," B ",{\"Node\":\"n\",\"Serv"), -1);
	ck_assert_int_eq(diff("[" A "]", "[{\"Node\":\"n\",\"ServiceName\":7}]"), -1);
}
END_TEST

/* A list in which each check may be absent, as it was, or as it is. */
static void list_of(struct buf *b, const unsigned char *states)
{
	const char *sep = "[";

	buf_clear(b);
	for (int i = 0; i < CHECKS; i++) {
		if (states[i] == 0)
			continue;
		buf_printf(b,
			   "%s{\"Node\":\"n\",\"CheckID\":\"c%d\",\"Output\":\"%d\","
			   "\"ServiceName\":\"s%d\",\"ModifyIndex\":%d}",
			   sep, i, states[i], i, i);
		sep = ",";
	}
	buf_str_append(b, *sep == '[' ? STR("[]") : STR("]"));
}

/* Whatever differs is told, whatever the rest is. */
START_TEST(nothing_is_missed)
{
	unsigned char before[CHECKS], now[CHECKS];
	struct rand rnd;
	char name[32];

	rand_seed(&rnd, 7);
	buf_init(&one, 0);
	buf_init(&two, 0);
	for (int round = 0; round < 400; round++) {
		unsigned share = 1 + (unsigned)rand_below(&rnd, round % 2 ? CHECKS : 4);

		for (int i = 0; i < CHECKS; i++) {
			before[i] = (unsigned char)rand_below(&rnd, 3);
			now[i] = rand_below(&rnd, CHECKS) < share ?
					 (unsigned char)rand_below(&rnd, 3) :
					 before[i];
		}
		list_of(&one, before);
		list_of(&two, now);
		told[0] = '\0';
		ck_assert_int_eq(health_diff(buf_str(&one), buf_str(&two), on_diff, told), 0);
		for (int i = 0; i < CHECKS; i++) {
			snprintf(name, sizeof(name), "n/s%d:", i);
			if (before[i] != now[i])
				ck_assert_msg(strstr(told, name), "round %d: %s", round, name);
		}
	}
	buf_fini(&one);
	buf_fini(&two);
}
END_TEST

int main(void)
{
	return SUITE("health_diff", one_place, come_and_gone, indented, cannot_be_told,
		     nothing_is_missed);
}
