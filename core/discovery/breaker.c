/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/breaker.h"

#include <inttypes.h>
#include <stdio.h>

void breaker_count(struct breaker *b, const struct breaker_counts *c)
{
	b->in.ok += c->ok;
	b->in.failed += c->failed;
}

static void breaker_enter(struct breaker *b, enum breaker_state state, uint64_t now_ms)
{
	b->state = state;
	b->since_ms = b->calm_ms = now_ms;
	b->in = (struct breaker_counts){ 0 };
}

static void breaker_open(struct breaker *b, const struct breaker_rules *r,
			 const struct breaker_counts *seen, uint64_t now_ms)
{
	uint64_t ms = r->time_ms * ++b->times;

	b->by_trial = b->state == BREAKER_HALF_OPEN;
	b->seen = *seen;
	b->opens++;
	breaker_enter(b, BREAKER_OPEN, now_ms);
	b->until_ms = now_ms + (ms < r->time_max_ms ? ms : r->time_max_ms);
	/* No time gets longer than the longest, and no number without end. */
	if (ms >= r->time_max_ms)
		b->times--;
}

static bool breaker_has_failed(const struct breaker_rules *r, const struct breaker_counts *c)
{
	uint64_t all = c->ok + c->failed;

	return all >= r->requests && (double)c->failed >= r->failures * (double)all;
}

static bool breaker_judge_closed(struct breaker *b, const struct breaker_rules *r, uint64_t now_ms)
{
	struct breaker_counts seen = b->in;

	if (breaker_has_failed(r, &seen)) {
		breaker_open(b, r, &seen, now_ms);
		return true;
	}
	if (!b->interval_end_ms)
		b->interval_end_ms = now_ms + r->interval_ms;
	if (now_ms >= b->interval_end_ms) {
		b->interval_end_ms = now_ms + r->interval_ms;
		b->in = (struct breaker_counts){ 0 };
	}
	/* Each time that it spends closed takes one opening back. */
	while (b->times && now_ms - b->calm_ms >= r->time_ms) {
		b->times--;
		b->calm_ms += r->time_ms;
	}
	return false;
}

static bool breaker_judge_open(struct breaker *b, const struct breaker_rules *r, uint64_t now_ms)
{
	if (now_ms < b->until_ms)
		return false;
	breaker_enter(b, BREAKER_HALF_OPEN, now_ms);
	b->epoch++;
	b->tickets = r->trials;
	b->until_ms = now_ms + r->time_ms;
	return true;
}

static bool breaker_judge_half_open(struct breaker *b, const struct breaker_rules *r,
				    const struct breaker_counts *trials, uint64_t now_ms)
{
	if (trials->failed) {
		breaker_open(b, r, trials, now_ms);
		return true;
	}
	if (trials->ok >= r->trials) {
		breaker_enter(b, BREAKER_CLOSED, now_ms);
		b->interval_end_ms = now_ms + r->interval_ms;
		return true;
	}
	if (now_ms < b->until_ms)
		return false;
	/* Clients left, or a worker died: others may try in their place. */
	b->tickets = r->trials - (uint32_t)trials->ok;
	b->until_ms = now_ms + r->time_ms;
	return true;
}

bool breaker_judge(struct breaker *b, const struct breaker_rules *r,
		   const struct breaker_counts *trials, uint64_t now_ms)
{
	if (!(r->failures > 0))
		return false;
	switch (b->state) {
	case BREAKER_OPEN:
		return breaker_judge_open(b, r, now_ms);
	case BREAKER_HALF_OPEN:
		return breaker_judge_half_open(b, r, trials, now_ms);
	case BREAKER_CLOSED:
		break;
	}
	return breaker_judge_closed(b, r, now_ms);
}

void breaker_text(const struct breaker *b, char *out, size_t size)
{
	uint64_t all = b->seen.ok + b->seen.failed;

	if (b->state == BREAKER_CLOSED)
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, "%" PRIu64 " of %" PRIu64 " %s failed", b->seen.failed, all,
			 b->by_trial ? "trials" : "requests");
}

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = { "closed", "open", "half_open" };

	return names[state];
}
