/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin.c: requests over real sockets, whole, in pieces, and of the wrong kind. */
#include "control/admin.h"

#include <arpa/inet.h>

#include "plane.h"
#include "said.h"

static struct config_listen where;

/* The listener on a port that the kernel chose; nothing else runs. */
static void open_on(const char *host)
{
	struct error e = { "" };

	plane_open();
	where = (struct config_listen){ .text = "the address", .host = host };
	plane.admin = admin_open(&plane, &where, &e);
	ck_assert_msg(plane.admin != NULL, "%s", e.text);
}

static uint16_t admin_port(void)
{
	return (uint16_t)atoi(strrchr(admin_url(plane.admin), ':') + 1);
}

static int dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(admin_port()) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Everything that comes to one request, to the end of the connection. */
static const char *talk(const char *request)
{
	int fd = dial();
	const char *text;

	plane_send(fd, request);
	text = plane_receive(fd, NULL);
	close(fd);
	return text;
}

/* The status line begins so. */
#define ck_answer(request, status)                                                                 \
	do {                                                                                       \
		const char *text_ = talk(request);                                                 \
		ck_assert_msg(strncmp(text_, "HTTP/1.1 " status " ", 13) == 0, "%s: %s", request,  \
			      text_);                                                              \
	} while (0)

#define CLOSE "Host: localhost\r\nConnection: close\r\n\r\n"

START_TEST(a_page)
{
	const char *text, *body;
	unsigned length;

	open_on("127.0.0.1");
	ck_assert_int_eq(strncmp(admin_url(plane.admin), "http://127.0.0.1:", 17), 0);
	text = talk("GET / HTTP/1.1\r\n" CLOSE);
	ck_assert_int_eq(strncmp(text, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
	ck_assert_ptr_nonnull(strstr(text, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nCache-Control: no-store\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nConnection: close\r\n"));
	ck_assert_int_eq(sscanf(strstr(text, "Content-Length"), "Content-Length: %u", &length), 1);
	body = strstr(text, "\r\n\r\n") + 4;
	ck_assert_uint_eq(strlen(body), length);
	plane_close();
}
END_TEST

START_TEST(one_after_the_other)
{
	static const char one[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd;

	open_on("127.0.0.1");
	fd = dial();
	plane_send(fd, one);
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, "it serves\n"), " 200 OK"));
	/* In pieces. */
	for (size_t i = 0; i < sizeof(one) - 1; i++) {
		char piece[] = { one[i], '\0' };

		plane_send(fd, piece);
		uv_run(&plane.loop, UV_RUN_NOWAIT);
	}
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, "it serves\n"), " 200 OK"));
	/* Sent together: answered in turn; the first without a body. */
	plane_send(fd, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
		       "GET /none HTTP/1.1\r\n" CLOSE);
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, NULL), "nosniff\r\n\r\nHTTP/1.1 404 "));
	close(fd);
	plane_close();
}
END_TEST

