/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/watch.c: every rule, with a clock of the test's own. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/rand.h"
#include "discovery/watch.h"
#include "suite.h"

enum { WAIT_MS = 30000, HOLD_MS = 15000 };

static struct watch w;
static struct rand rnd;
static uint64_t now;
static bool leader = true;
static uint64_t contact;

static void setup_rules(bool panic)
{
	struct watch_rules rules = {
		.wait_ms = WAIT_MS, .hold_ms = HOLD_MS, .panic = panic, .sweep_ms = WATCH_SWEEP_MS
	};

	rand_seed(&rnd, 1);
	watch_init(&w, &rules, &rnd);
	now = 1000000;
	leader = true;
	contact = 0;
	watch_start(&w, now);
}

static void setup(void)
{
	setup_rules(true);
}

static void teardown(void)
{
	watch_fini(&w);
}

/* "a b:c d:w e:m": ids, with the status behind a colon; c critical, w warning, m maintenance,
 * 0 warning with weight 0. */
static struct instance_set set_of(const char *text)
{
	struct instance_set set = { 0 };
	char copy[256], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " "))) {
		char *status = strchr(word, ':');
		struct instance *i;

		if (!*word)
			continue;
		if (status)
			*status++ = '\0';
		i = instance_set_add(&set, word, "10.0.0.1");
		i->port = 80;
		i->weight = status && *status == '0' ? 0 : 1;
		i->status = INSTANCE_PASSING;
		if (status && (*status == 'w' || *status == '0'))
			i->status = INSTANCE_WARNING;
		if (status && *status == 'c')
			i->status = INSTANCE_CRITICAL;
		if (status && *status == 'm')
			i->status = INSTANCE_MAINTENANCE;
		snprintf(i->why, sizeof(i->why), "said");
	}
	instance_set_sort(&set);
	return set;
}

static void ask(void)
{
	ck_assert(!w.asking);
	if (now < w.ask_at_ms)
		now = w.ask_at_ms;
	watch_asked(&w, now);
}

/* The answer to the question that is open, after_ms later. */
static void answer(uint64_t after_ms, uint64_t index, const char *text)
{
	struct instance_set set = set_of(text);
	struct watch_answer a = {
		.index = index, .known_leader = leader, .last_contact_ms = contact, .set = &set
	};

	now += after_ms;
	watch_answered(&w, now, &a);
	ck_assert_ptr_null(set.items);
}

/* A question and its answer. */
static void turn(uint64_t after_ms, uint64_t index, const char *text)
{
	ask();
	answer(after_ms, index, text);
}

static void fault(enum watch_fault kind)
{
	ask();
	watch_failed(&w, now, kind);
}

/* The ids that get traffic: "a c". */
static const char *usable(void)
{
	static char text[512];
	struct instance_set view = watch_view(&w);

	text[0] = '\0';
	for (size_t i = 0; i < view.count; i++)
		if (view.items[i].usable)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 text[0] ? " " : "", view.items[i].id);
	instance_set_fini(&view);
	return text;
}

static const char *note(void)
{
	static char text[200];

	watch_note(&w, text, sizeof(text));
	return text;
}

START_TEST(begins_at_index_0_and_then_blocks)
{
	ck_assert_int_eq(w.state, WATCH_SYNCING);
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_uint_eq(watch_due(&w), now);
	turn(2, 17, "a b");
	ck_assert_int_eq(w.state, WATCH_LIVE);
	ck_assert_uint_eq(w.ask_index, 17);
	ck_assert_uint_eq(w.ask_at_ms, now);
	ck_assert_str_eq(usable(), "a b");
	ck_assert_str_eq(note(), "");
}
END_TEST

START_TEST(never_seen_is_not_empty)
{
	turn(2, 5, "");
	ck_assert(w.answered);
	ck_assert(!w.seen);
	ck_assert_str_eq(usable(), "");
	ck_assert_uint_eq(w.holding, 0);
	ck_assert_ptr_nonnull(strstr(note(), "lists none"));
	turn(100, 6, "a");
	ck_assert(w.seen);
}
END_TEST

