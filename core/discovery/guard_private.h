/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_private.h -- what the files of the guard share.
 * Called by: discovery/guard*.c only.  Never: included elsewhere. */
#ifndef GATEHOUSE_DISCOVERY_GUARD_PRIVATE_H
#define GATEHOUSE_DISCOVERY_GUARD_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "config/gateway.h"
#include "discovery/adaptive.h"
#include "discovery/breaker.h"
#include "discovery/fit.h"
#include "discovery/guard.h"
#include "discovery/outlier.h"
#include "discovery/probe_state.h"
#include "metrics/slab.h"

struct attempt;
struct fetcher;
struct registry_endpoint;

enum {
	GUARD_MAGIC = 0x67756172,
	GUARD_FORGET_MS = 600 * 1000,   /* what is known of an endpoint that has gone */
	GUARD_SLOT_REST_MS = 60 * 1000, /* until its place may be another's: workers hear late */
	GUARD_PROBE_TIMEOUT_MS = 1000,
	GUARD_LIMIT_MAX = 10000 /* of one that is learnt, unless the file has another */
};

/* Something to ask an endpoint: waiting for its turn, or on its way, or neither. */
struct guard_job {
	struct list link; /* in guard.waiting */
	struct attempt *attempt;
	struct guard_member *member;
};

/* One address of one instance. */
struct guard_member {
	struct guard_service *service;
	char *key; /* "id address:port" */
	char *id;
	char address[46];
	uint16_t port;
	struct outlier outlier;
	struct probe_state check;
	struct guard_job probing, checking;
	bool listed;  /* its source has it ... */
	bool offered; /* ... and would use it */
	bool named;   /* while a new list is read: it is in there */
	uint64_t gone_ms;
	int32_t slot;
	struct slab_endpoint *seen; /* counts as of the last look, one for each slab */
};

struct guard_service {
	struct guard *guard;
	char *name;
	const struct config_check *check;
	struct outlier_rules rules;
	struct probe_rules probe_rules;
	bool panic;
	int at; /* position in the configuration; -1: it is not there */
	struct breaker_rules breaker_rules;
	struct breaker breaker;
	struct adaptive_rules limit_rules; /* max 0: its limit is not learnt */
	struct adaptive adaptive;
	struct adaptive_second second, seen; /* the one that runs; counters at its beginning */
	uint64_t second_end_ms;
	struct map members; /* by key */
	uint64_t interval_end_ms;
	enum fit_level level;
	uint64_t ejections[OUTLIER_CAUSES];
	uint64_t checks_passed, checks_failed;
};

/* A place in the slabs that was let go of. */
struct guard_rest {
	int32_t slot;
	uint64_t since_ms;
};

struct guard {
	unsigned magic;
	uv_loop_t *loop;
	const struct gateway_config *config;
	struct registry *registry;
	const struct slab **slabs;
	size_t slab_count;
	struct crowd *crowd;
	struct map services;
	struct rand rand;
	bool on;
	struct fetcher *fetcher;  /* made by the first http check */
	struct list waiting;      /* of struct guard_job */
	unsigned running;         /* attempts */
	int32_t next_slot;        /* the first that was never given out */
	bool full;                /* that there are too few was logged */
	struct guard_rest *rests; /* oldest first, from rest_first on */
	size_t rest_first, rest_count, rest_cap;
};

/* Milliseconds of a monotonic clock. */
uint64_t guard_now(void);
bool guard_checks(const struct guard_service *);
/* Why it is out, for people: "" when nothing is wrong with it. */
void guard_member_text(const struct guard_member *, char *out, size_t size);
/* Publishes what the service is now, after a change. */
void guard_publish(struct guard_service *);

/* guard_slot.c: places in the slabs. */
void guard_slot_take(struct guard *, struct guard_member *);
void guard_slot_drop(struct guard *, struct guard_member *);
/* What requests to it came to since the last look: for its outlier, and added to all. */
void guard_slot_count(struct guard *, struct guard_member *, struct breaker_counts *all);

/* guard_run.c: what is asked of endpoints. */
void guard_run_due(struct guard_service *, uint64_t now_ms);
void guard_run_waiting(struct guard *);
void guard_run_cancel(struct guard_member *);

/* guard_breaker.c */
bool guard_has_breaker(const struct guard_service *);
/* Judges it by what requests to the service came to since the last time. */
void guard_breaker_judge(struct guard_service *, const struct breaker_counts *, uint64_t now_ms);
/* Tells the workers what it is. */
void guard_breaker_tell(const struct guard_service *);

/* guard_limit.c */
bool guard_has_limit(const struct guard_service *);
/* Many times a second: learns its limit; failures: since the last time. */
void guard_limit_judge(struct guard_service *, uint64_t failures, uint64_t now_ms);
void guard_limit_tell(const struct guard_service *);

/* guard_judge.c: counts, verdicts, log lines. */
void guard_judge(struct guard_service *, uint64_t now_ms);
void guard_log_outlier(const struct guard_member *);
void guard_log_check(const struct guard_member *);

#endif
