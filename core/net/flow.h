/* SPDX-License-Identifier: Apache-2.0 */
/* net/flow.h -- one direction of bytes out of a socket: written at once, or held until it is taken.
 * Called by: upstream/upconn, proxy/.  Never: holds more than one write; whoever feeds it stops
 * reading until on_done, which is all the backpressure there is. */
#ifndef GATEHOUSE_NET_FLOW_H
#define GATEHOUSE_NET_FLOW_H

#include <stdbool.h>
#include <uv.h>

#include "net/rbuf.h"

/* Called when what was held has been written (0), or cannot be (a negative UV_E*). */
typedef void (*flow_cb)(void *arg, int status);

enum { FLOW_BUFS_MAX = 8 };

/* Embedded.  Its memory must live until the stream is closed, or the write is done. */
struct flow {
	unsigned magic;
	uv_write_t req;
	struct rbufs *rbufs;
	struct rbuf *held; /* a read buffer that is being written */
	char *copy;        /* bytes from elsewhere that are being written */
	size_t copy_bytes;
	flow_cb on_done;
	void *arg;
	uint64_t *sent; /* counter of bytes taken by the kernel; may be NULL */
	bool busy;
};

void flow_init(struct flow *, struct rbufs *, flow_cb on_done, void *arg);
/* Writes n <= FLOW_BUFS_MAX pieces, which are changed.  1: all written.  0: the rest is held and
 * on_done will be called.  Negative UV_E*: nothing is held.  Must not be busy. */
int flow_send(struct flow *, uv_stream_t *, uv_buf_t *bufs, unsigned n);
/* The same of what more follows soon: the kernel may keep it until then, see socket_write(). */
int flow_send_more(struct flow *, uv_stream_t *, uv_buf_t *bufs, unsigned n);
/* Holds n bytes on the heap, which become the flow's whatever the result: 0 or UV_E*, as above. */
int flow_send_heap(struct flow *, uv_stream_t *, char *bytes, size_t n);

#endif