START_TEST(index_back_is_0)
{
	turn(2, 406, "a");
	turn(100, 12, "a");
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_int_eq(w.state, WATCH_SYNCING);
	ck_assert_uint_eq(w.index_resets, 1);
	turn(2, 12, "a");
	ck_assert_uint_eq(w.ask_index, 12);
	ck_assert_int_eq(w.state, WATCH_LIVE);
}
END_TEST

START_TEST(early_and_the_same_is_0)
{
	turn(2, 40, "a");
	turn(5000, 40, "a");
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_uint_eq(w.index_resets, 1);
	/* At index 0 the same number is no surprise. */
	turn(2, 40, "a");
	ck_assert_uint_eq(w.ask_index, 40);
}
END_TEST

START_TEST(late_and_the_same_stays)
{
	turn(2, 40, "a");
	turn(WAIT_MS, 40, "a");
	ck_assert_uint_eq(w.ask_index, 40);
	turn(WAIT_MS + WAIT_MS / 16, 40, "a");
	ck_assert_uint_eq(w.ask_index, 40);
	ck_assert_uint_eq(w.index_resets, 0);
}
END_TEST

START_TEST(fault_is_0)
{
	turn(2, 40, "a b");
	fault(WATCH_FAILED);
	ck_assert_int_eq(w.state, WATCH_BACKOFF);
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_str_eq(usable(), "a b");
	ck_assert_str_eq(note(), "Consul answers with an error");
	turn(2, 40, "a b");
	ck_assert_int_eq(w.state, WATCH_LIVE);
	ck_assert_str_eq(note(), "");
}
END_TEST

START_TEST(index_0_is_1)
{
	turn(2, 0, "a");
	ck_assert_uint_eq(w.ask_index, 1);
}
END_TEST

START_TEST(backs_off_within_bounds)
{
	uint64_t base = 250;

	for (int i = 0; i < 100; i++) {
		fault(WATCH_UNREACHABLE);
		ck_assert_uint_ge(w.ask_at_ms - now, base / 2);
		ck_assert_uint_le(w.ask_at_ms - now, base + base / 2);
		base = base * 2 > 15000 ? 15000 : base * 2;
	}
	/* One good answer and it starts small again. */
	turn(2, 5, "a");
	fault(WATCH_UNREACHABLE);
	ck_assert_uint_le(w.ask_at_ms - now, 375);
}
END_TEST

START_TEST(waits_longer_when_refused)
{
	fault(WATCH_LIMITED);
	ck_assert_uint_ge(w.ask_at_ms - now, 5000);
	ck_assert_ptr_nonnull(strstr(note(), "limits.http_max_conns_per_client"));
	fault(WATCH_DENIED);
	ck_assert_uint_eq(w.ask_at_ms - now, 15000);
	ck_assert_ptr_nonnull(strstr(note(), "ACL token"));
}
END_TEST

START_TEST(jitter_differs)
{
	uint64_t first;
	int differ = 0;

	for (int i = 0; i < 10; i++)
		fault(WATCH_UNREACHABLE);
	first = w.ask_at_ms - now;
	for (int i = 0; i < 10; i++) {
		fault(WATCH_UNREACHABLE);
		differ += w.ask_at_ms - now != first;
	}
	ck_assert_int_ge(differ, 8);
}
END_TEST

/* An agent that answers at once, for ever, with ever new indexes. */
START_TEST(loops_are_limited)
{
	uint64_t begun = now, index = 1;
	unsigned asked = 0, first_second = 0, first_minute = 0;

	while (now < begun + 600000) {
		turn(0, ++index, "a");
		asked++;
		first_second += now < begun + 1000;
		first_minute += now < begun + 60000;
	}
	ck_assert_uint_le(first_second, 4);
	ck_assert_uint_le(first_minute, 63);
	/* Half of the time one a second, half of it one in 15 s, about 30 a minute in all. */
	ck_assert_uint_le(asked, 360);
	ck_assert_uint_ge(asked, 200);
	ck_assert_uint_gt(w.throttled, 0);
}
END_TEST

START_TEST(slow_when_it_never_rests)
{
	uint64_t index = 1, longest = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t before;

		turn(0, ++index, "a");
		before = now;
		if (w.ask_at_ms - before > longest)
			longest = w.ask_at_ms - before;
	}
	ck_assert_uint_eq(longest, 15000);
}
END_TEST

