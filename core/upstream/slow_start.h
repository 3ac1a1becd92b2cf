/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/slow_start.h -- a new endpoint takes its share step by step.
 * Called by: upstream/service.  Never: looks at a clock. */
#ifndef GATEHOUSE_UPSTREAM_SLOW_START_H
#define GATEHOUSE_UPSTREAM_SLOW_START_H

#include <stdint.h>

#include "upstream/endpoint.h"

/* Steps between the first share, a tenth of the weight, and all of it; how often they are taken. */
enum { SLOW_START_SCALE = 100, SLOW_START_FIRST = 10, SLOW_START_STEP_MS = 100 };

/* Sets the shares of all by their weights and by the time since new_ms; new_ms is 0 again where
 * the window has passed.  While any starts, all shares are in hundredths of the weight.  The time
 * of the next step, or UINT64_MAX when none has one before it. */
uint64_t slow_start_apply(struct endpoint *const *, size_t count, uint64_t window_ms,
			  uint64_t now_ms);

#endif
