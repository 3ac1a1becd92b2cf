/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/exchange.h -- one request and its response, from the first byte to the line in the log.
 * Called by: proxy/.  Never: outlives its connection, but for the next request on it. */
#ifndef GATEHOUSE_PROXY_EXCHANGE_H
#define GATEHOUSE_PROXY_EXCHANGE_H

#include <gatehouse/plugin.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "http/parse.h"
#include "net/deadline.h"
#include "net/flow.h"
#include "route/table.h"
#include "upstream/gate.h"
#include "upstream/service.h"

struct conn;
struct hedge;
struct host_call;
struct host_timer;
struct plugin_chain;
struct proxy;
struct upconn;

/*	HEAD ──► ROUTE ──► PLUGIN ──► PICK ──► CONNECT ──► RELAY ──► LOG ──► DONE
 *	  │        │         │  ▲       │ ▲        │         ▲
 *	  │        │         │  └───────┼─┼────────┘ retry   │
 *	  └────────┴─────────┴──────────┴─┴── an answer of our own
 *
 * HEAD: bytes of a head are read.  ROUTE: checked and matched.  PLUGIN: request hooks run, or one
 * waits.  PICK: an endpoint is chosen.  CONNECT: a connection opens.  RELAY: request and response
 * flow, from the service or from the gateway itself.  LOG: all is sent or lost.  DONE: the
 * exchange may be used again. */
#define EXCHANGE_STATES(X) X(HEAD) X(ROUTE) X(PLUGIN) X(PICK) X(CONNECT) X(RELAY) X(LOG) X(DONE)

enum exchange_state {
#define EXCHANGE_STATE_ENUM_(s) EXCHANGE_##s,
	EXCHANGE_STATES(EXCHANGE_STATE_ENUM_)
#undef EXCHANGE_STATE_ENUM_
		EXCHANGE_STATE_COUNT
};

/* Who makes the response. */
enum exchange_source {
	SOURCE_NONE,
	SOURCE_SERVICE, /* gh_relay() */
	SOURCE_REPLY,   /* gh_reply(), or an answer of the gateway */
	SOURCE_STREAM,  /* gh_reply_begin() */
};

/* How far the response from the service has come. */
enum response_state { RESPONSE_NONE, RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE };

/* What a hook that returned GH_WAIT was. */
enum exchange_phase { PHASE_NONE, PHASE_REQUEST, PHASE_UPSTREAM, PHASE_RESPONSE };

/* What the exchange's deadline is for. */
enum exchange_wait { WAIT_NONE, WAIT_QUEUE, WAIT_CONNECT, WAIT_RESPONSE, WAIT_STALL, WAIT_TOTAL };

enum { REQUEST_ID_SIZE = 72, INTERIM_MAX = 16 };

/* The ABI's struct gh_request is this. */
struct exchange {
	unsigned magic;
	enum exchange_state state;
	struct proxy *proxy;
	struct conn *conn;
	struct exchange *next_spare;
	struct hedge *hedge; /* NULL until a request of it could have a second try */
	struct arena arena;

	/* What was read from the client and not yet used up: [in_pos, in_end) of in. */
	char *in;
	size_t in_cap, in_pos, in_end;
	char *in_old; /* what plugins may still hold slices of, after in has moved */
	size_t in_old_cap;

	/* The request. */
	struct parser parser;
	struct head req;
	struct route_match match;
	struct str path, query; /* normalised, or rewritten by a plugin */
	struct str host;        /* lower case, without port */
	char request_id[REQUEST_ID_SIZE];
	size_t request_id_n;
	uint64_t body_left;   /* FRAMING_LENGTH: bytes to come */
	uint64_t body_max;    /* limit of this request's body; 0: none */
	bool body_done;       /* the whole request has been read */
	bool body_started;    /* body bytes were taken out of in */
	size_t body_at;       /* where the body starts in in, while it may be sent again */
	bool client_close;    /* the connection closes after this exchange */
	struct buf collected; /* the body for gh_read_body() */
	bool collecting, collect_begun, is_collected;
	size_t collect_max;
	gh_body_cb collect_cb;
	void *collect_arg;
	struct gh_route *collect_use;

