/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/outlier.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/rand.h"

const char *outlier_cause_name(enum outlier_cause cause)
{
	static const char *const names[] = { "consecutive", "success_rate", "refused" };

	return names[cause];
}

/* Failures since the last success of all workers are at least those that the worker of that success
 * has counted since. */
void outlier_add(struct outlier_counts *sum, uint64_t ok, uint64_t failed, bool refused,
		 uint64_t row)
{
	if (ok && (sum->ok == 0 || row < sum->row))
		sum->row = row;
	sum->ok += ok;
	sum->failed += failed;
	sum->refused |= refused;
}

void outlier_count(struct outlier *o, const struct outlier_counts *c)
{
	o->row = c->ok ? c->row : o->row + c->failed;
	o->ok += c->ok;
	o->failed += c->failed;
	o->refused |= c->refused;
}

static void outlier_move(struct outlier *o, enum outlier_state to, uint64_t now_ms)
{
	static const unsigned allowed[] = {
		[OUTLIER_IN] = 1U << OUTLIER_EJECTED | 1U << OUTLIER_DOWN,
		[OUTLIER_EJECTED] = 1U << OUTLIER_IN | 1U << OUTLIER_DOWN,
		[OUTLIER_DOWN] = 1U << OUTLIER_IN,
	};

	must(allowed[o->state] & 1U << to);
	o->state = to;
	o->since_ms = now_ms;
	o->changed = true;
	o->row = 0;
	o->refused = false;
}

/* ---- refused ---- */

static void outlier_plan_probe(struct outlier *o, struct rand *rand, uint64_t now_ms)
{
	unsigned doublings = o->probes < 6 ? o->probes : 6;
	uint64_t ms = (uint64_t)OUTLIER_PROBE_FIRST_MS << doublings;

	if (ms > OUTLIER_PROBE_MAX_MS)
		ms = OUTLIER_PROBE_MAX_MS;
	o->probe_at_ms = now_ms + rand_jitter(rand, ms, OUTLIER_PROBE_JITTER);
}

static void outlier_put_down(struct outlier *o, struct rand *rand, uint64_t now_ms)
{
	if (o->state == OUTLIER_IN && now_ms - o->since_ms >= OUTLIER_CALM_MS)
		o->probes = 0;
	outlier_move(o, OUTLIER_DOWN, now_ms);
	o->cause = OUTLIER_REFUSED;
	o->probing = false;
	outlier_plan_probe(o, rand, now_ms);
}

void outlier_probe_begin(struct outlier *o)
{
	if (o->state == OUTLIER_DOWN)
		o->probing = true;
}

void outlier_probed(struct outlier *o, bool connected, struct rand *rand, uint64_t now_ms)
{
	if (o->state != OUTLIER_DOWN)
		return;
	o->probing = false;
	/* Also after a success, for the case that it refuses again soon. */
	o->probes++;
	if (connected)
		outlier_move(o, OUTLIER_IN, now_ms);
	else
		outlier_plan_probe(o, rand, now_ms);
}

void outlier_offered(struct outlier *o, uint64_t now_ms)
{
	o->refused = false;
	if (o->state == OUTLIER_DOWN && !o->probing)
		o->probe_at_ms = now_ms;
}

/* ---- ejected ---- */

size_t outlier_room(const struct outlier_rules *r, size_t n)
{
	size_t room = (size_t)(r->share * (double)n);

	if (r->share > 0 && room == 0)
		room = 1;
	return room < n ? room : n ? n - 1 : 0;
}

static bool outlier_may_eject(const struct outlier_rules *r, struct outlier *const *all, size_t n)
{
	size_t ejected = 0, stay = 0;

	for (size_t i = 0; i < n; i++) {
		ejected += all[i]->state == OUTLIER_EJECTED;
		stay += all[i]->state == OUTLIER_IN && !all[i]->failing;
	}
	return ejected < outlier_room(r, n) && stay > 1;
}

static void outlier_eject(const struct outlier_rules *r, struct outlier *o,
			  enum outlier_cause cause, uint64_t now_ms)
{
	uint64_t ms;

	o->seen_row = o->row;
	/* Grows no further than it has an effect, so that it is forgotten in due time. */
	if (o->times * r->time_ms < r->time_max_ms)
		o->times++;
	o->calm_ms = now_ms;
	ms = o->times * r->time_ms < r->time_max_ms ? o->times * r->time_ms : r->time_max_ms;
	outlier_move(o, OUTLIER_EJECTED, now_ms);
	o->cause = cause;
	o->until_ms = now_ms + ms;
}

