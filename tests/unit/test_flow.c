/* SPDX-License-Identifier: Apache-2.0 */
#include "net/flow.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

/* A loop with a stream whose other end is a plain descriptor. */
static uv_loop_t loop;
static uv_pipe_t stream;
static struct rbufs rbufs;
static struct flow flow;
static int64_t bytes;
static uint64_t sent;
static int other, done, done_status;

static void on_done(void *arg, int status)
{
	ck_assert_ptr_eq(arg, &flow);
	done++;
	done_status = status;
}

static void begin(void)
{
	int fds[2], small = 4096;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	other = fds[1];
	done = done_status = 0;
	bytes = 0;
	sent = 0;
	uv_loop_init(&loop);
	uv_pipe_init(&loop, &stream, 0);
	ck_assert_int_eq(uv_pipe_open(&stream, fds[0]), 0);
	rbufs_init(&rbufs, &bytes);
	flow_init(&flow, &rbufs, on_done, &flow);
	flow.sent = &sent;
}

static void end(void)
{
	if (!uv_is_closing((uv_handle_t *)&stream))
		uv_close((uv_handle_t *)&stream, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert(!flow.busy);
	if (other >= 0)
		close(other);
	rbufs_fini(&rbufs);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Reads all that comes until the flow is no longer busy; checks byte i to be i % 251. */
static size_t drain(size_t at)
{
	static unsigned char in[65536];
	ssize_t n;

	do {
		while ((n = recv(other, in, sizeof(in), MSG_DONTWAIT)) > 0)
			for (ssize_t i = 0; i < n; i++, at++)
				ck_holds(in[i] == at % 251);
		uv_run(&loop, UV_RUN_NOWAIT);
	} while (flow.busy || n > 0);
	while ((n = recv(other, in, sizeof(in), MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			ck_holds(in[i] == at % 251);
	return at;
}

static void fill(char *p, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(unsigned char)((at + i) % 251);
}

START_TEST(written_at_once)
{
	char a[100], b[50];
	uv_buf_t bufs[3] = { uv_buf_init(a, 100), uv_buf_init(b, 0), uv_buf_init(b, 50) };

	begin();
	fill(a, 100, 0);
	fill(b, 50, 100);
	ck_assert_int_eq(flow_send(&flow, (uv_stream_t *)&stream, bufs, 3), 1);
	ck_assert(!flow.busy);
	ck_assert_uint_eq(sent, 150);
	ck_assert_uint_eq(drain(0), 150);
	ck_assert_int_eq(done, 0);
	end();
}
END_TEST

/* Bytes from elsewhere are copied: they may change as soon as the call has returned. */
START_TEST(held_as_a_copy)
{
	enum { SIZE = 1 << 20 };
	char *p = malloc(SIZE);
	int64_t before;

	begin();
	before = bytes;
	fill(p, SIZE, 0);
	uv_buf_t buf = uv_buf_init(p, SIZE);
	ck_assert_int_eq(flow_send(&flow, (uv_stream_t *)&stream, &buf, 1), 0);
	memset(p, 0xff, SIZE);
	free(p);
	ck_assert(flow.busy);
	ck_assert_int_gt(bytes, before);
	ck_assert_uint_eq(drain(0), SIZE);
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq(done_status, 0);
	ck_assert_int_eq(bytes, before);
	ck_assert_uint_eq(sent, SIZE);
	end();
}
END_TEST

/* A large piece in the read buffer takes that buffer along; small ones around it are copied. */
START_TEST(held_with_the_read_buffer)
{
	char head[20], tail[30];
	uv_buf_t bufs[3];

	begin();
	char *body = rbufs.current->data;
	fill(head, 20, 0);
	fill(body, RBUF_SIZE, 20);
	fill(tail, 30, 20 + RBUF_SIZE);
	bufs[0] = uv_buf_init(head, 20);
	bufs[1] = uv_buf_init(body, RBUF_SIZE);
	bufs[2] = uv_buf_init(tail, 30);
	ck_assert_int_eq(flow_send(&flow, (uv_stream_t *)&stream, bufs, 3), 0);
	ck_assert_ptr_ne(rbufs.current->data, body);
	memset(rbufs.current->data, 0xff, RBUF_SIZE);
	memset(tail, 0xff, sizeof(tail));
	ck_assert_uint_eq(drain(0), 20 + RBUF_SIZE + 30);
	ck_assert_int_eq(done, 1);
	ck_assert_uint_eq(rbufs.spare_count, 1);
	end();
}
END_TEST

START_TEST(the_other_end_is_gone)
{
	char p[10] = { 0 };
	uv_buf_t buf = uv_buf_init(p, 10);

	begin();
	signal(SIGPIPE, SIG_IGN);
	close(other);
	other = -1;
	ck_assert_int_lt(flow_send(&flow, (uv_stream_t *)&stream, &buf, 1), 0);
	ck_assert(!flow.busy);
	end();
	ck_assert_int_eq(done, 0);
}
END_TEST

START_TEST(closed_while_held)
{
	enum { SIZE = 1 << 20 };
	char *p = calloc(1, SIZE);
	uv_buf_t buf = uv_buf_init(p, SIZE);

	begin();
	ck_assert_int_eq(flow_send(&flow, (uv_stream_t *)&stream, &buf, 1), 0);
	free(p);
	uv_close((uv_handle_t *)&stream, NULL);
	end();
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq(done_status, UV_ECANCELED);
}
END_TEST

int main(void)
{
	return SUITE("flow", written_at_once, held_as_a_copy, held_with_the_read_buffer,
		     the_other_end_is_gone, closed_while_held);
}
