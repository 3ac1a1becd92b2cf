/* SPDX-License-Identifier: Apache-2.0 */
/* net/listener.h -- a listening socket that was inherited, on the loop.
 * Called by: worker.  Never: binds (the control process does). */
#ifndef GATEHOUSE_NET_LISTENER_H
#define GATEHOUSE_NET_LISTENER_H

#include <uv.h>

struct listener;
/* A connection is waiting: uv_accept() it. */
typedef void (*listener_cb)(struct listener *);

struct listener {
	unsigned magic;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} u;
	listener_cb on_connection;
	void *arg;
};

/* Takes over a listening TCP or unix socket.  0 or a negative UV_E*. */
int listener_open(struct listener *, uv_loop_t *, int fd, listener_cb, void *arg);
/* Stops taking connections. */
void listener_close(struct listener *);

#endif
