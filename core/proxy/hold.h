/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hold.h -- answers to pipelined requests go out together: one whose client has sent the next
 * request already stays in the socket for a moment.
 * Called by: proxy/relay_response and proxy/respond to send, proxy/conn.
 * Never: keeps an answer back for longer than HOLD_MS and a turn of the loop, or that of a client
 * that waits for it before it asks again. */
#ifndef GATEHOUSE_PROXY_HOLD_H
#define GATEHOUSE_PROXY_HOLD_H

#include <uv.h>

#include "base/list.h"

struct conn;
struct exchange;
struct proxy;

enum {
	HOLD_MS = 2,          /* the loop's clock is as coarse as 1 ms */
	HOLD_MAX = 16 * 1024, /* bytes of an answer; a longer one fills packets by itself */
};

/* Connections whose sockets hold something. */
struct holds {
	struct list conns; /* the one that has held it longest first */
	uv_timer_t timer;  /* runs while there are any */
};

/* With a timer on the proxy's loop, which holds_close() closes; twice does no harm. */
void holds_init(struct proxy *);
void holds_close(struct proxy *);
/* flow_send() of a piece of an answer to x's client: 1, 0 or UV_E*. */
int hold_send(struct exchange *, uv_buf_t *bufs, unsigned n);
/* Before a connection is closed: what the socket holds goes out, since a reset would discard it. */
void hold_release(struct conn *);

#endif
