/* SPDX-License-Identifier: Apache-2.0 */
/* unit/suite.h -- what every unit test program ends with, and slices compared to literals.
 * Called by: tests/unit/test_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_SUITE_H
#define GATEHOUSE_TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

#include "base/str.h"

/* Seconds that one test may take: on a slow machine TEST_SLOW_FACTOR times as many. */
static inline double suite_timeout(void)
{
	const char *factor = getenv("TEST_SLOW_FACTOR");
	double times = factor ? strtod(factor, NULL) : 1;

	return 60 * (times > 1 ? times : 1);
}

/* Runs the tests (ended by NULL), each between setup and teardown: what main() returns. */
static inline int suite_run_between(const char *name, SFun setup, SFun teardown,
				    const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	if (setup)
		tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, suite_timeout());
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* return SUITE("str", test_one, test_two); */
#define SUITE(name, ...) SUITE_BETWEEN(name, NULL, NULL, __VA_ARGS__)
#define SUITE_BETWEEN(name, setup, teardown, ...)                                                  \
	suite_run_between((name), (setup), (teardown), (const TTest *const[]){ __VA_ARGS__, NULL })

/* As ck_assert(), which writes to a file each time: for what is looked at many thousand times. */
#define ck_holds(expr)                                                                             \
	do {                                                                                       \
		if (!(expr))                                                                       \
			ck_abort_msg("does not hold: %s", #expr);                                  \
	} while (0)

/* A slice holds exactly these bytes. */
#define ck_slice(slice, literal)                                                                   \
	do {                                                                                       \
		struct str got_ = (slice);                                                         \
		ck_assert_msg(str_eq(got_, STR(literal)), "%s is \"%.*s\" and not \"%s\"", #slice, \
			      STR_ARGS(got_), literal);                                            \
	} while (0)

#endif