START_TEST(a_quiet_service_is_never_put_off)
{
	turn(2, 5, "a");
	for (uint64_t i = 0; i < 1000; i++) {
		turn(2500, 6 + i, "a");
		ck_assert_uint_eq(w.ask_at_ms, now);
	}
	ck_assert_uint_eq(w.throttled, 0);
}
END_TEST

START_TEST(additions_and_small_losses_at_once)
{
	turn(2, 5, "a b");
	turn(100, 6, "a b c");
	ck_assert_str_eq(usable(), "a b c");
	turn(100, 7, "a c");
	ck_assert_str_eq(usable(), "a c");
	/* One of two is no big loss. */
	turn(100, 8, "c");
	ck_assert_str_eq(usable(), "c");
	ck_assert_uint_eq(w.holding, 0);
}
END_TEST

START_TEST(the_last_one_is_held)
{
	turn(2, 5, "a");
	turn(100, 6, "");
	ck_assert_str_eq(usable(), "a");
	ck_assert_uint_eq(w.holding, 1);
	ck_assert_str_eq(note(), "holding 1 missing instances");
	ask();
	ck_assert_uint_eq(watch_due(&w), now + HOLD_MS);
	now += HOLD_MS - 1;
	ck_assert(!watch_tick(&w, now));
	ck_assert_str_eq(usable(), "a");
	now++;
	ck_assert(watch_tick(&w, now));
	ck_assert_str_eq(usable(), "");
	ck_assert_uint_eq(w.holding, 0);
	ck_assert(w.seen);
	ck_assert_uint_eq(watch_due(&w), UINT64_MAX);
}
END_TEST

START_TEST(a_held_one_comes_back)
{
	turn(2, 5, "a b");
	turn(100, 6, "");
	turn(5000, 7, "a b");
	ck_assert_uint_eq(w.holding, 0);
	usable();
	ck_assert_uint_eq(w.holding, 0);
	now += HOLD_MS;
	ck_assert(!watch_tick(&w, now));
	ck_assert_str_eq(usable(), "a b");
}
END_TEST

START_TEST(big_loss_uses_what_is_left)
{
	turn(2, 5, "a b c");
	turn(100, 6, "b");
	/* Two of three missing: held, but not used while b is there. */
	ck_assert_str_eq(usable(), "b");
	ck_assert_uint_eq(w.holding, 2);
	/* When b fails too, they are what is left. */
	turn(1500, 7, "b:c");
	ck_assert_str_eq(usable(), "a c");
	now += HOLD_MS - 1500;
	ask();
	ck_assert(watch_tick(&w, now));
	/* Nothing but b, and so it is tried. */
	ck_assert_str_eq(usable(), "b");
	ck_assert_uint_eq(w.panicking, 1);
}
END_TEST

START_TEST(a_later_answer_does_not_renew_a_hold)
{
	turn(2, 5, "a");
	turn(100, 6, "");
	turn(10000, 7, "");
	turn(6000, 8, "");
	ck_assert_str_eq(usable(), "");
}
END_TEST

START_TEST(without_a_leader_nothing_is_removed)
{
	turn(2, 5, "a b c");
	leader = false;
	turn(100, 6, "a b");
	ck_assert_str_eq(usable(), "a b");
	ck_assert_uint_eq(w.holding, 1);
	ck_assert_ptr_nonnull(strstr(note(), "no leader"));
	now += 10 * HOLD_MS;
	ck_assert(!watch_tick(&w, now));
	usable();
	ck_assert_uint_eq(w.holding, 1);
	/* Additions count. */
	turn(100, 7, "a b d");
	ck_assert_str_eq(usable(), "a b d");
	leader = true;
	turn(1500, 8, "a b d");
	ck_assert_str_eq(usable(), "a b d");
	usable();
	ck_assert_uint_eq(w.holding, 0);
}
END_TEST