	/* Route and plugins. */
	const struct plugin_chain *chain; /* NULL: no route */
	uint32_t route;
	struct gh_route *use;      /* whose code runs, or ran last */
	void **data;               /* gh_set_data(), by slot */
	enum exchange_phase phase; /* of hooks that run or wait */
	uint32_t hook_at;          /* position in that phase's list */
	bool in_hook, waiting;
	struct gh_route *waiting_use; /* who waits */
	bool answered;                /* the hook that runs, or its callbacks, chose who answers */
	uint32_t replier;             /* slot of who answers, unless a service does */
	bool response_hooks_done;
	bool in_callback;
	/* Asked for by plugin code: done when none of it runs. */
	bool resume_later, pump_later, writable_later;
	enum gh_verdict resume_verdict;
	struct list later;    /* in proxy.later */
	uint32_t hooks_begun; /* uses whose on_request ran or was passed */
	struct list calls, timers;
	unsigned call_count, timer_count;

	/* The way to the service. */
	enum exchange_source source;
	struct service *service;
	struct gate *gate; /* at which it has a place, or waits for one */
	bool admitted;     /* it has one */
	struct gate_waiter queued;
	const struct trial *trial; /* whose breaker has let it through */
	uint64_t trial_epoch;      /* it is a trial that has shown nothing yet */
	struct endpoint *endpoint; /* referenced */
	struct upconn *up;
	struct pick_tried tried;
	unsigned tries;
	bool sent; /* the head has gone to the endpoint */
	bool stale_retried;
	bool hedged;       /* the time for a second try has come */
	bool earned;       /* its share of a further try, once for each request */
	bool request_sent; /* and the whole body */
	bool forward_chunked;
	struct deadline deadline;
	enum exchange_wait wait;

	/* The response. */
	enum response_state response;
	struct parser res_parser;
	struct head res;
	char *hold; /* response bytes kept while a head is incomplete or a hook waits */
	size_t hold_cap, hold_n, hold_at;
	struct str res_rest; /* what came behind the head, until response_begin() */
	bool begin_later;    /* response_begin() waits for an interim response to go out */
	bool reply_later;    /* an answer of our own does */
	uint64_t res_left;
	struct splice
		*splice;   /* lent; what is in it is the body's next, in front of what is read */
	size_t splice_max; /* how much of the body is moved at a time inside the kernel */
	struct buf trailers;
	unsigned interim;
	bool continued;     /* one of them was a 100 */
	bool upstream_keep; /* the connection may be used again */
	bool head_sent;     /* any byte of the final response has gone to the client */
	bool send_chunked;
	bool no_body; /* HEAD, 204, 304: the head only */
	bool tunnel;
	struct flow down; /* to the client */
	uv_shutdown_t shutdown;
	bool response_over;        /* nothing more will be sent to the client */
	bool late_end;             /* the end of the body waits for a held write */
	bool up_ended, down_ended; /* tunnel: each side's end has come */

	/* An answer of our own, or of a plugin. */
	uint16_t reply_status;
	struct str reply_type, reply_body;
	int64_t reply_length;   /* gh_reply_begin(): of the whole body, -1 unknown */
	int64_t reply_left;     /* bytes of it that the plugin has not written */
	struct buf reply_queue; /* written by the plugin, not yet taken by the client */
	bool reply_ended;
	gh_timer_cb writable_cb;
	void *writable_arg;
	struct gh_route *writable_use;

