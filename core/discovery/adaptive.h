/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/adaptive.h -- how many requests a service bears at a time, learnt from how long its
 * answers take.
 * Called by: discovery/guard_limit (and by simulations).  Never: opens a socket or reads a clock:
 * one call is one second of the service's life. */
#ifndef GATEHOUSE_DISCOVERY_ADAPTIVE_H
#define GATEHOUSE_DISCOVERY_ADAPTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A service that has more in hand than it can work on at a time answers later, and no more often.
 * So the limit follows the time that answers take against the time that they take when the service
 * has room (the baseline, from seconds in which the limit was not used up):
 *
 *	limit <- limit x ADAPTIVE_TOLERANCE x baseline / time + sqrt(limit)
 *
 * a fifth of the way each second.  A limit that is used up second after second is halved for one
 * every ADAPTIVE_MEASURE seconds, at first every third, so that the baseline does not grow with the
 * queue. */
#define ADAPTIVE_TOLERANCE 1.3
#define ADAPTIVE_STEP      0.2
enum {
	ADAPTIVE_START = 20,
	ADAPTIVE_SAMPLES = 12, /* of the baseline, which is a low quantile of them */
	ADAPTIVE_MEASURE = 30, /* seconds */
	ADAPTIVE_REQUESTS = 10 /* a second with fewer says nothing */
};

struct adaptive_rules {
	uint32_t min, max;
};

/* What a second was like. */
struct adaptive_second {
	uint64_t answers, sum_us; /* and the time that they took together */
	uint64_t failures;        /* gateway errors: their time is not in the sum */
	uint64_t most;            /* requests in hand at a time */
};

/* Read freely; written by the functions below. */
struct adaptive {
	double limit;
	uint64_t samples[ADAPTIVE_SAMPLES]; /* in microseconds, the oldest is overwritten */
	unsigned sample_count, sample_at;
	uint64_t baseline_us, time_us; /* of the last second that said something; 0: none has */
	unsigned used_up;              /* seconds in a row */
	bool measuring;                /* in this second the limit is halved */
};

void adaptive_init(struct adaptive *, const struct adaptive_rules *);
/* A second is over. */
void adaptive_step(struct adaptive *, const struct adaptive_rules *,
		   const struct adaptive_second *);
/* The limit for the second that begins. */
uint32_t adaptive_limit(const struct adaptive *, const struct adaptive_rules *);

#endif
