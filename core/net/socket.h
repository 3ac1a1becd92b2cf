/* SPDX-License-Identifier: Apache-2.0 */
/* net/socket.h -- a stream's socket read and written by recv() and send().  libuv's read() and
 * write() do the same through the layers of files, which costs more.
 * Called by: net/flow, upstream/upconn, proxy/conn.  Never: waits; libuv tells when to come. */
#ifndef GATEHOUSE_NET_SOCKET_H
#define GATEHOUSE_NET_SOCKET_H

#include <stdbool.h>
#include <uv.h>

/* How often a socket that fills the room given to it is read in one turn of the loop. */
enum { SOCKET_READS_MAX = 32 };

/* A uv_alloc_cb without room: the uv_read_cb is called with UV_ENOBUFS, and reads by itself. */
void socket_on_alloc(uv_handle_t *, size_t suggested, uv_buf_t *buf);
/* Reads at most n > 0 bytes.  How many; UV_EOF; UV_EAGAIN when none are there; or another UV_E*. */
ssize_t socket_read(const uv_stream_t *, char *p, size_t n);
/* Writes pieces for which nothing waits in libuv's queue.  How many bytes were taken; UV_EAGAIN
 * when none could be; or another UV_E*.  more: the kernel may keep them for what follows (up to
 * 200 ms, MSG_MORE of send(2)). */
ssize_t socket_write(const uv_stream_t *, const uv_buf_t *bufs, unsigned n, bool more);
/* Sends what the kernel keeps; of TCP only. */
void socket_push(const uv_stream_t *);

#endif