	/* For the log and the metrics. */
	enum end_reason reason;
	const char *why;      /* a fixed sentence, or NULL */
	const char *allow;    /* for 405 */
	unsigned retry_after; /* seconds, for 503; 0: one */
	uint16_t status;      /* what the client got */
	uint64_t started_ns, started_wall_us;
	uint64_t upstream_ns; /* when the request went out */
	uint64_t upstream_us; /* until the response's head */
	uint64_t bytes_in, bytes_out;
	uint64_t total_at_ms; /* loop time at which the request must be over; 0: none */
	uint64_t body_start_ms;
};

/* From proxy.spare, or new; NULL when out of memory. */
struct exchange *exchange_take(struct proxy *, struct conn *);
/* Back to proxy.spare; the exchange is DONE and no write of it runs. */
void exchange_give_back(struct exchange *);
/* Frees a spare one for good. */
void exchange_free(struct exchange *);

/* Where the next bytes from the client go: *room bytes at the result; NULL: there is no room. */
char *exchange_in_room(struct exchange *, size_t *room);
/* Takes over the first bytes of a request: all of them, or, when there are many, the head alone.
 * How many. */
size_t exchange_in_first(struct exchange *, const char *p, size_t n);
/* Puts bytes behind those that were read.  0, or -1 when they do not fit. */
int exchange_in_append(struct exchange *, const char *p, size_t n);
/* The bytes were put there: parses a head as far as it goes, and runs it when complete. */
void exchange_on_input(struct exchange *);
/* The client has ended its side (0) or broken off (a negative UV_E*). */
void exchange_on_client_end(struct exchange *, int status);
/* Ready for the next request, with what was read of it already. */
void exchange_again(struct exchange *);
/* The connection's deadline, by what it waited for. */
void exchange_on_client_timeout(struct exchange *);

/* Gives it an id: 128 random bits as 32 hexadecimal digits. */
void exchange_make_id(struct exchange *);
/* Ends the request with a reason: as a problem document if nothing was sent yet, else by a cut. */
void exchange_fail(struct exchange *, enum end_reason, const char *why);
/* Closes the connection without an answer. */
void exchange_drop(struct exchange *, enum end_reason);
/* The response is out, or lost: logs, counts, tells plugins.  Leaves the connection alone. */
void exchange_end(struct exchange *);
/* Checks the move against the table. */
void exchange_enter(struct exchange *, enum exchange_state);
/* Arms the deadline, no later than the request's total time allows. */
void exchange_wait(struct exchange *, enum exchange_wait, uint64_t ms);

/* The steps, each in the file of its name. */
void exchange_route(struct exchange *);                   /* route.c */
void exchange_run_request_hooks(struct exchange *);       /* hooks.c */
void exchange_resume(struct exchange *, enum gh_verdict); /* hooks.c */
void exchange_pick(struct exchange *);                    /* pick.c */
/* It has waited for its turn. */
void exchange_pick_admitted(struct exchange *);                                   /* pick.c */
void exchange_retry_or_fail(struct exchange *, enum end_reason, const char *why); /* pick.c */
/* Counts a try that ended so, for the service and for the endpoint. */
void exchange_count_failure(struct exchange *, enum end_reason); /* pick.c */
void exchange_drop_upstream(struct exchange *, bool reset);      /* pick.c */

static inline bool exchange_is_queued(const struct exchange *x)
{
	return list_linked(&x->queued.link);
}

/* Whether there is a request at all, if only its first byte. */
static inline bool exchange_has_begun(const struct exchange *x)
{
	return x->state != EXCHANGE_DONE && !(x->state == EXCHANGE_HEAD && x->in_end == 0);
}

static inline struct exchange *exchange_of(struct gh_request *r)
{
	return (struct exchange *)(void *)r;
}

static inline const struct exchange *exchange_of_const(const struct gh_request *r)
{
	return (const struct exchange *)(const void *)r;
}

static inline struct gh_request *exchange_request(struct exchange *x)
{
	return (struct gh_request *)(void *)x;
}

static inline struct str exchange_id(const struct exchange *x)
{
	return (struct str){ x->request_id, x->request_id_n };
}

#endif
