/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/breaker.h -- when a service as a whole is left alone for what requests to it came to,
 * and how it is tried again.
 * Called by: discovery/guard_breaker (and by simulations).  Never: opens a socket, reads a clock or
 * logs: time comes in as milliseconds of any monotonic clock. */
#ifndef GATEHOUSE_DISCOVERY_BREAKER_H
#define GATEHOUSE_DISCOVERY_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*	CLOSED --too large a share of failures--> OPEN --its time is over--> HALF_OPEN
 *	HALF_OPEN --one trial fails--> OPEN; --all trials succeed--> CLOSED */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_rules {
	double failures;      /* share of gateway errors that opens it; 0: never */
	uint64_t requests;    /* that there must have been in an interval */
	uint64_t interval_ms; /* over which they are counted */
	uint64_t time_ms;     /* that it stays open: times how often it opened of late ... */
	uint64_t time_max_ms; /* ... and no longer than this */
	uint32_t trials;      /* requests that are let through half-open; 1 or more */
};

/* What requests came to. */
struct breaker_counts {
	uint64_t ok, failed; /* failed: gateway errors */
};

/* All zero is CLOSED.  Read freely, written by the functions below. */
struct breaker {
	enum breaker_state state;
	uint64_t since_ms;
	uint64_t until_ms;        /* of OPEN; of HALF_OPEN: when trials that are still out count as
				   * lost, and others may be made */
	struct breaker_counts in; /* of CLOSED: in this interval */
	uint64_t interval_end_ms;
	struct breaker_counts seen; /* what opened it last: the interval, or the trials */
	bool by_trial;              /* these were trials */
	uint32_t times;             /* openings that count for the time of the next */
	uint64_t calm_ms;           /* of CLOSED: when times was last changed */
	uint64_t epoch;             /* number of the trials: another one for each HALF_OPEN */
	uint32_t tickets;           /* of HALF_OPEN: trials that may be made from until_ms on */
	uint64_t opens;             /* counter */
};

/* Requests that were not trials. */
void breaker_count(struct breaker *, const struct breaker_counts *);
/* Moves on; trials: what those of this epoch came to so far, with HALF_OPEN.  Whether what workers
 * are to know has changed: state, until_ms or tickets. */
bool breaker_judge(struct breaker *, const struct breaker_rules *,
		   const struct breaker_counts *trials, uint64_t now_ms);
/* Why it is not closed, for people: "" when it is. */
void breaker_text(const struct breaker *, char *out, size_t size);
/* "closed", "open" or "half_open". */
const char *breaker_state_name(enum breaker_state);

#endif
