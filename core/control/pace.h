/* SPDX-License-Identifier: Apache-2.0 */
/* control/pace.h -- how often generations of workers may follow one another when it is not an
 * operator who wants them.
 * Called by: control/claims.  Never: reads a clock. */
#ifndef GATEHOUSE_CONTROL_PACE_H
#define GATEHOUSE_CONTROL_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_SETTLE_MS = 200, PACE_MAX_MS = 5 * 60 * 1000 };

/* All zero: there was none. */
struct pace {
	bool any;
	uint64_t last_ms, gap_ms;
};

/* When one may begin for what has changed now: after PACE_SETTLE_MS, since changes come in groups,
 * and base_ms after the last, or twice as long with each that followed another closely. */
uint64_t pace_due(const struct pace *, uint64_t base_ms, uint64_t now_ms);
/* One has begun. */
void pace_took(struct pace *, uint64_t base_ms, uint64_t now_ms);

#endif
