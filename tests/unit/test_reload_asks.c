/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_asks.c: who waits, who is served, and who is told what. */
#include "control/reload_asks.h"

#include <jansson.h>
#include <string.h>

#include "control/reload.h"
#include "suite.h"

static struct reload_asks asks;
static char told[64];

/* "a" was told that it is done, "A" that it is not. */
static void on_outcome(void *arg, const struct reload_outcome *o)
{
	char letter = *(const char *)arg;
	size_t n = strlen(told);

	told[n] = o->done ? letter : (char)(letter - 'a' + 'A');
}

static struct reload_ask *add(const char *who, bool only_if_changed)
{
	return reload_asks_add(&asks, &(struct reload_request){ .who = who,
								.only_if_changed = only_if_changed,
								.on_outcome = on_outcome,
								.arg = (void *)(uintptr_t)who });
}

static void on_outcome_again(void *arg, const struct reload_outcome *o)
{
	on_outcome(arg, o);
	add("z", false);
}

static const struct reload_outcome done = { .done = true };

START_TEST(served_in_turn)
{
	char who[] = "a";

	reload_asks_init(&asks);
	ck_assert(!reload_asks_any(&asks));
	add(who, false);
	/* It is copied. */
	who[0] = 'x';
	add("b", false);
	ck_assert(reload_asks_any(&asks));
	ck_assert_str_eq(reload_asks_take(&asks), "a");
	ck_assert(!reload_asks_any(&asks));
	add("c", false);
	ck_assert(reload_asks_any(&asks));
	reload_asks_tell(&asks, &done);
	ck_assert_str_eq(told, "xb");
	/* The one that came later waits for its own. */
	ck_assert_str_eq(reload_asks_take(&asks), "c");
	reload_asks_tell(&asks, &(struct reload_outcome){ .done = false });
	ck_assert_str_eq(told, "xbC");
	reload_asks_tell(&asks, &done);
	ck_assert_str_eq(told, "xbC");
}
END_TEST

START_TEST(forgotten)
{
	reload_asks_init(&asks);
	add("a", false);
	reload_forget(add("b", false));
	reload_asks_add(&asks, &(struct reload_request){ .who = "nobody" });
	ck_assert_str_eq(reload_asks_take(&asks), "a");
	reload_asks_tell(&asks, &done);
	ck_assert_str_eq(told, "a");
}
END_TEST

START_TEST(who_wants_something_new)
{
	reload_asks_init(&asks);
	add("a", true);
	add("b", false);
	/* Those who wait say nothing of the one on its way. */
	ck_assert(reload_asks_only_if_changed(&asks));
	reload_asks_take(&asks);
	ck_assert(!reload_asks_only_if_changed(&asks));
	reload_asks_tell(&asks, &done);
	add("a", true);
	add("b", true);
	reload_asks_take(&asks);
	ck_assert(reload_asks_only_if_changed(&asks));
	reload_asks_tell(&asks, &done);
}
END_TEST

START_TEST(who_means_what_serves)
{
	struct reload_request same = { .who = "a", .same_text = true };

	reload_asks_init(&asks);
	reload_asks_add(&asks, &same);
	reload_asks_add(&asks, &same);
	reload_asks_take(&asks);
	add("b", false);
	ck_assert(reload_asks_same_text(&asks));
	reload_asks_tell(&asks, &done);
	reload_asks_add(&asks, &same);
	reload_asks_take(&asks);
	ck_assert(!reload_asks_same_text(&asks));
	reload_asks_tell(&asks, &done);
}
END_TEST

START_TEST(asking_again)
{
	reload_asks_init(&asks);
	for (const char *who = "ab"; *who; who++)
		reload_asks_add(&asks, &(struct reload_request){ .who = who,
								 .on_outcome = on_outcome_again,
								 .arg = (void *)(uintptr_t)who });
	reload_asks_take(&asks);
	reload_asks_tell(&asks, &done);
	ck_assert_str_eq(told, "ab");
	ck_assert_str_eq(reload_asks_take(&asks), "z");
	reload_asks_tell(&asks, &done);
	ck_assert_str_eq(told, "abzz");
	ck_assert(!reload_asks_any(&asks));
}
END_TEST

static void on_refused(void *arg, const struct reload_outcome *o)
{
	ck_assert(!o->done);
	ck_assert_uint_eq(o->generation, 0);
	ck_assert_uint_eq(json_array_size(o->errors), 1);
	ck_assert_str_eq(json_string_value(json_array_get(o->errors, 0)), "the gateway is ending");
	ck_assert_uint_eq(json_array_size(o->notes), 0);
	++*(int *)arg;
}

START_TEST(refused)
{
	int n = 0;
	struct reload_request request = { .who = "a", .on_outcome = on_refused, .arg = &n };

	reload_asks_init(&asks);
	reload_asks_refuse(&asks);
	reload_asks_add(&asks, &request);
	reload_asks_take(&asks);
	reload_asks_add(&asks, &request);
	reload_asks_refuse(&asks);
	ck_assert_int_eq(n, 2);
	ck_assert(!reload_asks_any(&asks));
}
END_TEST

int main(void)
{
	return SUITE("reload_asks", served_in_turn, forgotten, who_wants_something_new,
		     who_means_what_serves, asking_again, refused);
}
