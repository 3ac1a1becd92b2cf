/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch.c against a small HTTP server in threads of this process. */
#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/fetch.h"
#include "suite.h"

enum { LIMIT_MS = 5000 };

static uv_loop_t loop;
static struct fetcher *fetcher;
static int server_port;

/* 100,000 times "a". */
static const unsigned char zipped[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01, 0x00,
	0x00, 0x00, 0xc2, 0xa0, 0xac, 0xeb, 0x5f, 0xc2, 0x1a, 0x1e, 0x40, 0x01, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0xaf, 0x06, 0x87, 0xfa, 0xe2, 0x1b, 0xa0, 0x86, 0x01, 0x00
};

static void server_send(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
}

static void server_text(int fd, const char *text)
{
	server_send(fd, text, strlen(text));
}

/* Back with what was asked, so that a test sees what went over the wire. */
static void server_echo(int fd, const char *request)
{
	char head[128];

	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		 strlen(request));
	server_text(fd, head);
	server_text(fd, request);
}

static void server_fill(int fd, size_t n)
{
	char head[128];
	char *data = calloc(1, n);

	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
	server_text(fd, head);
	server_send(fd, data, n);
	free(data);
}

static void server_zipped(int fd)
{
	char head[128];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
		 sizeof(zipped));
	server_text(fd, head);
	server_send(fd, zipped, sizeof(zipped));
}

static void server_wait_for_end(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		;
}

static void server_reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void server_answer(int fd, const char *request)
{
	const char *path = strchr(request, ' ') + 1;

	if (strncmp(path, "/hello ", 7) == 0)
		server_text(fd, "HTTP/1.1 200 OK\r\nX-Thing: one\r\nX-Thing: two\r\nX-None:\r\n"
				"Content-Length: 5\r\n\r\nhello");
	else if (strncmp(path, "/status ", 8) == 0)
		server_text(fd, "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno");
	else if (strncmp(path, "/redirect ", 10) == 0)
		server_text(fd, "HTTP/1.1 302 Found\r\nLocation: /hello\r\n"
				"Content-Length: 0\r\n\r\n");
	else if (strncmp(path, "/fill/", 6) == 0)
		server_fill(fd, strtoul(path + 6, NULL, 10));
	else if (strncmp(path, "/zipped ", 8) == 0)
		server_zipped(fd);
	else if (strncmp(path, "/silent ", 8) == 0)
		server_wait_for_end(fd);
	else if (strncmp(path, "/cut ", 5) == 0)
		server_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
	else if (strncmp(path, "/reset ", 7) == 0)
		server_reset(fd);
	else if (strncmp(path, "/head ", 6) == 0)
		for (int i = 0; i < 1000; i++) {
			char line[1100];

			snprintf(line, sizeof(line), "%sX-%d: %01000d\r\n",
				 i ? "" : "HTTP/1.1 200 OK\r\n", i, i);
			server_text(fd, line);
		}
	else
		server_echo(fd, request);
}

/* Reads a head and, by its Content-Length, a body. */
static void *server_serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[8192] = "";
	size_t n = 0, body = 0;
	char *end = NULL;

	while (n < sizeof(request) - 1 && (!end || n < (size_t)(end - request) + 4 + body)) {
		ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
		const char *length;

		if (got <= 0)
			break;
		n += (size_t)got;
		request[n] = '\0';
		end = strstr(request, "\r\n\r\n");
		length = strcasestr(request, "\r\nContent-Length:");
		body = length ? strtoul(length + 17, NULL, 10) : 0;
	}
	if (end)
		server_answer(fd, request);
	close(fd);
	return NULL;
}

static void *server_accept(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return NULL;
		pthread_create(&thread, NULL, server_serve, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
}

static void server_start(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, SOMAXCONN), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	server_port = ntohs(address.sin_port);
	pthread_create(&thread, NULL, server_accept, (void *)(intptr_t)listener);
	pthread_detach(thread);
}

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	server_start();
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	fetcher = fetcher_new(&loop);
	ck_assert_ptr_nonnull(fetcher);
}

static void teardown(void)
{
	fetcher_close(fetcher);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* What came out of one request. */
struct outcome {
	int calls, status, curl_code;
	char error[256], body[4096], header[64];
	size_t body_size;
	bool header_there;
};

static void on_done(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct outcome *o = arg;
	struct str header = fetch_header(f, "x-thing");

	o->calls++;
	o->status = result->status;
	o->curl_code = result->curl_code;
	snprintf(o->error, sizeof(o->error), "%s", result->error ? result->error : "");
	o->body_size = result->body.n;
	if (result->status)
		snprintf(o->body, sizeof(o->body), "%.*s", STR_ARGS(result->body));
	o->header_there = header.p != NULL;
	snprintf(o->header, sizeof(o->header), "%.*s", (int)header.n, header.p ? header.p : "");
}

static struct fetch_spec spec_for(const char *path)
{
	static char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server_port, path);
	return (struct fetch_spec){ .url = url,
				    .timeout_ms = LIMIT_MS,
				    .connect_timeout_ms = LIMIT_MS,
				    .max_answer = 1000000 };
}

