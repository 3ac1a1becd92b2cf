/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rand.h"

/* Two token buckets, in units of which a question costs WATCH_COST: one that lets a burst of 3
 * through and then one a second, and one that holds half a minute's worth of 30 a minute.  When
 * that second one runs dry the service changes without rest, and is asked about every
 * WATCH_SLOW_MS until half of the bucket is back. */
enum {
	WATCH_COST = 2000,
	WATCH_ALLOWANCE_MAX = 3 * WATCH_COST, /* + 2 a millisecond */
	WATCH_MINUTE_MAX = 30 * WATCH_COST    /* + 1 a millisecond */
};

const char *watch_state_name(enum watch_state state)
{
	static const char *const names[] = { "init", "syncing", "live", "backoff" };

	return names[state];
}

static void watch_move(struct watch *w, enum watch_state to)
{
	static const unsigned allowed[] = {
		[WATCH_INIT] = 1U << WATCH_SYNCING,
		[WATCH_SYNCING] = 1U << WATCH_SYNCING | 1U << WATCH_LIVE | 1U << WATCH_BACKOFF,
		[WATCH_LIVE] = 1U << WATCH_SYNCING | 1U << WATCH_LIVE | 1U << WATCH_BACKOFF,
		[WATCH_BACKOFF] = 1U << WATCH_SYNCING,
	};

	must(allowed[w->state] & 1U << to);
	w->state = to;
}

void watch_init(struct watch *w, const struct watch_rules *rules, struct rand *rand)
{
	*w = (struct watch){
		.rules = *rules,
		.rand = rand,
		.allowance = WATCH_ALLOWANCE_MAX,
		.minute = WATCH_MINUTE_MAX,
	};
}

void watch_fini(struct watch *w)
{
	instance_set_fini(&w->known);
}

void watch_restore(struct watch *w, const struct watch *from)
{
	must(w->state == WATCH_INIT);
	instance_set_fini(&w->known);
	for (size_t i = 0; i < from->known.count; i++)
		instance_set_copy(&w->known, &from->known.items[i]);
	w->seen = from->seen;
	w->answered = from->answered;
	w->restored = from->restored;
}

void watch_start(struct watch *w, uint64_t now_ms)
{
	watch_move(w, WATCH_SYNCING);
	w->refilled_ms = now_ms;
	w->ask_at_ms = now_ms;
	w->ask_index = 0;
}

static void watch_refill(struct watch *w, uint64_t now_ms)
{
	uint64_t passed = now_ms - w->refilled_ms;

	w->refilled_ms = now_ms;
	w->allowance += passed * 2;
	if (w->allowance > WATCH_ALLOWANCE_MAX)
		w->allowance = WATCH_ALLOWANCE_MAX;
	w->minute += passed;
	if (w->minute > WATCH_MINUTE_MAX)
		w->minute = WATCH_MINUTE_MAX;
}

static uint64_t watch_spend(uint64_t level)
{
	return level > WATCH_COST ? level - WATCH_COST : 0;
}

void watch_asked(struct watch *w, uint64_t now_ms)
{
	must(!w->asking && w->state != WATCH_INIT);
	if (w->state == WATCH_BACKOFF)
		watch_move(w, WATCH_SYNCING);
	watch_refill(w, now_ms);
	w->allowance = watch_spend(w->allowance);
	w->minute = watch_spend(w->minute);
	w->asked_ms = now_ms;
	w->asking = true;
	w->poked = false;
}

static uint64_t watch_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The earliest moment for the next question that there is a reason for. */
static uint64_t watch_allowed_at(struct watch *w, uint64_t now_ms)
{
	watch_refill(w, now_ms);
	if (w->minute < WATCH_COST)
		w->slow = true;
	else if (w->minute >= WATCH_MINUTE_MAX / 2)
		w->slow = false;
	if (w->slow)
		return now_ms + WATCH_SLOW_MS;
	if (w->allowance >= WATCH_COST)
		return now_ms;
	return now_ms + (WATCH_COST - w->allowance + 1) / 2;
}

/* The index for the next question.  A smaller index than the one asked with means that the agent
 * has another past than before; an early answer that did not advance it, that a snapshot was
 * restored: in both cases a question with that index can miss changes. */
static void watch_take_index(struct watch *w, uint64_t now_ms, uint64_t index)
{
	bool early = now_ms - w->asked_ms < w->rules.wait_ms - w->rules.wait_ms / 20;
	uint64_t asked = w->ask_index;

	if (w->polled) {
		w->ask_index = 0;
		watch_move(w, WATCH_SYNCING);
		return;
	}
	if (index == 0)
		index = 1; /* 0 would not block, and so spin */
	if (asked > 0 && (index < asked || (index == asked && early))) {
		w->index_resets++;
		w->ask_index = 0;
		watch_move(w, WATCH_SYNCING);
	} else {
		w->ask_index = index;
		watch_move(w, WATCH_LIVE);
	}
}

