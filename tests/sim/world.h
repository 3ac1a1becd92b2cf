/* SPDX-License-Identifier: Apache-2.0 */
/* tests/sim/world.h -- one simulated service: instances that crash, a Consul agent that lies, loses
 * and restarts, workers that send requests; between them the code under test: watch, fit, outlier,
 * breaker, retry budget.
 * Called by: tests/sim/sim_resilience.c.  Never: reads a clock, opens a socket, or draws from
 * anything but the seed: the same seed gives the same days for ever. */
#ifndef GATEHOUSE_TESTS_SIM_WORLD_H
#define GATEHOUSE_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "discovery/breaker.h"
#include "discovery/fit.h"
#include "discovery/outlier.h"
#include "discovery/watch.h"
#include "metrics/crowd.h"
#include "upstream/service.h"

enum {
	WORLD_INSTANCES = 8,
	WORLD_WORKERS = 2,
	WORLD_WAIT_MS = 30000,
	WORLD_HOLD_MS = 15000,
	WORLD_DAY_MS = 24 * 3600 * 1000,
	WORLD_IDLE_STEPS = 1000 /* at one moment: something is due, and never done */
};

enum agent_mode {
	AGENT_GOOD,
	AGENT_UNREACHABLE,
	AGENT_LIMITED,
	AGENT_DENIED,
	AGENT_FAILED,
	AGENT_GARBLED,
	AGENT_SILENT,    /* takes questions and never answers */
	AGENT_NO_LEADER, /* answers with what it has */
	AGENT_OLD,       /* answers with what was so when this began, and says how old it is */
	AGENT_EMPTY,     /* a 200 with nothing in it */
	AGENT_PARTIAL,   /* a 200 that lacks some */
	AGENT_MODES
};

struct sim_instance {
	/* The truth. */
	bool alive;       /* its process accepts connections */
	double sick;      /* share of its answers that are gateway errors */
	uint64_t well_ms; /* since when it has been alive and not sick */
	/* What the agent holds, and held when AGENT_OLD began. */
	bool registered, was_registered;
	enum instance_status status, was_status;
	bool left_out; /* by AGENT_PARTIAL */
	/* What the model says that must be known: see model.c. */
	bool known;
	enum instance_status heard;
	uint64_t missing_ms;
	/* The code under test. */
	struct outlier outlier;
	bool offered, used;
	uint64_t offered_ms; /* since when without a break */
	uint64_t rows[WORLD_WORKERS];
};

struct sim_agent {
	enum agent_mode mode;
	uint64_t good_ms;    /* since when it has been GOOD */
	uint64_t changed_ms; /* what it holds */
	uint64_t index;
};

/* The question that is on its way. */
struct sim_question {
	bool fails;
	enum watch_fault fault;
	bool old; /* answered with the content of before a restore */
	uint64_t index;
	uint64_t end_ms;     /* of its answer or failure; UINT64_MAX: it blocks ... */
	uint64_t expires_ms; /* ... until then */
};

/* What has happened in all seeds, so that a simulation that does nothing is seen. */
struct sim_totals {
	uint64_t steps, questions, answers, faults, requests, retries, client_failures;
	uint64_t ejections, downs, returns, holds, panics, level[FIT_NONE + 1];
	uint64_t opens, closes, trials, refused; /* by the breaker */
	uint64_t modes[AGENT_MODES];
};

struct world {
	uint64_t seed, now, end_ms, event_ms, traffic_ms, flood_until_ms;
	struct rand rand;
	struct sim_instance all[WORLD_INSTANCES];
	size_t count;
	struct sim_agent agent;
	struct sim_question question;
	struct watch watch;
	bool panic, changed;
	struct outlier_rules rules;
	uint64_t interval_end_ms;
	size_t next[WORLD_WORKERS]; /* whose turn it is */
	/* The breaker, if there is one (breaker_rules.failures), and what workers see of it. */
	struct breaker_rules breaker_rules;
	struct breaker breaker;
	struct breaker_counts counts; /* since it was judged last */
	struct crowd crowd;
	struct crowd_rule rule;
	struct crowd_cell cells[WORLD_WORKERS];
	uint64_t trials_left; /* model.c: that may still be made before it is judged anew */
	uint64_t opened_ms;
	uint64_t failed_ms[64]; /* the last tries that failed */
	uint64_t failed;
	struct service service; /* for its retry budget */
	uint64_t requests, retries;
	uint64_t asked_ms[64]; /* the last questions, for their rate */
	uint64_t questions;
	unsigned idle_steps;
	bool trusted; /* model.c: the last thing heard was an answer to remove by */
	struct sim_totals *totals;
	bool trace;
	char wrong[200]; /* the first invariant that did not hold; "": none */
};

/* Runs the days of one seed: "" in wrong when all held.  world_fini() it. */
void world_run(struct world *, uint64_t seed, bool trace, struct sim_totals *);
void world_fini(struct world *);
__attribute__((format(printf, 2, 3))) void world_say(const struct world *, const char *, ...);
__attribute__((format(printf, 2, 3))) void world_wrong(struct world *, const char *, ...);
/* True once in n draws, on average. */
bool world_chance(struct world *, uint64_t n);

/* agent.c: the agent and its answers. */
void agent_change_mode(struct world *);
void agent_restart(struct world *);
void agent_restore(struct world *);
/* What it holds has changed. */
void agent_changed(struct world *);
void agent_ask(struct world *);
/* The question ends now. */
void agent_end(struct world *);

/* traffic.c: requests of all workers, and what they came to. */
void traffic_send(struct world *);
void traffic_probe(struct world *);
/* breakers.c: what becomes of the breaker. */
void breakers_begin(struct world *);
void breakers_judge(struct world *);
/* When it has to be judged at the latest. */
uint64_t breakers_due(const struct world *);

/* model.c: what must be true, in other words than the code's. */
void model_answered(struct world *, const struct instance_set *, bool trusted);
void model_failed(struct world *);
void model_judged(struct world *, const enum outlier_state before[WORLD_INSTANCES]);
/* A try is made, and whether it is a trial; it failed. */
void model_try(struct world *, bool trial);
void model_try_failed(struct world *);
/* The breaker has moved, from that state. */
void model_breaker_moved(struct world *, enum breaker_state before);
void model_check(struct world *);

#endif
