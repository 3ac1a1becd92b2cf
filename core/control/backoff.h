/* SPDX-License-Identifier: Apache-2.0 */
/* control/backoff.h -- how long to wait before a worker that died is started again.
 * Called by: control/generation.  Never: reads a clock. */
#ifndef GATEHOUSE_CONTROL_BACKOFF_H
#define GATEHOUSE_CONTROL_BACKOFF_H

#include <stdint.h>

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 10 * 1000,
	BACKOFF_CALM_MS = 60 * 1000, /* who lived that long did not die of starting */
};

/* All zero: nothing died yet. */
struct backoff {
	uint64_t next_ms;
};

/* After one that lived alive_ms: 0, at once, for the first, then 100 ms, twice that each time, at
 * most 10 s; from the start again after one that lived a minute. */
uint64_t backoff_delay(struct backoff *, uint64_t alive_ms);

#endif
