/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_private.h -- what the parts of the Consul client share: the agent, the services
 * followed through it, its probe and its triggers.
 * Called by: discovery/consul*.c only.  Never: included elsewhere. */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_PRIVATE_H
#define GATEHOUSE_DISCOVERY_CONSUL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/rand.h"
#include "discovery/consul_query.h"
#include "discovery/consul_settings.h"
#include "discovery/discovery.h"
#include "discovery/health.h"
#include "discovery/memory.h"
#include "discovery/publish.h"
#include "discovery/publish_watch.h"
#include "discovery/skipped.h"
#include "discovery/watch.h"
#include "net/fetch.h"

struct config_service;

enum {
	CONSUL_MAGIC = 0x636f6e73,
	CONSUL_SERVICE_MAGIC = 0x636f6e74,
	CONSUL_TRIGGERS = 2,
	CONSUL_ANSWER_MAX = 64 * 1024 * 1024
};

/* A blocking question whose answer is a sign that something has changed. */
struct consul_trigger {
	struct consul *consul;
	const char *path;
	uint64_t index, asked_ms;
	uint64_t last;                   /* index of the last answer; 0: none yet */
	uint64_t allowance, refilled_ms; /* token bucket */
	struct buf body;                 /* of the last answer, where it tells what has changed */
	bool tells;
	unsigned faults;
	struct fetch *fetch;
	uv_timer_t timer;
};

struct consul {
	unsigned magic;
	uv_loop_t *loop;
	struct consul_settings settings;
	struct registry *registry;
	struct resolver *resolver;
	struct fetcher *fetcher;
	struct rand rand;
	struct list services;
	size_t service_count;
	struct list inherited; /* of struct memory */
	char *token_header;    /* "X-Consul-Token: ...", or NULL */
	uv_timer_t probe_timer;
	struct fetch *probe;
	uint64_t probed_ms;
	bool probed; /* a probe has ended: down is known */
	bool down;
	bool single; /* a connection carries one request at a time: not HTTP/2 */
	bool polled; /* so many services that they are polled, and triggers watch */
	struct consul_trigger triggers[CONSUL_TRIGGERS];
	uv_timer_t sweep; /* while polled */
	uint64_t swept_ms;
	bool local; /* the agent is on this machine */
	struct discovery_stats stats;
	size_t handles; /* libuv handles that have not been closed */
	bool closing;
	void (*on_closed)(void *arg);
	void *arg;
};

struct consul_service {
	unsigned magic;
	struct list link;
	struct consul *consul;
	const char *name; /* in Consul */
	char *key;        /* what it is read by, as text: the same key, the same instances */
	struct consul_scope scope;
	struct registry_service *record;
	struct health_rules rules;
	struct watch watch;
	struct publish publish;
	struct skipped skipped;
	bool restored; /* and not published yet */
	bool has_digest;
	uint64_t digest; /* of the body of the last answer that was understood */
	uint64_t wanted; /* when polled: an answer with a smaller index is too old */
	struct fetch *fetch;
	uv_timer_t timer;
	bool said_fault; /* what was logged last, so that each change is logged once */
	enum watch_fault fault_said;
	struct publish_said said_of_watch;
};

/* consul.c */

/* Asks the agent: with its token, and bounded in time and size.  NULL as fetch_start(). */
struct fetch *consul_fetch(struct consul *, const char *url, uint64_t timeout_ms, size_t max_answer,
			   fetch_cb, void *arg);
/* Reads the token again: whether there is another one now. */
bool consul_reload_token(struct consul *);
/* Every watch begins anew: the agent may know nothing of what it said before. */
void consul_renew_all(struct consul *);
/* The agent was heard to speak HTTP/1: each question needs its own connection. */
void consul_is_single(struct consul *);
/* A handle's close callback has run. */
void consul_handle_closed(struct consul *);

/* consul_probe.c */

void consul_probe_start(struct consul *);
/* Asks now, unless a probe is on its way. */
void consul_probe(struct consul *);
/* A question has failed: finds out soon whether the agent has. */
void consul_suspect(struct consul *);

/* consul_trigger.c */

/* Whether a change of the service would be noticed by the triggers. */
bool consul_triggers_cover(const struct consul_service *);
/* Goes over to them: every service is polled from now on. */
void consul_triggers_start(struct consul *);
void consul_triggers_close(struct consul *);

/* consul_service.c */

struct consul_service *consul_service_new(struct consul *, struct registry_service *,
					  const struct config_service *declared);
/* Does what is due, and arms the timer for what is due next. */
void consul_service_run(struct consul_service *);
/* Gives up the question that is on its way, and asks anew at that time. */
void consul_service_renew(struct consul_service *, uint64_t at_ms);
/* After fetcher_close(): its memory goes when the loop has closed the timer. */
void consul_service_close(struct consul_service *);

/* consul_memory.c */

/* The key of a service's settings; the caller's. */
char *consul_key(const char *name, const struct consul_scope *, const struct health_rules *);
/* Takes over what is remembered of the service, if it is read by the same rules. */
void consul_remember(struct consul_service *);

#endif
