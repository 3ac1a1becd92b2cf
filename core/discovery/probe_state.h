/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/probe_state.h -- what the checks of one endpoint add up to, and when the next is due.
 * Called by: discovery/guard.  Never: opens a socket, reads a clock or logs. */
#ifndef GATEHOUSE_DISCOVERY_PROBE_STATE_H
#define GATEHOUSE_DISCOVERY_PROBE_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct rand;

/* UNKNOWN, before the first result, gets traffic: its source offers it. */
enum probe_verdict { PROBE_UNKNOWN, PROBE_PASSING, PROBE_FAILING };

enum {
	PROBE_WHY_SIZE = 100,
	PROBE_FIRST_MS = 1000 /* first checks are spread over so much, or over an interval */
};

struct probe_rules {
	uint64_t interval_ms;
	unsigned jitter;             /* per cent of the interval */
	unsigned healthy, unhealthy; /* results in a row that change the verdict */
};

/* One endpoint; all zero knows nothing yet and is due at once. */
struct probe_state {
	enum probe_verdict verdict;
	unsigned row; /* results in a row that contradict the verdict */
	bool running;
	uint64_t due_ms, since_ms;
	char why[PROBE_WHY_SIZE]; /* of the last failure */
};

/* Plans the first check. */
void probe_plan_first(struct probe_state *, const struct probe_rules *, struct rand *,
		      uint64_t now_ms);
void probe_begin(struct probe_state *);
/* A result, why for a failure: whether the verdict changed.  The first result is believed at once.
 * Plans the next. */
bool probe_ended(struct probe_state *, const struct probe_rules *, bool passed, const char *why,
		 struct rand *, uint64_t now_ms);
/* "unknown", "passing" or "failing". */
const char *probe_verdict_name(enum probe_verdict);

#endif
