/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/conn.h -- a client's connection: reads, waits between requests, closes so that the client
 * can read what it was sent.
 * Called by: proxy/exchange, proxy.c.  Never: looks into a request. */
#ifndef GATEHOUSE_PROXY_CONN_H
#define GATEHOUSE_PROXY_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/str.h"
#include "net/deadline.h"

struct exchange;
struct proxy;

/* What the connection's deadline is for. */
enum conn_wait {
	CONN_WAIT_NONE,
	CONN_WAIT_IDLE,   /* for the next request */
	CONN_WAIT_HEAD,   /* for the end of a head */
	CONN_WAIT_BODY,   /* for more of a body */
	CONN_WAIT_WRITE,  /* for the client to take what it is sent */
	CONN_WAIT_TUNNEL, /* for a byte either way */
	CONN_WAIT_LINGER, /* for the client's end after ours */
};

struct conn {
	unsigned magic;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} u;
	struct proxy *proxy;
	struct exchange *x; /* NULL while idle */
	struct str ahead;   /* read behind a head, not yet used or kept: see conn_keep_ahead() */
	struct list link;   /* in proxy.conns */
	struct deadline deadline;
	struct list held; /* in holds.conns while the socket holds an answer */
	uint64_t held_ms; /* since when, by the loop's clock */
	size_t unwritten; /* at the last look of CONN_WAIT_WRITE */
	uint32_t requests;
	uint8_t wait; /* enum conn_wait */
	uint8_t peer_n;
	bool reading, eof, lingering, running, again, counted;
	char peer[46]; /* the client's address; empty for a unix socket */
};

/* Starts and stops reading; both may be called twice. */
void conn_read(struct conn *);
void conn_pause(struct conn *);
/* Arms the deadline; 0 ms: none. */
void conn_wait(struct conn *, enum conn_wait, uint64_t ms);
/* Moves what was read behind a head into the exchange, before the read buffer is used again. */
void conn_keep_ahead(struct conn *);
/* After an exchange: goes on with what has been read already, waits for the next request, or
 * closes. */
void conn_next(struct conn *, bool close);
/* Ends sending, discards what comes for a while, then closes (RFC 9112, 9.6). */
void conn_linger(struct conn *);
/* Closes now.  The exchange is ended with the reason it has.  reset: with RST, so that the client
 * cannot take what it got as complete. */
void conn_close(struct conn *, bool reset);

#endif