static bool watch_big_loss(size_t known, size_t now)
{
	return now == 0 ? known > 0 : 2 * now < known;
}

static bool watch_over(const struct watch *w, const struct instance *i, uint64_t now_ms)
{
	return i->suspect && now_ms - i->lost_ms >= w->rules.hold_ms;
}

/* Adds those that the new set lacks and that are not given up yet. */
static void watch_keep_missing(struct watch *w, struct instance_set *set, uint64_t now_ms)
{
	bool big = watch_big_loss(w->known.count, set->count);
	size_t answered = set->count;

	if (w->trusted && !big)
		return;
	for (size_t i = 0; i < w->known.count; i++) {
		struct instance *was = &w->known.items[i];
		struct instance_set found = { set->items, answered, answered };

		if (instance_set_find(&found, was->id))
			continue;
		if (!was->suspect) {
			was->suspect = true;
			was->lost_ms = now_ms;
		}
		if (!w->trusted || !watch_over(w, was, now_ms))
			instance_set_copy(set, was);
	}
	instance_set_sort(set);
}

/* The same answer once more has what was known, without what it lacked then. */
static struct instance_set watch_take_set(const struct watch *w, const struct watch_answer *a)
{
	struct instance_set set = { 0 };

	if (a->set) {
		set = *a->set;
		*a->set = (struct instance_set){ 0 };
		return set;
	}
	for (size_t i = 0; i < w->known.count; i++)
		if (!w->known.items[i].suspect)
			instance_set_copy(&set, &w->known.items[i]);
	return set;
}

void watch_answered(struct watch *w, uint64_t now_ms, const struct watch_answer *a)
{
	struct instance_set set = watch_take_set(w, a);

	must(w->asking);
	w->asking = false;
	w->answered = true;
	w->restored = false;
	w->faulty = false;
	w->faults = 0;
	w->seen |= set.count > 0;
	w->trusted = a->known_leader && a->last_contact_ms <= WATCH_CONTACT_MAX_MS;
	watch_keep_missing(w, &set, now_ms);
	instance_set_fini(&w->known);
	w->known = set;
	watch_take_index(w, now_ms, a->index);
	if (w->polled && !w->poked) {
		w->ask_at_ms = now_ms + w->rules.sweep_ms;
		return;
	}
	w->ask_at_ms = watch_allowed_at(w, now_ms);
	w->throttled += w->ask_at_ms > now_ms;
}

static uint64_t watch_backoff(struct watch *w, enum watch_fault fault)
{
	unsigned doublings = w->faults < 7 ? w->faults - 1 : 6;
	uint64_t ms = (uint64_t)WATCH_BACKOFF_FIRST_MS << doublings;

	if (fault == WATCH_DENIED)
		return WATCH_DENIED_MS;
	if (ms > WATCH_BACKOFF_MAX_MS)
		ms = WATCH_BACKOFF_MAX_MS;
	ms = rand_jitter(w->rand, ms, WATCH_BACKOFF_JITTER);
	if (fault == WATCH_LIMITED && ms < WATCH_LIMITED_MIN_MS)
		ms = WATCH_LIMITED_MIN_MS;
	return ms;
}

void watch_failed(struct watch *w, uint64_t now_ms, enum watch_fault fault)
{
	must(w->asking);
	w->asking = false;
	w->trusted = false;
	w->faulty = true;
	w->fault = fault;
	w->faults++;
	w->ask_index = 0;
	watch_move(w, WATCH_BACKOFF);
	w->ask_at_ms = now_ms + watch_backoff(w, fault);
}

void watch_renew(struct watch *w, uint64_t at_ms)
{
	must(w->state != WATCH_INIT);
	w->asking = false;
	w->ask_index = 0;
	/* An agent that refuses connections since it has too many says so to all that ask at once,
	 * each time it seems to be back: those pauses are kept. */
	if (w->state == WATCH_BACKOFF && w->fault == WATCH_LIMITED && w->ask_at_ms > at_ms)
		return;
	w->ask_at_ms = at_ms;
	watch_move(w, WATCH_SYNCING);
}

void watch_poll(struct watch *w, uint64_t now_ms)
{
	if (w->polled)
		return;
	w->polled = true;
	if (w->state != WATCH_INIT)
		watch_renew(w, now_ms);
}

void watch_poke(struct watch *w, uint64_t now_ms, uint64_t at_ms)
{
	if (!w->polled || w->state == WATCH_BACKOFF || w->state == WATCH_INIT)
		return;
	w->poked = w->asking;
	if (w->asking)
		return;
	at_ms = watch_later(at_ms, watch_allowed_at(w, now_ms));
	if (at_ms < w->ask_at_ms)
		w->ask_at_ms = at_ms;
}

