/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upconn.h -- a connection to an endpoint: opened, lent to one request, kept idle.
 * Called by: proxy/ (takes, sends), upstream/service (drops).  Never: parses HTTP. */
#ifndef GATEHOUSE_UPSTREAM_UPCONN_H
#define GATEHOUSE_UPSTREAM_UPCONN_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"
#include "net/deadline.h"
#include "net/flow.h"

struct endpoint;

/* What its borrower hears of.  Not called after upconn_release() or upconn_close(). */
struct upconn_events {
	void (*on_connect)(void *owner, int status);     /* 0 or a negative UV_E* */
	void (*on_data)(void *owner, char *p, size_t n); /* valid inside the call */
	void (*on_end)(void *owner, int status);         /* UV_EOF or another UV_E* */
	void (*on_sent)(void *owner, int status);        /* a held write is done */
	/* Whether what comes next is taken out of the socket by the owner, and: something is there.
	 * Both or none. */
	bool (*wants_splice)(void *owner);
	void (*on_readable)(void *owner);
};

/* What all connections of a worker share. */
struct upstream {
	uv_loop_t *loop;
	struct deadlines *deadlines;
	struct rbufs *rbufs;
	unsigned open; /* connections, closing ones included */
	/* The turn of the loop, counted right before it waits for events; and the sockets, those of
	 * clients too, of which something was heard in it.  See upconn_asks(). */
	uint64_t turn;
	unsigned heard;
	uv_prepare_t before_wait;
};

struct upconn {
	unsigned magic;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	struct flow out;
	struct list link;         /* in endpoint.idle */
	struct deadline deadline; /* how long it may stay idle */
	struct upstream *up;
	struct endpoint *endpoint;
	const struct upconn_events *events; /* NULL while idle or closing */
	void *owner;
	uint64_t asked_turn; /* when a request was sent on it after it had been kept; 0: never */
	bool connected, reading, reused;
	bool counted; /* it has a place of the service's gate */
};

/* What on_end is told when bytes came that no request had asked for. */
enum { UPCONN_UNASKED = UV_EPROTO };

/* Counts turns until it is closed.  Without it upconn_can_tell() is false. */
void upstream_start(struct upstream *);
void upstream_close(struct upstream *);

/* Lends an idle connection to the endpoint, the one used last, or NULL. */
struct upconn *upconn_take(struct endpoint *, const struct upconn_events *, void *owner);
/* Whether nothing waits to be read on it, neither bytes nor an end: one system call. */
bool upconn_is_quiet(const struct upconn *);
/* Whether bytes wait to be read on it: one system call. */
bool upconn_has_spoken(const struct upconn *);
/* Before a request is sent: what the loop has been told of this socket before, it will tell in this
 * same turn.  So what is read before the next turn was not an answer to this request, and its owner
 * hears UPCONN_UNASKED.  This costs nothing, and sees what upconn_is_quiet() does, if later. */
void upconn_asks(struct upconn *);
/* Whether upconn_asks() can: not in a turn with so many events that the loop may have fetched more
 * of them meanwhile. */
bool upconn_can_tell(const struct upconn *);
/* Opens one; on_connect follows, unless the result is NULL and *status says why: UV_EBUSY when the
 * service may have no more. */
struct upconn *upconn_open(struct upstream *, struct endpoint *, const struct upconn_events *,
			   void *owner, int *status);
/* Gives it back, clean between two messages, and sets *uc to NULL.  Kept, or closed when the
 * pool is full or the endpoint dropped. */
void upconn_release(struct upconn **uc);
/* Closes it whatever it does and sets *uc to NULL.  reset: with RST, so that the other end cannot
 * take what it got as complete. */
void upconn_close(struct upconn **uc, bool reset);
/* 1, 0 or UV_E* as flow_send(). */
int upconn_send(struct upconn *, uv_buf_t *, unsigned n);
/* The socket, for splicing; the connection keeps it. */
int upconn_fd(const struct upconn *);
/* Stops and restarts on_data. */
void upconn_pause(struct upconn *);
void upconn_resume(struct upconn *);
/* Half-closes after what is held (tunnels only). */
void upconn_shutdown(struct upconn *);
/* Closes all idle connections to the endpoint. */
void upconn_close_idle(struct endpoint *);

#endif
