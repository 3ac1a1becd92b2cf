/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* uv_buf_t is laid out as the system's struct iovec (libuv's documentation of it). */
_Static_assert(sizeof(uv_buf_t) == sizeof(struct iovec), "uv_buf_t is no struct iovec");

/* The calls are made without the C library's functions of the same name: those let other threads
 * cancel the caller, for which they take fifty instructions each as soon as there is one (the
 * access log's).  No call here waits. */

void socket_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(NULL, 0);
}

ssize_t socket_read(const uv_stream_t *stream, char *p, size_t n)
{
	uv_os_fd_t fd;
	ssize_t r;

	if (uv_fileno((const uv_handle_t *)stream, &fd))
		return UV_EBADF;
	do
		r = syscall(SYS_recvfrom, fd, p, n, MSG_DONTWAIT, NULL, NULL);
	while (r < 0 && errno == EINTR);
	return r > 0 ? r : r == 0 ? UV_EOF : uv_translate_sys_error(errno);
}

ssize_t socket_write(const uv_stream_t *stream, const uv_buf_t *bufs, unsigned n, bool more)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)bufs, .msg_iovlen = n };
	uv_os_fd_t fd;
	ssize_t r;

	if (uv_fileno((const uv_handle_t *)stream, &fd))
		return UV_EBADF;
	do
		r = n == 1 ? syscall(SYS_sendto, fd, bufs->base, bufs->len, flags, NULL, 0) :
			     syscall(SYS_sendmsg, fd, &message, flags);
	while (r < 0 && errno == EINTR);
	return r >= 0 ? r : uv_translate_sys_error(errno);
}

void socket_push(const uv_stream_t *stream)
{
	uv_os_fd_t fd;
	int on = 1;

	/* tcp(7): setting this, even again, sends what is there. */
	if (uv_fileno((const uv_handle_t *)stream, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}