START_TEST(old_clients)
{
	int fd;

	open_on("127.0.0.1");
	ck_answer("GET / HTTP/1.0\r\n\r\n", "200");
	fd = dial();
	for (int i = 0; i < 2; i++) {
		plane_send(fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
		ck_assert_ptr_nonnull(strstr(plane_receive(fd, "it serves\n"), " 200 OK"));
	}
	close(fd);
	plane_close();
}
END_TEST

START_TEST(methods)
{
	open_on("127.0.0.1");
	ck_answer("PUT / HTTP/1.1\r\n" CLOSE, "405");
	ck_assert_ptr_nonnull(strstr(talk("PUT / HTTP/1.1\r\n" CLOSE), "\r\nAllow: GET, HEAD\r\n"));
	ck_answer("POST /status HTTP/1.1\r\n" CLOSE, "405");
	ck_answer("GET /reload HTTP/1.1\r\n" CLOSE, "405");
	ck_assert_ptr_nonnull(
		strstr(talk("GET /reload HTTP/1.1\r\n" CLOSE), "\r\nAllow: POST\r\n"));
	ck_answer("GET /none HTTP/1.1\r\n" CLOSE, "404");
	ck_answer("GET /healthz HTTP/1.1\r\n" CLOSE, "503");
	ck_assert_ptr_nonnull(strstr(talk("GET /healthz HTTP/1.1\r\n" CLOSE),
				     "Content-Type: application/problem+json\r\n"));
	plane_close();
}
END_TEST

#define GET_AS(host) "GET / HTTP/1.1\r\nHost: " host "\r\nConnection: close\r\n\r\n"

/* A page in a browser can reach a loopback address under a name of its author's. */
START_TEST(names_of_somebody_else)
{
	open_on("127.0.0.1");
	ck_answer(GET_AS("127.0.0.1:5080"), "200");
	ck_answer(GET_AS("localhost:5080"), "200");
	ck_answer(GET_AS("gateway.localhost"), "200");
	ck_answer(GET_AS("gateway"), "200");
	ck_answer(GET_AS("[::1]:5080"), "200");
	ck_answer(GET_AS("evil.example"), "403");
	ck_answer(GET_AS("127.0.0.1.evil.example"), "403");
	ck_answer(GET_AS("evillocalhost.example:80"), "403");
	ck_assert_ptr_nonnull(
		strstr(talk(GET_AS("a.b")), "This Host is not an address nor a local name."));
	plane_close();
}
END_TEST

START_TEST(names_where_others_may_ask)
{
	open_on("0.0.0.0");
	ck_answer(GET_AS("gateway.example"), "200");
	plane_close();
}
END_TEST

#define RELOAD_AS(host, line)                                                                      \
	"POST /reload HTTP/1.1\r\nHost: " host "\r\n" line "Connection: close\r\nContent-Length:"  \
	" 0\r\n\r\n"

/* A page of another origin may not act; its own page and a program may. */
START_TEST(origins)
{
	open_on("0.0.0.0");
	/* What is let through is told that the gateway ends. */
	reload_stop(plane.reload);
	ck_answer(RELOAD_AS("a", ""), "409");
	ck_answer(RELOAD_AS("a:1", "Origin: http://A:1\r\nSec-Fetch-Site: same-origin\r\n"), "409");
	ck_answer(RELOAD_AS("a", "Origin: http://b\r\n"), "403");
	ck_answer(RELOAD_AS("a:1", "Origin: http://a:2\r\n"), "403");
	ck_answer(RELOAD_AS("a", "Origin: https://a\r\n"), "403");
	ck_answer(RELOAD_AS("a", "Origin: null\r\n"), "403");
	ck_answer(RELOAD_AS("a", "Sec-Fetch-Site: cross-site\r\n"), "403");
	ck_answer(RELOAD_AS("evil.example", "Origin: http://evil.example\r\n"), "403");
	plane_close();
}
END_TEST

START_TEST(what_is_no_request_for_it)
{
	static char big[10000], request[12000];

	open_on("127.0.0.1");
	memset(big, 'a', sizeof(big) - 1);
	ck_answer("hello\r\n\r\n", "400");
	ck_answer("GET / HTTP/1.1\r\n\r\n", "400");
	ck_answer("GET / HTTP/1.1\r\nX_Y: 1\r\n" CLOSE, "400");
	snprintf(request, sizeof(request), "GET /%.2000s HTTP/1.1\r\n" CLOSE, big);
	ck_answer(request, "414");
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nX: %.9000s\r\n", big);
	ck_answer(request, "431");
	ck_answer("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", "413");
	ck_answer("POST /reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "413");
	ck_answer("POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 16777217\r\n\r\n", "413");
	plane_close();
}
END_TEST

START_TEST(a_body)
{
	int fd;

	open_on("127.0.0.1");
	reload_stop(plane.reload);
	fd = dial();
	plane_send(fd, "POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
	for (int i = 0; i < 20; i++)
		uv_run(&plane.loop, UV_RUN_NOWAIT);
	/* Its end, and the next request right behind it. */
	plane_send(fd, "cd");
	uv_run(&plane.loop, UV_RUN_NOWAIT);
	plane_send(fd, "ef");
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, "\n}"), " 409 Conflict"));
	plane_send(fd, "POST /reload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET / "
		       "HTTP/1.1\r\n" CLOSE);
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, NULL), "HTTP/1.1 200 OK"));
	close(fd);
	plane_close();
}
END_TEST

