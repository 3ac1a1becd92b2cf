/* SPDX-License-Identifier: Apache-2.0 */
/* control/channel.h -- messages between the control process and a worker: one JSON object a line
 * over a socket pair.
 * Called by: control/generation and worker/worker, one end each.  Never: carries traffic.
 *
 * control -> worker
 *	{"type":"endpoints","service":NAME,"state":"live"|"empty"|"never",
 *	 "endpoints":[{"id":TEXT,"address":IP,"port":N,"weight":N,
 *	  "slot":N},...]}	full state, never deltas; slot: where in the slab the worker counts
 *		what requests to it come to; none: it does not
 *	{"type":"drain","limit_ms":N,"tunnel_ms":N,"keep_idle":BOOL}	when what is left is closed,
 *		and which upgraded connections; keep_idle: connections without a request are kept
 *		for one more; a second drain without it ends that
 *	{"type":"told"}        the answer to "needs": all that is known of them was sent
 *	{"type":"hold","plugins":[{"name":TEXT,"hash":TEXT},...]}   the plugin files in quarantine,
 *		all of them
 *	{"type":"adopt","worker":N,"on":BOOL}   accept for another worker, which cannot; or stop to
 * worker -> control
 *	{"type":"needs","services":[NAME,...]}
 *	{"type":"ready","plugins":[{"name":TEXT,"version":TEXT,"hash":TEXT},...]}
 *	{"type":"failed","errors":[TEXT,...]}       it cannot start; it then exits with 1
 *	{"type":"look","service":NAME}              an endpoint of it refused a connection: the
 *		counts in the slab are worth a look at once
 *	{"type":"drained"}                          it then exits with 0
 */
#ifndef GATEHOUSE_CONTROL_CHANNEL_H
#define GATEHOUSE_CONTROL_CHANNEL_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

struct channel;

/* Called with each message (borrowed), and once with NULL when the other end has gone. */
typedef void (*channel_cb)(struct channel *, const json_t *message, void *arg);

enum { CHANNEL_LINE_MAX = 16 * 1024 * 1024 };

struct channel {
	unsigned magic;
	uv_pipe_t pipe;
	channel_cb on_message;
	void *arg;
	char *line; /* a message that has not ended */
	size_t used, cap;
	size_t queued; /* bytes written and not yet taken */
	bool closing;
	void (*on_closed)(struct channel *);
};

/* Takes over the socket fd.  0 or a negative UV_E*; it must be closed in both cases. */
int channel_open(struct channel *, uv_loop_t *, int fd, channel_cb, void *arg);
/* Queues one message (its reference is kept by the caller).  0 or a negative UV_E*. */
int channel_send(struct channel *, const json_t *message);
/* Takes what has arrived by now without waiting: for the last words of a process that has ended. */
void channel_drain(struct channel *);
/* After all that was sent has been written, or the other end has gone; no on_message after it.
 * on_closed, which may be NULL, is where the memory may be freed. */
void channel_close(struct channel *, void (*on_closed)(struct channel *));

#endif
