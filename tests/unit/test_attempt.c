/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/attempt.c: connections and requests to real sockets of this process. */
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "discovery/attempt.h"
#include "net/fetch.h"
#include "suite.h"

static uv_loop_t loop;
static struct fetcher *fetcher;
static uv_tcp_t server;
static uint16_t port;
static const char *answer; /* NULL: none */
static int ends;
static char wrong[200];
static char asked[1024];

/* ---- a server that answers any request with one text ---- */

static void on_handle_closed(uv_handle_t *h)
{
	free(h);
}

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *out)
{
	(void)h;
	(void)n;
	*out = uv_buf_init(asked, sizeof(asked) - 1);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n > 0) {
		uv_buf_t out = uv_buf_init((char *)(uintptr_t)answer,
					   answer ? (unsigned)strlen(answer) : 0);

		asked[n] = '\0';
		if (answer)
			uv_try_write(s, &out, 1);
	} else if (n < 0) {
		uv_close((uv_handle_t *)s, on_handle_closed);
	}
}

static void on_connection(uv_stream_t *s, int status)
{
	uv_tcp_t *c = calloc(1, sizeof(*c));

	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(c);
	uv_tcp_init(&loop, c);
	ck_assert_int_eq(uv_accept(s, (uv_stream_t *)c), 0);
	uv_read_start((uv_stream_t *)c, on_alloc, on_read);
}

static void setup(const char *address)
{
	struct sockaddr_storage at;
	int size = sizeof(at);

	signal(SIGPIPE, SIG_IGN);
	ends = 0;
	answer = NULL;
	wrong[0] = asked[0] = '\0';
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	uv_tcp_init(&loop, &server);
	if (strchr(address, ':'))
		uv_ip6_addr(address, 0, (struct sockaddr_in6 *)&at);
	else
		uv_ip4_addr(address, 0, (struct sockaddr_in *)&at);
	ck_assert_int_eq(uv_tcp_bind(&server, (struct sockaddr *)&at, 0), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&server, 16, on_connection), 0);
	ck_assert_int_eq(uv_tcp_getsockname(&server, (struct sockaddr *)&at, &size), 0);
	port = ntohs(((struct sockaddr_in *)&at)->sin_port);
	fetcher = fetcher_new(&loop);
	ck_assert_ptr_nonnull(fetcher);
}

static void close_client(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h) && h->type == UV_TCP)
		uv_close(h, h == (uv_handle_t *)&server ? NULL : on_handle_closed);
}

static void teardown(void)
{
	fetcher_close(fetcher);
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_walk(&loop, close_client, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void on_end(void *arg, const char *why)
{
	ck_assert_ptr_eq(arg, &ends);
	ends++;
	snprintf(wrong, sizeof(wrong), "%s", why ? why : "");
}

static struct attempt *begin(const char *address, const char *path, uint64_t timeout_ms)
{
	struct attempt *a = attempt_start(&loop, fetcher,
					  &(struct attempt_spec){ .address = address,
								  .port = port,
								  .timeout_ms = timeout_ms,
								  .path = path,
								  .host = "name.test",
								  .status_min = 200,
								  .status_max = 299 },
					  on_end, &ends);

	ck_assert_int_eq(ends, 0);
	return a;
}

static const char *result(const char *address, const char *path, uint64_t timeout_ms)
{
	ends = 0;
	ck_assert_ptr_nonnull(begin(address, path, timeout_ms));
	while (ends == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(ends, 1);
	return wrong;
}

START_TEST(a_connection)
{
	setup("127.0.0.1");
	ck_assert_str_eq(result("127.0.0.1", NULL, 5000), "");
	uv_close((uv_handle_t *)&server, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_str_eq(result("127.0.0.1", NULL, 5000), "connection refused");
	teardown();
}
END_TEST

START_TEST(a_request)
{
	setup("127.0.0.1");
	answer = "HTTP/1.1 204 No Content\r\n\r\n";
	ck_assert_str_eq(result("127.0.0.1", "/h?a=b", 5000), "");
	ck_assert(str_starts(str_from(asked), STR("GET /h?a=b HTTP/1.1\r\nHost: name.test\r\n")));
	answer = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
	ck_assert_str_eq(result("127.0.0.1", "/h", 5000), "HTTP 302");
	answer = "hello\r\n\r\n";
	ck_assert_str_ne(result("127.0.0.1", "/h", 5000), "");
	answer = NULL;
	ck_assert_str_ne(result("127.0.0.1", "/h", 50), "");
	teardown();
}
END_TEST

START_TEST(what_cannot_be_reached_fails)
{
	setup("127.0.0.1");
	/* A broadcast address: refused by this machine's own kernel, without a packet. */
	ck_assert_str_ne(result("255.255.255.255", NULL, 5000), "");
	teardown();
}
END_TEST

START_TEST(a_want_of_descriptors_is_not_a_failure)
{
	int fds[4096], n = 0;

	setup("127.0.0.1");
	while (n < 4096 && (fds[n] = dup(0)) >= 0)
		n++;
	if (n < 4096)
		ck_assert_ptr_null(begin("127.0.0.1", NULL, 5000));
	while (n > 0)
		close(fds[--n]);
	teardown();
}
END_TEST

START_TEST(what_is_no_address_does_not_begin)
{
	setup("127.0.0.1");
	ck_assert_ptr_null(begin("localhost", NULL, 5000));
	teardown();
}
END_TEST

START_TEST(a_cancelled_one_never_ends)
{
	setup("127.0.0.1");
	attempt_cancel(begin("127.0.0.1", NULL, 5000));
	attempt_cancel(begin("127.0.0.1", "/", 5000));
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	teardown();
	ck_assert_int_eq(ends, 0);
}
END_TEST

START_TEST(over_ipv6)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int there = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	if (!there)
		return;
	setup("::1");
	ck_assert_str_eq(result("::1", NULL, 5000), "");
	answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	ck_assert_str_eq(result("::1", "/", 5000), "");
	teardown();
}
END_TEST

int main(void)
{
	return SUITE("attempt", a_connection, a_request, what_cannot_be_reached_fails,
		     a_want_of_descriptors_is_not_a_failure, what_is_no_address_does_not_begin,
		     a_cancelled_one_never_ends, over_ipv6);
}