START_TEST(an_old_answer_removes_nothing)
{
	turn(2, 5, "a");
	contact = 5001;
	turn(100, 6, "");
	now += 10 * HOLD_MS;
	ck_assert(!watch_tick(&w, now));
	ck_assert_str_eq(usable(), "a");
	contact = 5000;
	/* It has been lost for longer than the hold when somebody trustworthy says so. */
	turn(100, 7, "");
	ck_assert_str_eq(usable(), "");
}
END_TEST

START_TEST(a_fault_stops_the_hold)
{
	turn(2, 5, "a");
	turn(100, 6, "");
	fault(WATCH_UNREACHABLE);
	now += 100 * HOLD_MS;
	ck_assert(!watch_tick(&w, now));
	ck_assert_str_eq(usable(), "a");
	/* It is still missing, and this is long ago. */
	turn(2, 3, "");
	ck_assert_str_eq(usable(), "");
}
END_TEST

START_TEST(maintenance_applies_at_once)
{
	turn(2, 5, "a b");
	turn(100, 6, "a:m b:m");
	ck_assert_str_eq(usable(), "");
	ck_assert_uint_eq(w.panicking, 0);
	/* Not even when it then goes missing. */
	turn(100, 7, "");
	ck_assert_str_eq(usable(), "");
	ck_assert_uint_eq(w.holding, 2);
}
END_TEST

START_TEST(panics_only_when_none_is_usable)
{
	turn(2, 5, "a:c b");
	ck_assert_str_eq(usable(), "b");
	turn(100, 6, "a:c b:w");
	ck_assert_str_eq(usable(), "b");
	turn(100, 7, "a:c b:c c:m");
	ck_assert_str_eq(usable(), "a b");
	ck_assert_uint_eq(w.panicking, 2);
	ck_assert_str_eq(note(), "none is passing, trying 2 critical ones");
	turn(1500, 8, "a b:c c:m");
	ck_assert_str_eq(usable(), "a");
	ck_assert_uint_eq(w.panicking, 0);
}
END_TEST

START_TEST(fails_instead_of_panic)
{
	watch_fini(&w);
	setup_rules(false);
	turn(2, 5, "a:c b:c");
	ck_assert_str_eq(usable(), "");
	ck_assert_uint_eq(w.panicking, 0);
	ck_assert(w.seen);
}
END_TEST

START_TEST(weight_0_gets_nothing)
{
	turn(2, 5, "a b:0");
	ck_assert_str_eq(usable(), "a");
}
END_TEST

START_TEST(renews)
{
	turn(2, 500, "a b");
	ask();
	watch_renew(&w, now + 50);
	ck_assert(!w.asking);
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_uint_eq(watch_due(&w), now + 50);
	fault(WATCH_UNREACHABLE);
	watch_renew(&w, now);
	ck_assert_uint_eq(watch_due(&w), now);
	ck_assert_str_eq(usable(), "a b");
	turn(2, 3, "a b");
	ck_assert_int_eq(w.state, WATCH_LIVE);
	/* Where there were too many connections, all at once again would be too many again. */
	fault(WATCH_LIMITED);
	watch_renew(&w, now);
	ck_assert_uint_ge(watch_due(&w), now + WATCH_LIMITED_MIN_MS);
	ck_assert_int_eq(w.state, WATCH_BACKOFF);
}
END_TEST

START_TEST(restores_what_another_knew)
{
	struct watch old;

	turn(2, 500, "a b");
	old = w;
	setup_rules(true);
	watch_fini(&w);
	watch_init(&w, &old.rules, &rnd);
	watch_restore(&w, &old);
	watch_fini(&old);
	watch_start(&w, now);
	ck_assert(w.answered && w.seen && !w.trusted);
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_str_eq(usable(), "a b");
	ck_assert(!w.restored);
	/* An empty answer is a big loss, as it would have been to the other. */
	turn(2, 3, "");
	ck_assert_str_eq(usable(), "a b");
	ck_assert_uint_eq(w.holding, 2);
}
END_TEST

