/* SPDX-License-Identifier: Apache-2.0 */
/* control/generation.h -- one configuration and the workers that run it, from start to end.
 * Called by: control.  Never: runs plugin code, opens a socket, prints.
 *
 *	STARTING --all ready--> LIVE --generation_drain()--> DRAINING --all ended--> ENDED
 *	    |                                                   ^
 *	    '--one failed (generation->failed is set)-----------'
 */
#ifndef GATEHOUSE_CONTROL_GENERATION_H
#define GATEHOUSE_CONTROL_GENERATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/map.h"
#include "control/backoff.h"
#include "metrics/crowd.h"
#include "metrics/slab.h"

struct discovery;
struct gateway_config;
struct generation;
struct guard;
struct handed_set;
struct listen_set;
struct listener;
struct proc;
struct quarantine;

enum { GENERATION_SOCKETS_MAX = 64 }; /* that one worker accepts from */

enum generation_state {
	GENERATION_STARTING,
	GENERATION_LIVE,
	GENERATION_DRAINING,
	GENERATION_ENDED
};

/* WAITING: died, and another is started at due_ns. */
enum slot_state { SLOT_STARTING, SLOT_READY, SLOT_WAITING, SLOT_ENDED };

/* The place of one worker: its counters outlive the process. */
struct slot {
	struct generation *generation;
	uint32_t index;
	enum slot_state state;
	struct slab slab;
	struct proc *proc; /* NULL: none runs */
	json_t *plugins;   /* of "ready"; NULL before */
	struct backoff backoff;
	uint64_t spawned_ns, due_ns;
	uint64_t lost_ns; /* when its channel ended while it ran; 0: it has not */
	uint64_t restarts;
	uint64_t asked_ns; /* when its worker said what it needs; 0: it has been told, or has not */
	bool has_asked;    /* its worker has loaded all that it runs */
	uint32_t refused_told; /* bits: which of the slab's refused calls were logged */
	bool killed;           /* by the control process; why was logged */
	bool lent;             /* the others accept from its sockets */
	bool slow;             /* that its heart does not beat was logged */
	uint64_t tunnel_ns;    /* draining: when it was last seen to have a tunnel; 0: never */
};

struct generation_events {
	void (*on_ready)(void *arg, struct generation *); /* all workers are, for the first time */
	void (*on_end)(void *arg, struct generation *);   /* free it with generation_free() */
	void (*on_hold)(void *arg);                       /* the quarantine holds more */
};

struct generation {
	struct list link; /* the owner's */
	uint64_t number;
	enum generation_state state;
	uv_loop_t *loop;
	struct gateway_config *config;
	struct handed_set *handed;
	char config_hash[17];
	int config_fd;
	struct crowd crowd;
	int log_level, log_format; /* -1: as configured */
	struct listen_set *listen_set;
	struct quarantine *quarantine; /* the owner's */
	struct listener **listeners;
	uint32_t *sockets; /* how many of each listener its workers accept from */
	struct slot *slots;
	uint32_t slot_count;
	struct discovery *discovery;
	struct guard *guard;
	struct map needs; /* services that some worker named; key and value are one copy */
	const struct generation_events *events;
	void *arg;
	uint64_t started_ns;
	uint64_t drain_until_ns, tunnel_until_ns; /* DRAINING: workers are killed; the second counts
						   * while a worker has tunnels */
	bool failed;
	char **errors; /* why it failed */
	size_t error_count;
};

struct generation_spec {
	uv_loop_t *loop;
	uint64_t number;
	struct gateway_config *config; /* taken, also on error */
	struct handed_set *handed;     /* that was applied to it; taken, also on error */
	struct listen_set *listen_set;
	struct quarantine *quarantine;
	int log_level, log_format;
	/* Whose endpoints its workers begin with, so that a new generation does not start from
	 * nothing; NULL: none. */
	struct generation *before;
	/* In its place, what another process knew (discovery_save()); NULL: what is on disk. */
	const json_t *saved;
	const struct generation_events *events;
	void *arg;
};

/* Opens what sockets are missing, starts discovery and the workers.  NULL and the reason; no
 * event then. */
struct generation *generation_start(const struct generation_spec *, struct error *);
/* It serves now: its endpoints are checked and judged from now on, from what the one before, which
 * stops doing so, knows of them.  before: NULL when there was none. */
void generation_serve(struct generation *, struct generation *before);
/* Workers finish what they have; after limit_ms what is left is closed, upgraded connections after
 * tunnel_ms.  keep_idle: idle connections are kept for one request more, since another generation
 * serves; a second call without it ends that. */
void generation_drain(struct generation *, uint64_t limit_ms, uint64_t tunnel_ms, bool keep_idle);
/* Ends all workers at once. */
void generation_kill(struct generation *);
/* Restarts, stuck workers, limits: many times a second.  behind: the caller itself was late, so
 * that heartbeats say nothing. */
void generation_tick(struct generation *, uint64_t now_ns, bool behind);
/* Tells all its workers which plugin files are in quarantine. */
void generation_hold(struct generation *, const json_t *held);
/* Only when it has ended. */
void generation_free(struct generation *);

/* For control/supervisor: a message of a slot's worker; what a new one is told first; the
 * generation cannot start (printf); a slot has ended. */
void generation_message(struct slot *, const json_t *message);
void generation_greet(struct slot *);
__attribute__((format(printf, 2, 3))) void generation_fail(struct generation *, const char *, ...);
void generation_check_end(struct generation *);

unsigned generation_ready_count(const struct generation *);
/* "starting", "live", "draining", "ended"; "starting", "ready", "waiting", "ended". */
const char *generation_state_name(enum generation_state);
const char *slot_state_name(enum slot_state);

#endif
