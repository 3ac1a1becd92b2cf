/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/error.h"

enum { LISTENER_MAGIC = 0x4c495354, LISTENER_BACKLOG = 4096 };

static void listener_on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;

	must(l->magic == LISTENER_MAGIC);
	if (status == 0)
		l->on_connection(l);
}

int listener_open(struct listener *l, uv_loop_t *loop, int fd, listener_cb cb, void *arg)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	int r, on = 1;

	l->magic = LISTENER_MAGIC;
	l->on_connection = cb;
	l->arg = arg;
	if (getsockname(fd, (struct sockaddr *)&address, &n))
		return UV_EBADF;
	if (address.ss_family == AF_UNIX) {
		r = uv_pipe_init(loop, &l->u.pipe, 0);
		l->u.handle.data = l;
		if (r || (r = uv_pipe_open(&l->u.pipe, fd)))
			return r;
	} else {
		/* Accepted connections inherit it. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* The kernel wakes us for a connection with its first bytes, or after a second. */
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
		r = uv_tcp_init(loop, &l->u.tcp);
		l->u.handle.data = l;
		if (r || (r = uv_tcp_open(&l->u.tcp, fd)))
			return r;
	}
	return uv_listen(&l->u.stream, LISTENER_BACKLOG, listener_on_connection);
}

void listener_close(struct listener *l)
{
	if (!uv_is_closing(&l->u.handle))
		uv_close(&l->u.handle, NULL);
}