/* From disk: it says so until the first answer. */
START_TEST(restores_from_a_snapshot)
{
	struct watch old = w;
	char note[200];

	old.known = set_of("a b");
	old.answered = old.restored = old.seen = true;
	watch_init(&w, &old.rules, &rnd);
	watch_restore(&w, &old);
	watch_fini(&old);
	watch_start(&w, now);
	ck_assert_str_eq(usable(), "a b");
	watch_note(&w, note, sizeof(note));
	ck_assert_str_eq(note, "restored from the snapshot on disk");
	fault(WATCH_UNREACHABLE);
	ck_assert_str_eq(usable(), "a b");
	watch_note(&w, note, sizeof(note));
	ck_assert_str_eq(note, "Consul cannot be reached; restored from the snapshot on disk");
	turn(2, 3, "");
	ck_assert(!w.restored);
	ck_assert_str_eq(usable(), "a b");
	watch_note(&w, note, sizeof(note));
	ck_assert_str_eq(note, "holding 2 missing instances");
	turn(2, 4, "a b");
	ck_assert_str_eq(usable(), "a b");
	watch_note(&w, note, sizeof(note));
	ck_assert_str_eq(note, "");
}
END_TEST

START_TEST(polls)
{
	turn(2, 40, "a");
	ask();
	watch_poll(&w, now);
	ck_assert_uint_eq(watch_due(&w), now);
	turn(2, 41, "a");
	ck_assert_uint_eq(w.ask_index, 0);
	ck_assert_uint_eq(w.ask_at_ms, now + WATCH_SWEEP_MS);
	/* Poked, it asks when it is told, but within the limit against loops. */
	for (int i = 0; i < 3; i++) {
		now += i == 0 ? 5000 : 0;
		w.ask_at_ms = now + WATCH_SWEEP_MS;
		watch_poke(&w, now, now + 3);
		ck_assert_uint_eq(w.ask_at_ms, now + 3);
		turn(2, 41, "a");
		ck_assert_uint_eq(w.ask_at_ms, now + WATCH_SWEEP_MS);
	}
	watch_poke(&w, now, now);
	ck_assert_uint_gt(w.ask_at_ms, now + 900);
	ck_assert_uint_le(w.ask_at_ms, now + 1000);
	now += 5000;
	w.ask_at_ms = now + WATCH_SWEEP_MS;
	watch_poke(&w, now, now);
	ck_assert_uint_eq(w.ask_at_ms, now);
	/* What changes while a question is on its way may not be in its answer. */
	ask();
	watch_poke(&w, now, now);
	answer(2, 42, "a b");
	ck_assert_uint_eq(w.ask_at_ms, now);
	turn(2, 42, "a b");
	ck_assert_uint_eq(w.ask_at_ms, now + WATCH_SWEEP_MS);
	/* A poke is no reason to end a backoff. */
	fault(WATCH_DENIED);
	watch_poke(&w, now, now);
	ck_assert_uint_eq(w.ask_at_ms, now + WATCH_DENIED_MS);
	ck_assert_uint_eq(w.index_resets, 0);
}
END_TEST

/* An answer that is, byte by byte, the last one. */
START_TEST(the_same_again)
{
	struct watch_answer a = { .index = 43, .known_leader = true };

	turn(2, 40, "a b c");
	turn(2, 41, "a");
	ck_assert_uint_eq(w.known.count, 3);
	ask();
	now += 5;
	watch_answered(&w, now, &a);
	ck_assert_uint_eq(w.known.count, 3);
	ck_assert_str_eq(usable(), "a");
	ck_assert_uint_eq(w.holding, 2);
	/* What was missing then is missing now, and goes when the hold is over. */
	now += HOLD_MS;
	ck_assert(watch_tick(&w, now));
	ck_assert_uint_eq(w.known.count, 1);
}
END_TEST

START_TEST(only_a_polled_one_is_poked)
{
	turn(2, 40, "a");
	w.ask_at_ms = now + 7;
	watch_poke(&w, now, now);
	ck_assert_uint_eq(w.ask_at_ms, now + 7);
}
END_TEST

START_TEST(no_hold_when_told_so)
{
	struct watch_rules rules = { .wait_ms = WAIT_MS, .hold_ms = 0 };

	watch_fini(&w);
	watch_init(&w, &rules, &rnd);
	watch_start(&w, now);
	turn(2, 5, "a b");
	turn(100, 6, "");
	ck_assert_str_eq(usable(), "");
}
END_TEST

