/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/proxy.h -- what all exchanges of a worker share.
 * Called by: worker (owns one), every file of proxy/.  Never: knows the control process. */
#ifndef GATEHOUSE_PROXY_PROXY_H
#define GATEHOUSE_PROXY_PROXY_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "http/parse.h"
#include "metrics/slab.h"
#include "net/deadline.h"
#include "net/rbuf.h"
#include "net/splice.h"
#include "plugin/chain.h"
#include "proxy/access_log.h"
#include "proxy/hold.h"
#include "upstream/service.h"
#include "upstream/upconn.h"

struct crowd;
struct exchange;
struct fetcher;
struct gateway_config;
struct route_table;

enum { EXCHANGE_SPARE_MAX = 256 };

/* One per worker; all members are set before the first connection. */
struct proxy {
	uv_loop_t *loop;
	const struct gateway_config *config;
	const struct route_table *routes;
	struct plugin_set plugins;
	struct services services;
	struct service **service_lists; /* what plugin_chain.services point into */
	const struct crowd *crowd;      /* shared with other workers; NULL: there is none */
	struct slab *slab;
	struct slab_header *stats; /* slab->header */
	struct deadlines *deadlines;
	struct rbufs rbufs;
	struct splices splices;
	struct upstream upstream;
	struct fetcher *fetcher; /* made by the first gh_call() */
	struct access_log log;
	struct rand rand;
	struct buf head; /* scratch: the head being built */
	struct parse_limits request_limits, response_limits;
	struct list conns;     /* all client connections */
	struct list later;     /* exchanges that plugin code asked something of */
	struct list hedgings;  /* of services with requests that may get a second try */
	uv_timer_t hedge_look; /* runs while there are any */
	struct list queues;    /* of gates that requests wait at */
	uv_timer_t queue_look; /* runs while there are any */
	uv_idle_t later_turn;  /* runs while there are any */
	uv_prepare_t settling; /* runs before the loop waits, when the slab is large */
	struct holds holds;
	struct map clients;     /* address to count, while limited */
	struct exchange *spare; /* recycled exchanges */
	unsigned spare_count;
	char date[CLOCK_HTTP_DATE_SIZE]; /* of date_second */
	uint64_t date_second;
	bool draining;
	bool keep_idle;                       /* while draining: see proxy_drain() */
	void (*on_conn_gone)(struct proxy *); /* called when a connection has closed */
	/* An endpoint of the service refused a connection; NULL: nobody is told. */
	void (*on_refused)(struct proxy *, struct service *);
};

/* Prepares; the caller has set loop, config, routes (with rooms for struct plugin_chain), slab,
 * deadlines, and opened plugins in these rooms.  Aborts when out of memory. */
void proxy_init(struct proxy *);
void proxy_fini(struct proxy *);
/* Takes a connection that is waiting at a listening stream. */
void proxy_accept(struct proxy *, uv_stream_t *listener);
/* Answers go on with "Connection: close".  Idle connections are closed, or with keep_idle kept for
 * one request more: a client whose request is on its way then does not see it fail. */
void proxy_drain(struct proxy *, bool keep_idle);
/* Closes the connections that are tunnels, or those that are not, now, answered or not. */
void proxy_close_kind(struct proxy *, bool tunnels);
/* Closes every connection now, answered or not. */
void proxy_close_all(struct proxy *);
/* The current time as an HTTP date, from the cache of the second. */
struct str proxy_date(struct proxy *);

#endif