START_TEST(a_reload)
{
	int fd;
	const char *text;

	open_on("127.0.0.1");
	plane_write(1, "\"routes\": []");
	plane_serve();
	text = talk(RELOAD_AS("a", ""));
	ck_assert_int_eq(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"outcome\": \"done\""));
	ck_assert_ptr_nonnull(strstr(text, "\"generation\": 2"));
	/* Who has left is not told. */
	fd = dial();
	plane_send(fd, RELOAD_AS("a", ""));
	plane_until(!reload_is_idle(plane.reload));
	close(fd);
	plane_until(reload_is_idle(plane.reload) && plane.current->number == 3);
	/* Nor who waits while it is closed. */
	fd = dial();
	plane_send(fd, RELOAD_AS("a", ""));
	plane_until(!reload_is_idle(plane.reload));
	admin_close(&plane.admin);
	ck_assert_ptr_null(plane.admin);
	ck_assert_str_eq(plane_receive(fd, NULL), "");
	close(fd);
	plane_close();
}
END_TEST

START_TEST(connections)
{
	int fds[65], open = 0;

	open_on("127.0.0.1");
	for (int i = 0; i < 65; i++) {
		fds[i] = dial();
		plane_send(fds[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	for (int i = 0; i < 65; i++)
		open += strstr(plane_receive(fds[i], "it serves\n"), " 200 OK") != NULL;
	ck_assert_int_eq(open, 64);
	for (int i = 0; i < 65; i++)
		close(fds[i]);
	for (int i = 0; i < 20; i++)
		uv_run(&plane.loop, UV_RUN_NOWAIT);
	ck_answer(GET_AS("a"), "200");
	plane_close();
}
END_TEST

START_TEST(a_port_that_is_taken)
{
	struct config_listen same = { .text = "x", .host = "127.0.0.1" };
	struct error e = { "" };

	open_on("127.0.0.1");
	same.port = admin_port();
	ck_assert_ptr_null(admin_open(&plane, &same, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "in use"));
	plane_close();
}
END_TEST

START_TEST(a_unix_socket)
{
	struct error e = { "" };
	char text[600];
	int fd;

	plane_open();
	snprintf(text, sizeof(text), "unix:%s", scratch_path("admin"));
	where = (struct config_listen){ .text = text, .path = scratch_path("admin") };
	plane.admin = admin_open(&plane, &where, &e);
	ck_assert_msg(plane.admin != NULL, "%s", e.text);
	ck_assert_str_eq(admin_url(plane.admin), text);
	fd = plane_connect("admin");
	plane_send(fd, "GET / HTTP/1.1\r\n" CLOSE);
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, NULL), " 200 OK"));
	close(fd);
	plane_close();
	ck_assert_int_eq(access(scratch_path("admin"), F_OK), -1);
}
END_TEST

START_TEST(none)
{
	struct admin *nothing = NULL;

	ck_assert_str_eq(admin_url(NULL), "off");
	admin_close(&nothing);
}
END_TEST

PLANE_SUITE("admin", a_page, one_after_the_other, old_clients, methods, names_of_somebody_else,
	    names_where_others_may_ask, origins, what_is_no_request_for_it, a_body, a_reload,
	    connections, a_port_that_is_taken, a_unix_socket, none)