/* Whatever the order of answers, faults and time: an instance that is in the last trusted
 * answer and passing is used, one in maintenance never is. */
START_TEST(survives_any_schedule)
{
	static const char *const sets[] = { "",    "a",     "a b",   "a b c",   "b:c",
					    "a:m", "a:c b", "c d e", "a:m b:m", "e" };
	struct rand r;
	uint64_t index = 1;

	rand_seed(&r, (uint64_t)_i);
	for (int step = 0; step < 2000; step++) {
		const char *text = sets[rand_below(&r, sizeof(sets) / sizeof(sets[0]))];
		struct instance_set view;
		size_t passing = 0;

		leader = rand_below(&r, 4) > 0;
		ask();
		now += rand_below(&r, 40000);
		if (rand_below(&r, 3) == 0) {
			watch_failed(&w, now, (enum watch_fault)rand_below(&r, 5));
		} else {
			index = rand_below(&r, 5) ? index + rand_below(&r, 3) : 1;
			answer(0, index, text);
		}
		watch_tick(&w, now + rand_below(&r, 20000));
		view = watch_view(&w);
		for (size_t i = 0; i < view.count; i++) {
			const struct instance *item = &view.items[i];

			ck_assert(!(item->usable && item->status == INSTANCE_MAINTENANCE));
			ck_assert(!item->usable || item->weight > 0);
			if (item->status == INSTANCE_PASSING && !item->suspect) {
				passing++;
				ck_assert(item->usable);
			}
			if (i > 0)
				ck_assert_int_lt(strcmp(view.items[i - 1].id, item->id), 0);
		}
		for (size_t i = 0; passing && i < view.count; i++)
			ck_assert(!(view.items[i].usable && view.items[i].suspect));
		instance_set_fini(&view);
	}
}
END_TEST

START_TEST(states_have_names)
{
	ck_assert_str_eq(watch_state_name(WATCH_INIT), "init");
	ck_assert_str_eq(watch_state_name(WATCH_BACKOFF), "backoff");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, suite_timeout());
	tcase_add_test(tc, begins_at_index_0_and_then_blocks);
	tcase_add_test(tc, never_seen_is_not_empty);
	tcase_add_test(tc, index_back_is_0);
	tcase_add_test(tc, early_and_the_same_is_0);
	tcase_add_test(tc, late_and_the_same_stays);
	tcase_add_test(tc, fault_is_0);
	tcase_add_test(tc, index_0_is_1);
	tcase_add_test(tc, backs_off_within_bounds);
	tcase_add_test(tc, waits_longer_when_refused);
	tcase_add_test(tc, jitter_differs);
	tcase_add_test(tc, loops_are_limited);
	tcase_add_test(tc, slow_when_it_never_rests);
	tcase_add_test(tc, a_quiet_service_is_never_put_off);
	tcase_add_test(tc, additions_and_small_losses_at_once);
	tcase_add_test(tc, the_last_one_is_held);
	tcase_add_test(tc, a_held_one_comes_back);
	tcase_add_test(tc, big_loss_uses_what_is_left);
	tcase_add_test(tc, a_later_answer_does_not_renew_a_hold);
	tcase_add_test(tc, without_a_leader_nothing_is_removed);
	tcase_add_test(tc, an_old_answer_removes_nothing);
	tcase_add_test(tc, a_fault_stops_the_hold);
	tcase_add_test(tc, maintenance_applies_at_once);
	tcase_add_test(tc, panics_only_when_none_is_usable);
	tcase_add_test(tc, fails_instead_of_panic);
	tcase_add_test(tc, weight_0_gets_nothing);
	tcase_add_test(tc, renews);
	tcase_add_test(tc, restores_what_another_knew);
	tcase_add_test(tc, restores_from_a_snapshot);
	tcase_add_test(tc, polls);
	tcase_add_test(tc, the_same_again);
	tcase_add_test(tc, only_a_polled_one_is_poked);
	tcase_add_test(tc, no_hold_when_told_so);
	tcase_add_loop_test(tc, survives_any_schedule, 0, 20);
	tcase_add_test(tc, states_have_names);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
