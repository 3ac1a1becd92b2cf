/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/outlier.h -- which endpoints of a service are left out for what requests to them came
 * to, and for how long.
 * Called by: discovery/guard (and by simulations).  Never: opens a socket, reads a clock or logs:
 * time comes in as milliseconds of any monotonic clock. */
#ifndef GATEHOUSE_DISCOVERY_OUTLIER_H
#define GATEHOUSE_DISCOVERY_OUTLIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rand;

/*	IN --errors in a row, or success below the others'--> EJECTED --time is over--> IN
 *	IN, EJECTED --connection refused--> DOWN --a probe connects--> IN
 *
 * EJECTED is a guess: at most a share of the endpoints is, and never the last one.  DOWN is a fact:
 * nothing listens there, so no share bounds it (discovery/fit keeps the service from becoming
 * empty). */
enum outlier_state { OUTLIER_IN, OUTLIER_EJECTED, OUTLIER_DOWN };
enum outlier_cause { OUTLIER_ROW, OUTLIER_RATE, OUTLIER_REFUSED, OUTLIER_CAUSES };

enum {
	OUTLIER_PROBE_FIRST_MS = 250, /* then twice as long each time ... */
	OUTLIER_PROBE_MAX_MS = 10000,
	OUTLIER_PROBE_JITTER = 20, /* per cent */
	OUTLIER_CALM_MS = 10000    /* refused again this soon: probing goes on as slow as it was */
};

struct outlier_rules {
	uint64_t row;      /* gateway errors one after the other; 0: no such ejection */
	double gap;        /* success this much below that of the others; 0: no such ejection */
	uint64_t requests; /* that an endpoint, and the others, must have had in an interval */
	uint64_t interval_ms;
	uint64_t time_ms, time_max_ms; /* of an ejection: time_ms x how often; at most */
	double share;                  /* of the endpoints that may be ejected; one always may */
	bool refused;                  /* whether a refused connection puts one out */
};

/* What requests to an endpoint came to since the last time that this was asked. */
struct outlier_counts {
	uint64_t ok, failed; /* failed: gateway errors, refused ones too */
	uint64_t row;        /* when ok > 0: failures since the last success */
	bool refused;
};

/* One endpoint; all zero is IN.  Read freely; written by the functions below, and failing by the
 * caller. */
struct outlier {
	enum outlier_state state;
	enum outlier_cause cause;      /* while not IN, and of the last time */
	bool failing;                  /* its own check fails: it cannot be the one that stays */
	bool changed;                  /* state, by the last outlier_judge() or outlier_probed() */
	bool refused;                  /* not judged yet */
	uint64_t since_ms, until_ms;   /* of the state; of EJECTED */
	uint64_t row, ok, failed;      /* in a row; in this interval */
	uint64_t seen_row;             /* of the last ejection, ... */
	double seen_rate, seen_others; /* ... success of it and of the others, 0 to 1 */
	uint32_t times;                /* ejections that count for the time of the next */
	uint64_t calm_ms;              /* when times was last changed */
	uint32_t probes;               /* failed in a row */
	bool probing;                  /* one is on its way */
	uint64_t probe_at_ms;          /* of DOWN */
};

/* Adds one worker's share to a sum that began as zero: its successes and failures since the last
 * time, whether a connection was refused among these, and what it has counted since its last
 * success. */
void outlier_add(struct outlier_counts *sum, uint64_t ok, uint64_t failed, bool refused,
		 uint64_t row);
/* Takes note; judges nothing. */
void outlier_count(struct outlier *, const struct outlier_counts *);
/* Judges all endpoints that the source offers; interval_over: with what they did in an interval,
 * which ends thereby. */
void outlier_judge(const struct outlier_rules *, struct outlier *const *, size_t n,
		   bool interval_over, struct rand *, uint64_t now_ms);
/* How many of n may be ejected at once. */
size_t outlier_room(const struct outlier_rules *, size_t n);
/* A probe of one that is DOWN has begun; it has ended.  One that is not DOWN ignores it. */
void outlier_probe_begin(struct outlier *);
void outlier_probed(struct outlier *, bool connected, struct rand *, uint64_t now_ms);
/* The source offers it again: what was DOWN is probed at once. */
void outlier_offered(struct outlier *, uint64_t now_ms);
/* Why it is out, for people: "" when it is IN. */
void outlier_text(const struct outlier *, char *out, size_t size);
/* "consecutive", "success_rate" or "refused". */
const char *outlier_cause_name(enum outlier_cause);

#endif
