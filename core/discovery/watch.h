/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/watch.h -- what to believe of Consul's answers about one service, and when and how to
 * ask next.
 * Called by: discovery/consul (and by simulations).  Never: opens a socket, reads a clock or
 * logs: time comes in as milliseconds of any monotonic clock. */
#ifndef GATEHOUSE_DISCOVERY_WATCH_H
#define GATEHOUSE_DISCOVERY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/instance.h"

struct rand;

/*	INIT --> SYNCING --> LIVE --.
 *	          |  ^ ^      |  ^__| answer
 *	    error |  | '------'
 *	          v  |   index back, or early and unchanged
 *	        BACKOFF <-- error -- LIVE
 *
 * SYNCING asks at index 0 and gets what is there now; LIVE asks at the last index and waits for
 * a change; BACKOFF does not ask.  Whatever the state, what is known stays published. */
enum watch_state { WATCH_INIT, WATCH_SYNCING, WATCH_LIVE, WATCH_BACKOFF };

enum watch_fault {
	WATCH_UNREACHABLE, /* no answer: refused, timed out, cut off */
	WATCH_LIMITED,     /* reset at once or 429: too many connections to the agent */
	WATCH_DENIED,      /* 403 */
	WATCH_FAILED,      /* another status than 200 */
	WATCH_GARBLED      /* a 200 that is not an answer of Consul's */
};

enum {
	WATCH_BACKOFF_FIRST_MS = 250,
	WATCH_BACKOFF_MAX_MS = 15000,
	WATCH_BACKOFF_JITTER = 50, /* per cent */
	WATCH_LIMITED_MIN_MS = 5000,
	WATCH_DENIED_MS = 15000,
	WATCH_SLOW_MS = 15000, /* between questions about a service that never rests */
	WATCH_CONTACT_MAX_MS = 5000,
	WATCH_SWEEP_MS = 30000,     /* watch_rules.sweep_ms where pokes come ... */
	WATCH_SWEEP_ALONE_MS = 5000 /* ... and where none can */
};

struct watch_rules {
	const char *source; /* as people are told: NULL is "Consul" */
	uint64_t wait_ms;   /* how long a question may block */
	uint64_t hold_ms;   /* how long a big loss is not believed */
	bool panic;         /* try critical instances when there is nothing else */
	uint64_t sweep_ms;  /* between questions of a polled watch that nobody pokes */
};

/* A 200; the set is taken.  NULL: the answer is, byte by byte, the last one of this watch. */
struct watch_answer {
	uint64_t index;
	bool known_leader;
	uint64_t last_contact_ms;
	struct instance_set *set;
};

/* Read freely; written by the functions below only. */
struct watch {
	struct watch_rules rules;
	struct rand *rand;
	enum watch_state state;
	struct instance_set known; /* the last answer's, and the suspects */
	bool seen;                 /* there was an instance once */
	bool answered;             /* there was an answer once */
	bool restored;             /* known comes from a snapshot on disk: no answer since */
	bool trusted;              /* the last thing heard was an answer to remove by */
	bool faulty;               /* the last thing heard was a fault ... */
	enum watch_fault fault;    /* ... of this kind */
	unsigned faults;           /* in a row */
	bool asking;
	uint64_t ask_at_ms, ask_index; /* the next question; when not asking */
	uint64_t asked_ms;
	uint64_t allowance, minute; /* token buckets against loops, see watch.c */
	uint64_t refilled_ms;
	bool slow;
	bool polled, poked;
	size_t holding, panicking;        /* instances, as of the last watch_view() */
	uint64_t index_resets, throttled; /* counters */
};

void watch_init(struct watch *, const struct watch_rules *, struct rand *);
void watch_fini(struct watch *);
/* In INIT only: begins with what another watch knew of the same service, or what it is known to
 * have known (restored is taken over); it counts as an answer, though not as one to remove by. */
void watch_restore(struct watch *, const struct watch *from);
/* INIT to SYNCING: the first question may be asked now. */
void watch_start(struct watch *, uint64_t now_ms);
/* The question (ask_index) is on its way. */
void watch_asked(struct watch *, uint64_t now_ms);
/* The end of a question, good or bad: afterwards ask_at_ms and ask_index are set. */
void watch_answered(struct watch *, uint64_t now_ms, const struct watch_answer *);
void watch_failed(struct watch *, uint64_t now_ms, enum watch_fault);
/* Drops the question that is on its way, or the rest of a backoff, and asks anew at at_ms: what
 * answers again may not be what answered before.  Only a pause after WATCH_LIMITED is kept. */
void watch_renew(struct watch *, uint64_t at_ms);
/* From now on it never blocks: it asks at index 0, now and then and when it is poked. */
void watch_poll(struct watch *, uint64_t now_ms);
/* Something has changed, here or somewhere: a polled watch asks at at_ms or, if it has asked much
 * of late, later; others know by themselves. */
void watch_poke(struct watch *, uint64_t now_ms, uint64_t at_ms);
/* Ends holds that are over: whether anything changed. */
bool watch_tick(struct watch *, uint64_t now_ms);
/* When watch_tick() or a question is due; UINT64_MAX: nothing to wait for but an answer. */
uint64_t watch_due(const struct watch *);
/* What to publish: every instance known, judged (usable, why); the caller's. */
struct instance_set watch_view(struct watch *);
/* What an operator should know, after watch_view(): "" when all is well. */
void watch_note(const struct watch *, char *out, size_t size);
/* "init", "syncing", "live" or "backoff". */
const char *watch_state_name(enum watch_state);

#endif
