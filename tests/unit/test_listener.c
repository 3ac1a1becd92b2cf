/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

static uv_loop_t loop;
static struct listener listener;
static int accepted;
static union {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
} conn;

static void on_connection(struct listener *l)
{
	ck_assert_ptr_eq(l, &listener);
	ck_assert_ptr_eq(l->arg, &loop);
	if (l->u.handle.type == UV_TCP)
		uv_tcp_init(&loop, &conn.tcp);
	else
		uv_pipe_init(&loop, &conn.pipe, 0);
	ck_assert_int_eq(uv_accept(&l->u.stream, &conn.stream), 0);
	accepted++;
	uv_close(&conn.handle, NULL);
	listener_close(l);
	listener_close(l);
}

/* Takes over fd, connects to it, and runs until the connection was accepted. */
static void run(int fd, int client, const struct sockaddr *address, socklen_t n)
{
	accepted = 0;
	uv_loop_init(&loop);
	ck_assert_int_eq(listener_open(&listener, &loop, fd, on_connection, &loop), 0);
	ck_assert_int_eq(connect(client, address, n), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(accepted, 1);
	close(client);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(tcp)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	run(fd, socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, n);
}
END_TEST

START_TEST(unix_socket)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/gatehouse-listener-%ld",
		 (long)getpid());
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	run(fd, socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
	unlink(address.sun_path);
}
END_TEST

START_TEST(not_a_socket)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	uv_loop_init(&loop);
	ck_assert_int_eq(listener_open(&listener, &loop, fds[0], on_connection, NULL), UV_EBADF);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	return SUITE("listener", tcp, unix_socket, not_a_socket);
}