static struct outcome fetch_now(const struct fetch_spec *spec)
{
	struct outcome o = { 0 };

	ck_assert_ptr_nonnull(fetch_start(fetcher, spec, on_done, &o));
	ck_assert_int_eq(o.calls, 0);
	while (o.calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(o.calls, 1);
	return o;
}

static struct outcome fetch_path(const char *path)
{
	struct fetch_spec spec = spec_for(path);

	return fetch_now(&spec);
}

START_TEST(answers)
{
	struct outcome o = fetch_path("/hello");

	ck_assert_int_eq(o.status, 200);
	ck_assert_str_eq(o.body, "hello");
	ck_assert_str_eq(o.header, "one");
	ck_assert_str_eq(o.error, "");
	o = fetch_path("/status");
	ck_assert_int_eq(o.status, 503);
	ck_assert_str_eq(o.body, "no");
	ck_assert(!o.header_there);
}
END_TEST

START_TEST(sends_method_headers_and_body)
{
	struct fetch_spec spec = spec_for("/echo?x=%20y");
	const char *headers[] = { "X-Consul-Token: secret", NULL };
	struct outcome o;

	spec.method = "PUT";
	spec.headers = headers;
	spec.body = "{\"a\":1}";
	spec.body_size = 7;
	o = fetch_now(&spec);
	ck_assert_int_eq(strncmp(o.body, "PUT /echo?x=%20y HTTP/1.1\r\n", 27), 0);
	ck_assert_ptr_nonnull(strstr(o.body, "\r\nX-Consul-Token: secret\r\n"));
	ck_assert_ptr_nonnull(strstr(o.body, "\r\nContent-Length: 7\r\n"));
	ck_assert_ptr_nonnull(strstr(o.body, "\r\n\r\n{\"a\":1}"));
	ck_assert_ptr_null(strcasestr(o.body, "\r\nExpect:"));
	ck_assert_ptr_null(strcasestr(o.body, "\r\nContent-Type:"));
}
END_TEST

START_TEST(refuses_bad_specs)
{
	struct fetch_spec spec = spec_for("/hello");
	const char *split[] = { "X-A: b\r\nX-Evil: c", NULL };
	const char *nameless[] = { "no colon", NULL };
	struct outcome o = { 0 };

	spec.headers = split;
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	spec.headers = nameless;
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	spec.headers = NULL;
	spec.method = "GET /x HTTP/1.1\r\nHost: evil\r\n\r\nGET";
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	spec.method = "";
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	spec.method = NULL;
	spec.url = "http://127.0.0.1/a\r\nb";
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	spec.url = NULL;
	ck_assert_ptr_null(fetch_start(fetcher, &spec, on_done, &o));
	ck_assert_int_eq(o.calls, 0);
}
END_TEST

START_TEST(speaks_http_only)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/",
					    "dict://127.0.0.1/" };

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct fetch_spec spec = spec_for("/");
		struct outcome o;

		spec.url = urls[i];
		o = fetch_now(&spec);
		ck_assert_int_eq(o.status, 0);
		ck_assert_int_eq(o.curl_code, CURLE_UNSUPPORTED_PROTOCOL);
	}
}
END_TEST

START_TEST(follows_no_redirect)
{
	ck_assert_int_eq(fetch_path("/redirect").status, 302);
}
END_TEST

START_TEST(bounds_the_answer)
{
	struct fetch_spec spec = spec_for("/fill/1000");
	struct outcome o;

	spec.max_answer = 1000;
	o = fetch_now(&spec);
	ck_assert_int_eq(o.status, 200);
	ck_assert_uint_eq(o.body_size, 1000);
	spec.max_answer = 999;
	o = fetch_now(&spec);
	ck_assert_int_eq(o.status, 0);
	ck_assert_str_eq(o.error, "the answer is larger than 999 bytes");
	/* What is counted is what comes out of the decoder. */
	spec = spec_for("/zipped");
	spec.compressed = true;
	o = fetch_now(&spec);
	ck_assert_uint_eq(o.body_size, 100000);
	spec.max_answer = 99999;
	o = fetch_now(&spec);
	ck_assert_str_eq(o.error, "the answer is larger than 99999 bytes");
	ck_assert_str_eq(fetch_path("/head").error,
			 "the head of the answer is larger than 262144 bytes");
}
END_TEST