/* The time is over; and who was in for long enough has its past forgotten step by step. */
static void outlier_forgive(const struct outlier_rules *r, struct outlier *o, uint64_t now_ms)
{
	bool judged = o->cause == OUTLIER_ROW ? r->row > 0 : r->gap > 0;

	if (o->state == OUTLIER_EJECTED && (now_ms >= o->until_ms || !judged)) {
		outlier_move(o, OUTLIER_IN, now_ms);
		o->calm_ms = now_ms;
	}
	if (o->state == OUTLIER_DOWN && !r->refused)
		outlier_move(o, OUTLIER_IN, now_ms);
	while (o->state == OUTLIER_IN && o->times > 0 && now_ms - o->calm_ms >= r->time_ms) {
		o->times--;
		o->calm_ms += r->time_ms;
		if (r->time_ms == 0)
			o->times = 0;
	}
}

/* ---- against the others ---- */

static double outlier_rate(uint64_t ok, uint64_t failed)
{
	return ok + failed ? (double)ok / (double)(ok + failed) : 1;
}

/* How far its success is below that of all others in, together; 0 when too little is known. */
static double outlier_gap(const struct outlier_rules *r, struct outlier *const *all, size_t n,
			  struct outlier *o)
{
	uint64_t ok = 0, failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (all[i] == o || all[i]->state != OUTLIER_IN)
			continue;
		ok += all[i]->ok;
		failed += all[i]->failed;
	}
	if (o->ok + o->failed < r->requests || ok + failed < r->requests)
		return 0;
	o->seen_rate = outlier_rate(o->ok, o->failed);
	o->seen_others = outlier_rate(ok, failed);
	return o->seen_others - o->seen_rate;
}

/* The worst goes first, since it spoils the others' figure. */
static struct outlier *outlier_worst(const struct outlier_rules *r, struct outlier *const *all,
				     size_t n)
{
	struct outlier *worst = NULL;
	double most = 0;

	for (size_t i = 0; i < n; i++) {
		double gap = all[i]->state == OUTLIER_IN ? outlier_gap(r, all, n, all[i]) : 0;

		if (gap > most && gap >= r->gap) {
			most = gap;
			worst = all[i];
		}
	}
	return worst;
}

static void outlier_judge_rates(const struct outlier_rules *r, struct outlier *const *all, size_t n,
				uint64_t now_ms)
{
	struct outlier *worst;

	while (r->gap > 0 && outlier_may_eject(r, all, n) && (worst = outlier_worst(r, all, n)))
		outlier_eject(r, worst, OUTLIER_RATE, now_ms);
	for (size_t i = 0; i < n; i++)
		all[i]->ok = all[i]->failed = 0;
}

void outlier_judge(const struct outlier_rules *r, struct outlier *const *all, size_t n,
		   bool interval_over, struct rand *rand, uint64_t now_ms)
{
	for (size_t i = 0; i < n; i++) {
		all[i]->changed = false;
		outlier_forgive(r, all[i], now_ms);
		if (all[i]->refused && r->refused && all[i]->state != OUTLIER_DOWN)
			outlier_put_down(all[i], rand, now_ms);
		all[i]->refused = false;
	}
	for (size_t i = 0; i < n; i++)
		if (r->row > 0 && all[i]->state == OUTLIER_IN && all[i]->row >= r->row &&
		    outlier_may_eject(r, all, n))
			outlier_eject(r, all[i], OUTLIER_ROW, now_ms);
	if (interval_over)
		outlier_judge_rates(r, all, n, now_ms);
}

void outlier_text(const struct outlier *o, char *out, size_t size)
{
	uint64_t s = (o->until_ms - o->since_ms + 500) / 1000;

	if (o->state == OUTLIER_DOWN)
		snprintf(out, size, "connection refused");
	else if (o->state == OUTLIER_EJECTED && o->cause == OUTLIER_ROW)
		snprintf(out, size,
			 "ejected for %" PRIu64 " s: %" PRIu64 " gateway errors in a row", s,
			 o->seen_row);
	else if (o->state == OUTLIER_EJECTED)
		snprintf(out, size,
			 "ejected for %" PRIu64 " s: %.0f %% of requests succeed, of the others' "
			 "%.0f %%",
			 s, o->seen_rate * 100, o->seen_others * 100);
	else
		snprintf(out, size, "%s", "");
}