bool watch_tick(struct watch *w, uint64_t now_ms)
{
	size_t kept = 0;
	bool changed;

	/* Only what a good answer has said, and no fault since, may remove anything. */
	if (!w->trusted)
		return false;
	for (size_t i = 0; i < w->known.count; i++) {
		struct instance *item = &w->known.items[i];

		if (watch_over(w, item, now_ms)) {
			instance_fini(item);
		} else {
			w->known.items[kept++] = *item;
		}
	}
	changed = kept != w->known.count;
	w->known.count = kept;
	return changed;
}

uint64_t watch_due(const struct watch *w)
{
	uint64_t due = w->asking || w->state == WATCH_INIT ? UINT64_MAX : w->ask_at_ms;

	for (size_t i = 0; w->trusted && i < w->known.count; i++) {
		const struct instance *item = &w->known.items[i];

		if (item->suspect && item->lost_ms + w->rules.hold_ms < due)
			due = item->lost_ms + w->rules.hold_ms;
	}
	return due;
}

static bool watch_sound(const struct instance *i)
{
	return i->status <= INSTANCE_WARNING && i->weight > 0;
}

static void watch_say(struct instance *i, const char *prefix)
{
	char was[INSTANCE_WHY_SIZE];

	memcpy(was, i->why, sizeof(was));
	instance_text(i->why, sizeof(i->why), "%s%s", prefix, was);
}

/* Critical ones, when nothing better is left; never those in maintenance. */
static void watch_panic(struct watch *w, struct instance_set *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct instance *item = &view->items[i];

		if (item->status != INSTANCE_CRITICAL)
			continue;
		item->usable = true;
		if (item->weight == 0)
			item->weight = 1;
		watch_say(item, "tried all the same; ");
		w->panicking++;
	}
}

struct instance_set watch_view(struct watch *w)
{
	struct instance_set view = { 0 };
	size_t confirmed = 0, usable = 0;

	w->holding = w->panicking = 0;
	for (size_t i = 0; i < w->known.count; i++)
		confirmed += !w->known.items[i].suspect && watch_sound(&w->known.items[i]);
	for (size_t i = 0; i < w->known.count; i++) {
		struct instance *item = instance_set_copy(&view, &w->known.items[i]);

		item->usable = watch_sound(item) && (!item->suspect || confirmed == 0);
		usable += item->usable;
		w->holding += item->suspect;
		if (item->suspect)
			watch_say(item, w->rules.source ? "missing in the answer; " :
							  "missing in Consul's answer; ");
		else if (item->status <= INSTANCE_WARNING && item->weight == 0)
			watch_say(item, "weight 0; ");
	}
	if (usable == 0 && w->rules.panic)
		watch_panic(w, &view);
	return view;
}

/* Behind the name of the source. */
static const char *watch_fault_text(enum watch_fault fault)
{
	static const char *const texts[] = {
		[WATCH_UNREACHABLE] = " cannot be reached",
		[WATCH_LIMITED] = " refuses more connections (limits.http_max_conns_per_client)",
		[WATCH_DENIED] = " denies access, check the ACL token",
		[WATCH_FAILED] = " answers with an error",
		[WATCH_GARBLED] = "'s answer cannot be understood",
	};

	return texts[fault];
}

__attribute__((format(printf, 3, 4))) static void watch_note_add(char *out, size_t size,
								 const char *format, ...)
{
	size_t n = strlen(out);
	va_list ap;

	if (n > 0)
		n += (size_t)snprintf(out + n, size - n, "; ");
	if (n >= size)
		return;
	va_start(ap, format);
	vsnprintf(out + n, size - n, format, ap);
	va_end(ap);
}

/* What is wrong with the source. */
static void watch_note_source(const struct watch *w, char *out, size_t size)
{
	bool consul = !w->rules.source;

	if (w->faulty && w->fault == WATCH_UNREACHABLE && !consul)
		watch_note_add(out, size, "%s gives no answer", w->rules.source);
	else if (w->faulty)
		watch_note_add(out, size, "%s%s", consul ? "Consul" : w->rules.source,
			       watch_fault_text(w->fault));
	else if (w->answered && !w->trusted && !w->restored)
		watch_note_add(out, size,
			       consul ? "Consul has no leader" : "the answer is not whole");
}

void watch_note(const struct watch *w, char *out, size_t size)
{
	out[0] = '\0';
	watch_note_source(w, out, size);
	if (w->restored)
		watch_note_add(out, size, "restored from the snapshot on disk");
	if (w->holding)
		watch_note_add(out, size, "holding %zu missing instances", w->holding);
	if (w->panicking)
		watch_note_add(out, size, "none is passing, trying %zu critical ones",
			       w->panicking);
	if (out[0] || !w->answered || w->known.count > 0)
		return;
	if (w->rules.source)
		watch_note_add(out, size, "%s knows none", w->rules.source);
	else
		watch_note_add(out, size,
			       "Consul lists none: nothing is registered, or the token may not "
			       "read it");
}
