/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/fit.c: every combination of what is known of up to three endpoints. */
#include "discovery/fit.h"
#include "suite.h"

static struct fit fit_of(bool offered, bool failing, enum outlier_state state)
{
	return (struct fit){ .offered = offered, .failing = failing, .state = state };
}

START_TEST(sound_ones_alone_are_used)
{
	struct fit all[] = {
		fit_of(true, false, OUTLIER_IN),   fit_of(true, false, OUTLIER_EJECTED),
		fit_of(true, false, OUTLIER_DOWN), fit_of(true, true, OUTLIER_IN),
		fit_of(false, false, OUTLIER_IN),
	};

	ck_assert_int_eq(fit_choose(all, 5, true), FIT_SOUND);
	ck_assert(all[0].used);
	for (int i = 1; i < 5; i++)
		ck_assert(!all[i].used);
}
END_TEST

START_TEST(a_guess_gives_way_before_a_fact)
{
	struct fit all[] = { fit_of(true, false, OUTLIER_DOWN),
			     fit_of(true, false, OUTLIER_EJECTED), fit_of(true, true, OUTLIER_IN) };

	ck_assert_int_eq(fit_choose(all, 3, true), FIT_EJECTED);
	ck_assert(!all[0].used && all[1].used && !all[2].used);
}
END_TEST

/* Of those that meet the demands: the smallest number. */
START_TEST(priorities)
{
	struct fit all[] = { fit_of(true, false, OUTLIER_IN), fit_of(true, false, OUTLIER_IN),
			     fit_of(true, false, OUTLIER_IN), fit_of(false, false, OUTLIER_IN) };

	all[0].priority = 20;
	all[1].priority = all[2].priority = 10;
	ck_assert_int_eq(fit_choose(all, 4, true), FIT_SOUND);
	ck_assert(!all[0].used && all[1].used && all[2].used && !all[3].used);
	all[1].state = all[2].state = OUTLIER_DOWN;
	ck_assert_int_eq(fit_choose(all, 4, true), FIT_SOUND);
	ck_assert(all[0].used && !all[1].used && !all[2].used);
	all[0].state = OUTLIER_DOWN;
	all[2].failing = true;
	ck_assert_int_eq(fit_choose(all, 4, true), FIT_REFUSED);
	ck_assert(!all[0].used && all[1].used && !all[2].used);
}
END_TEST

START_TEST(all_refused_are_all_tried)
{
	struct fit all[] = { fit_of(true, false, OUTLIER_DOWN), fit_of(true, false, OUTLIER_DOWN),
			     fit_of(true, true, OUTLIER_IN) };

	ck_assert_int_eq(fit_choose(all, 3, false), FIT_REFUSED);
	ck_assert(all[0].used && all[1].used && !all[2].used);
}
END_TEST

START_TEST(all_failing_is_panic_or_none)
{
	struct fit all[] = { fit_of(true, true, OUTLIER_IN), fit_of(false, false, OUTLIER_IN) };

	ck_assert_int_eq(fit_choose(all, 2, true), FIT_FAILING);
	ck_assert(all[0].used && !all[1].used);
	ck_assert_int_eq(fit_choose(all, 2, false), FIT_NONE);
	ck_assert(!all[0].used && !all[1].used);
	ck_assert_int_eq(fit_choose(all, 0, true), FIT_NONE);
}
END_TEST

/* Never one that is not offered; never empty while one is offered, but for the case above. */
START_TEST(holds_for_all_triples)
{
	for (unsigned code = 0; code < 12 * 12 * 12 * 2; code++) {
		struct fit all[3];
		unsigned rest = code / 2, offered = 0, passing = 0, used = 0;

		for (int i = 0; i < 3; i++, rest /= 12) {
			all[i] = fit_of(rest % 2, rest / 2 % 2, (enum outlier_state)(rest / 4 % 3));
			offered += all[i].offered;
			passing += all[i].offered && !all[i].failing;
		}
		fit_choose(all, 3, code % 2);
		for (int i = 0; i < 3; i++) {
			ck_assert(!all[i].used || all[i].offered);
			used += all[i].used;
		}
		ck_assert((used > 0) == (code % 2 ? offered > 0 : passing > 0));
	}
}
END_TEST

int main(void)
{
	return SUITE("fit", sound_ones_alone_are_used, a_guess_gives_way_before_a_fact, priorities,
		     all_refused_are_all_tried, all_failing_is_panic_or_none,
		     holds_for_all_triples);
}
