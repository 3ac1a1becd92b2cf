/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pace.h"

static uint64_t pace_gap(const struct pace *p, uint64_t base_ms)
{
	return p->gap_ms > base_ms ? p->gap_ms : base_ms;
}

uint64_t pace_due(const struct pace *p, uint64_t base_ms, uint64_t now_ms)
{
	uint64_t settled = now_ms + PACE_SETTLE_MS;
	uint64_t next = p->any ? p->last_ms + pace_gap(p, base_ms) : 0;

	return next > settled ? next : settled;
}

void pace_took(struct pace *p, uint64_t base_ms, uint64_t now_ms)
{
	uint64_t gap = pace_gap(p, base_ms), max = base_ms > PACE_MAX_MS ? base_ms : PACE_MAX_MS;

	/* Soon after one that was soon after another: twice as long. */
	if (p->any && now_ms - p->last_ms < 2 * gap)
		p->gap_ms = gap * 2 > max ? max : gap * 2;
	else
		p->gap_ms = base_ms;
	p->any = true;
	p->last_ms = now_ms;
}