START_TEST(tells_failures_apart)
{
	struct fetch_spec spec = spec_for("/silent");
	struct outcome o;
	uint64_t begun = uv_hrtime();

	spec.timeout_ms = 100;
	o = fetch_now(&spec);
	ck_assert_int_eq(o.curl_code, CURLE_OPERATION_TIMEDOUT);
	ck_assert_uint_ge(uv_hrtime() - begun, 90 * 1000000ULL);
	o = fetch_path("/cut");
	ck_assert_int_eq(o.status, 0);
	ck_assert_int_eq(o.curl_code, CURLE_PARTIAL_FILE);
	o = fetch_path("/reset");
	ck_assert_int_eq(o.status, 0);
	ck_assert_int_eq(o.curl_code, CURLE_RECV_ERROR);
	/* Nobody listens on the port of a socket that is only bound. */
	{
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t size = sizeof(a);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char url[64];

		ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
		snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(a.sin_port));
		spec.url = url;
		o = fetch_now(&spec);
		ck_assert_int_eq(o.curl_code, CURLE_COULDNT_CONNECT);
		ck_assert_str_ne(o.error, "");
		close(fd);
	}
}
END_TEST

/* A callback that cancels itself and others, and starts anew. */
struct meddler {
	struct fetch *other;
	struct outcome next, never;
	int calls;
};

static void on_meddle(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct meddler *m = arg;
	struct fetch_spec spec = spec_for("/hello");

	ck_assert_int_eq(result->status, 200);
	m->calls++;
	fetch_cancel(f);
	fetch_cancel(m->other);
	ck_assert_ptr_nonnull(fetch_start(fetcher, &spec, on_done, &m->next));
	ck_assert_int_eq(m->next.calls, 0);
}

START_TEST(cancels_in_a_callback)
{
	struct fetch_spec spec = spec_for("/silent");
	struct meddler m = { 0 };

	m.other = fetch_start(fetcher, &spec, on_done, &m.never);
	spec = spec_for("/hello");
	ck_assert_ptr_nonnull(fetch_start(fetcher, &spec, on_meddle, &m));
	while (m.next.calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(m.calls, 1);
	ck_assert_int_eq(m.never.calls, 0);
	ck_assert_str_eq(m.next.body, "hello");
}
END_TEST

START_TEST(cancels_at_once)
{
	struct fetch_spec spec = spec_for("/hello");
	struct outcome never = { 0 };

	fetch_cancel(fetch_start(fetcher, &spec, on_done, &never));
	fetch_cancel(NULL);
	ck_assert_int_eq(fetch_path("/hello").status, 200);
	ck_assert_int_eq(never.calls, 0);
}
END_TEST

static void on_close(void *arg, struct fetch *f, const struct fetch_result *result)
{
	int *calls = arg;

	ck_assert_int_eq(result->status, 200);
	(*calls)++;
	fetcher_close(fetcher);
	fetch_cancel(f);
}

START_TEST(closes_in_a_callback)
{
	struct fetch_spec spec = spec_for("/silent");
	struct outcome never = { 0 };
	int calls = 0;

	fetch_start(fetcher, &spec, on_done, &never);
	spec = spec_for("/hello");
	fetch_start(fetcher, &spec, on_close, &calls);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(never.calls, 0);
	fetcher = fetcher_new(&loop);
}
END_TEST

START_TEST(closes_while_transfers_run)
{
	struct outcome never = { 0 };

	for (int i = 0; i < 20; i++) {
		struct fetch_spec spec = spec_for(i % 2 ? "/silent" : "/fill/900000");

		ck_assert_ptr_nonnull(fetch_start(fetcher, &spec, on_done, &never));
	}
	for (int i = 0; i < 5; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	fetcher_close(fetcher);
	never.calls = 0;
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(never.calls, 0);
	fetcher = fetcher_new(&loop);
}
END_TEST

START_TEST(runs_many_at_once)
{
	struct outcome *outcomes = calloc(200, sizeof(*outcomes));
	int done = 0;

	for (int i = 0; i < 200; i++) {
		struct fetch_spec spec = spec_for("/hello");

		ck_assert_ptr_nonnull(fetch_start(fetcher, &spec, on_done, &outcomes[i]));
	}
	while (done < 200) {
		uv_run(&loop, UV_RUN_ONCE);
		done = 0;
		for (int i = 0; i < 200; i++)
			done += outcomes[i].calls;
	}
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(outcomes[i].status, 200);
	free(outcomes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch");
	TCase *tc = tcase_create("fetch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, suite_timeout());
	tcase_add_test(tc, answers);
	tcase_add_test(tc, sends_method_headers_and_body);
	tcase_add_test(tc, refuses_bad_specs);
	tcase_add_test(tc, speaks_http_only);
	tcase_add_test(tc, follows_no_redirect);
	tcase_add_test(tc, bounds_the_answer);
	tcase_add_test(tc, tells_failures_apart);
	tcase_add_test(tc, cancels_in_a_callback);
	tcase_add_test(tc, cancels_at_once);
	tcase_add_test(tc, closes_in_a_callback);
	tcase_add_test(tc, closes_while_transfers_run);
	tcase_add_test(tc, runs_many_at_once);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
