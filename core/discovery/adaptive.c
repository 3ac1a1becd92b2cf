/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/adaptive.h"

#include <math.h>
#include <string.h>

static double adaptive_between(double value, double min, double max)
{
	return value < min ? min : value > max ? max : value;
}

void adaptive_init(struct adaptive *a, const struct adaptive_rules *r)
{
	memset(a, 0, sizeof(*a));
	a->limit = adaptive_between(ADAPTIVE_START, r->min, r->max);
}

uint32_t adaptive_limit(const struct adaptive *a, const struct adaptive_rules *r)
{
	/* Of few a half could still be more than it can do at a time. */
	if (a->measuring)
		return (uint32_t)adaptive_between(a->limit / 2 - 2, 1, r->max);
	return (uint32_t)a->limit;
}

/* The second lowest of four, the third lowest of twelve: a quarter of them may be luck. */
static uint64_t adaptive_quantile(const struct adaptive *a)
{
	uint64_t sorted[ADAPTIVE_SAMPLES];
	unsigned n = 0;

	for (unsigned i = 0; i < a->sample_count; i++) {
		unsigned k = n++;

		for (; k > 0 && sorted[k - 1] > a->samples[i]; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = a->samples[i];
	}
	return sorted[(n - 1) / 4];
}

static void adaptive_sample(struct adaptive *a, uint64_t us)
{
	a->samples[a->sample_at] = us;
	a->sample_at = (a->sample_at + 1) % ADAPTIVE_SAMPLES;
	if (a->sample_count < ADAPTIVE_SAMPLES)
		a->sample_count++;
	a->baseline_us = adaptive_quantile(a);
}

static void adaptive_move(struct adaptive *a, const struct adaptive_rules *r, double to)
{
	a->limit += ADAPTIVE_STEP * (to - a->limit);
	a->limit = adaptive_between(a->limit, r->min, r->max);
}

void adaptive_step(struct adaptive *a, const struct adaptive_rules *r,
		   const struct adaptive_second *s)
{
	bool measured = a->measuring;
	bool used_up = s->most >= adaptive_limit(a, r);

	a->measuring = false;
	if (s->answers + s->failures < ADAPTIVE_REQUESTS)
		return;
	/* One that fails says that it bears less, and nothing of how long it takes. */
	if (s->failures * 10 > s->answers) {
		adaptive_move(a, r, a->limit / 2);
		return;
	}
	a->time_us = s->sum_us / s->answers;
	if (measured || !used_up || !a->sample_count)
		adaptive_sample(a, a->time_us);
	/* What was halved, or is not used, says nothing of the whole. */
	if (measured)
		return;
	if (!used_up) {
		a->used_up = 0;
		return;
	}
	double gradient = ADAPTIVE_TOLERANCE * (double)a->baseline_us /
			  (double)(a->time_us ? a->time_us : 1);
	adaptive_move(a, r,
		      a->limit * adaptive_between(gradient, 0.2, ADAPTIVE_TOLERANCE) +
			      sqrt(a->limit));
	a->used_up++;
	/* Soon at first: what was learnt while too many were in hand is too long. */
	a->measuring = a->used_up % ADAPTIVE_MEASURE == 0 ||
		       (a->sample_count < ADAPTIVE_SAMPLES && a->used_up % 3 == 0);
}
