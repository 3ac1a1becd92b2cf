/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

/* A TCP connection: one end is the loop's, the other a plain descriptor. */
static uv_loop_t loop;
static uv_tcp_t tcp;
static int other;
static ssize_t told;
static char in[64];

static uv_stream_t *stream(void)
{
	return (uv_stream_t *)&tcp;
}

static void begin(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0), mine = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(connect(mine, (struct sockaddr *)&address, size), 0);
	other = accept(listening, NULL, NULL);
	close(listening);
	uv_loop_init(&loop);
	uv_tcp_init(&loop, &tcp);
	ck_assert_int_eq(uv_tcp_open(&tcp, mine), 0);
	told = 0;
}

static void end(void)
{
	uv_close((uv_handle_t *)&tcp, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	if (other >= 0)
		close(other);
	other = -1;
}

/* What the loop calls: the read that follows is the caller's. */
static void on_readable(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	ck_assert_int_eq(n, UV_ENOBUFS);
	ck_assert_ptr_null(buf->base);
	told = socket_read(s, in, sizeof(in));
	uv_read_stop(s);
}

static ssize_t wait_and_read(void)
{
	ck_assert_int_eq(uv_read_start(stream(), socket_on_alloc, on_readable), 0);
	uv_run(&loop, UV_RUN_ONCE);
	return told;
}

START_TEST(reads)
{
	begin();
	ck_assert_int_eq(socket_read(stream(), in, sizeof(in)), UV_EAGAIN);
	ck_assert_int_eq(send(other, "hello", 5, 0), 5);
	ck_assert_int_eq(wait_and_read(), 5);
	ck_assert_int_eq(memcmp(in, "hello", 5), 0);
	ck_assert_int_eq(send(other, "abcdef", 6, 0), 6);
	ck_assert_int_eq(wait_and_read(), 6);
	close(other);
	other = -1;
	ck_assert_int_eq(wait_and_read(), UV_EOF);
	ck_assert_int_eq(socket_read(stream(), in, sizeof(in)), UV_EOF);
	end();
}
END_TEST

/* What came before the reset is read; then the reset is told, and not taken for an end. */
START_TEST(reset)
{
	struct linger at_once = { 1, 0 };

	begin();
	ck_assert_int_eq(send(other, "x", 1, 0), 1);
	ck_assert_int_eq(wait_and_read(), 1);
	setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(other);
	other = -1;
	ck_assert_int_eq(wait_and_read(), UV_ECONNRESET);
	end();
}
END_TEST

START_TEST(writes)
{
	static char big[1 << 20];
	char got[16];
	uv_buf_t bufs[] = { uv_buf_init((char *)"one ", 4), uv_buf_init((char *)"two", 3) };
	uv_buf_t all = uv_buf_init(big, sizeof(big));
	ssize_t n, total = 0;

	begin();
	ck_assert_int_eq(socket_write(stream(), bufs, 1, false), 4);
	ck_assert_int_eq(socket_write(stream(), bufs + 1, 1, false), 3);
	ck_assert_int_eq(recv(other, got, 7, MSG_WAITALL), 7);
	ck_assert_int_eq(memcmp(got, "one two", 7), 0);
	ck_assert_int_eq(socket_write(stream(), bufs, 2, false), 7);
	ck_assert_int_eq(recv(other, got, 7, MSG_WAITALL), 7);
	ck_assert_int_eq(memcmp(got, "one two", 7), 0);
	/* Until nobody takes any more. */
	while ((n = socket_write(stream(), &all, 1, false)) > 0)
		ck_assert_int_le(total += n, INT64_C(1) << 30);
	ck_assert_int_eq(n, UV_EAGAIN);
	close(other);
	other = -1;
	/* No signal: the first write may still find the reset, all later ones find it gone. */
	while ((n = socket_write(stream(), bufs, 1, false)) == UV_EAGAIN)
		;
	ck_assert(n == UV_ECONNRESET || n == UV_EPIPE);
	ck_assert_int_eq(socket_write(stream(), bufs, 2, false), UV_EPIPE);
	end();
}
END_TEST

/* What the kernel may keep comes when it is pushed, or with what follows. */
START_TEST(more_follows)
{
	char got[16];
	uv_buf_t buf = uv_buf_init((char *)"one", 3);

	begin();
	ck_assert_int_eq(socket_write(stream(), &buf, 1, true), 3);
	ck_assert_int_eq(recv(other, got, sizeof(got), MSG_DONTWAIT), -1);
	socket_push(stream());
	ck_assert_int_eq(recv(other, got, 3, MSG_WAITALL), 3);
	ck_assert_int_eq(socket_write(stream(), &buf, 1, true), 3);
	ck_assert_int_eq(socket_write(stream(), &buf, 1, false), 3);
	ck_assert_int_eq(recv(other, got, 6, MSG_WAITALL), 6);
	ck_assert_int_eq(memcmp(got, "oneone", 6), 0);
	end();
}
END_TEST

START_TEST(closed)
{
	uv_buf_t buf = uv_buf_init((char *)"x", 1);

	begin();
	uv_close((uv_handle_t *)&tcp, NULL);
	ck_assert_int_eq(socket_read(stream(), in, sizeof(in)), UV_EBADF);
	ck_assert_int_eq(socket_write(stream(), &buf, 1, false), UV_EBADF);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	close(other);
}
END_TEST

int main(void)
{
	return SUITE("socket", reads, reset, writes, more_follows, closed);
}
