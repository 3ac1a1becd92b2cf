/* SPDX-License-Identifier: Apache-2.0 */
/* unit/agent.h -- an HTTP server on the test's own loop that Consul's client takes for an agent:
 * each question waits until the test answers it.
 * Called by: tests/unit/test_consul_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_AGENT_H
#define GATEHOUSE_TESTS_AGENT_H

#include <arpa/inet.h>
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "suite.h"

struct agent;

/* One connection, and the question on it. */
struct agent_conn {
	struct list link;
	struct agent *agent;
	uv_tcp_t tcp;
	char target[512], token[64]; /* of the question; "" */
	bool waiting;                /* it has arrived, and was not answered */
	char in[4096];
	size_t used;
};

struct agent {
	uv_loop_t *loop;
	uv_tcp_t server;
	uv_timer_t limit; /* wakes whoever waits, to look at the clock */
	char url[32];
	uint16_t port;
	struct list conns;
	unsigned asked; /* questions in all, without probes */
	unsigned probes;
	bool deaf; /* probes are not answered by themselves */
};

/* Seconds that a wait may take. */
enum { AGENT_WAIT_S = 20 };

static inline uint64_t agent_deadline(void)
{
	return clock_mono_ns() + (uint64_t)(suite_timeout() / 60 * AGENT_WAIT_S * 1e9);
}

/* Turns the loop until the condition holds. */
#define agent_until(agent, condition)                                                              \
	do {                                                                                       \
		uint64_t until_ = agent_deadline();                                                \
		while (!(condition)) {                                                             \
			ck_assert_msg(clock_mono_ns() < until_, "never: %s", #condition);          \
			uv_run((agent)->loop, UV_RUN_ONCE);                                        \
		}                                                                                  \
	} while (0)

static inline void agent_on_closed(uv_handle_t *h)
{
	free(h->data);
}

/* Closes a connection, whatever is asked on it. */
static inline void agent_cut(struct agent_conn *c)
{
	list_remove(&c->link);
	c->waiting = false;
	uv_close((uv_handle_t *)&c->tcp, agent_on_closed);
}

/* Answers with a status, header lines that end with CRLF, and a body. */
static inline void agent_reply(struct agent_conn *c, int status, const char *headers,
			       const char *body)
{
	char head[256];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n",
			 status, strlen(body), headers);
	uv_buf_t bufs[] = { uv_buf_init(head, (unsigned)n),
			    uv_buf_init((char *)(uintptr_t)body, (unsigned)strlen(body)) };

	ck_assert(c->waiting);
	c->waiting = false;
	c->target[0] = c->token[0] = '\0';
	/* Small enough for the socket at once. */
	ck_assert_int_eq(uv_try_write((uv_stream_t *)&c->tcp, bufs, 2), n + (int)strlen(body));
}

/* Answers as an agent that has a leader does. */
static inline void agent_answer(struct agent_conn *c, unsigned index, const char *body)
{
	char headers[128];

	snprintf(headers, sizeof(headers),
		 "X-Consul-Index: %u\r\nX-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\n",
		 index);
	agent_reply(c, 200, headers, body);
}

/* The head is whole: it has no body, since all questions are GET. */
static inline void agent_take(struct agent_conn *c)
{
	const char *token = strstr(c->in, "\r\nX-Consul-Token: ");

	ck_assert_int_eq(sscanf(c->in, "GET %511s", c->target), 1);
	if (token)
		sscanf(token, "\r\nX-Consul-Token: %63s", c->token);
	c->used = 0;
	c->waiting = true;
	if (strcmp(c->target, "/v1/status/leader") != 0) {
		c->agent->asked++;
		return;
	}
	c->agent->probes++;
	if (!c->agent->deaf)
		agent_reply(c, 200, "", "\"127.0.0.1:8300\"");
}

static inline void agent_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct agent_conn *c = h->data;

	(void)suggested;
	*out = uv_buf_init(c->in + c->used, (unsigned)(sizeof(c->in) - c->used - 1));
}

static inline void agent_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct agent_conn *c = s->data;

	(void)buf;
	if (n < 0) {
		agent_cut(c);
		return;
	}
	c->used += (size_t)n;
	c->in[c->used] = '\0';
	if (strstr(c->in, "\r\n\r\n"))
		agent_take(c);
}

static inline void agent_on_connection(uv_stream_t *server, int status)
{
	struct agent *a = server->data;
	struct agent_conn *c = xcalloc(1, sizeof(*c));

	ck_assert_int_eq(status, 0);
	c->agent = a;
	ck_assert_int_eq(uv_tcp_init(a->loop, &c->tcp), 0);
	c->tcp.data = c;
	list_push(&a->conns, &c->link);
	ck_assert_int_eq(uv_accept(server, (uv_stream_t *)&c->tcp), 0);
	ck_assert_int_eq(uv_read_start((uv_stream_t *)&c->tcp, agent_alloc, agent_on_read), 0);
}

static inline void agent_on_limit(uv_timer_t *t)
{
	(void)t;
}

/* Listens on the port, 0 for one that the kernel chooses. */
static inline void agent_listen(struct agent *a, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(port) };
	int size = sizeof(at);

	ck_assert_int_eq(uv_tcp_init(a->loop, &a->server), 0);
	a->server.data = a;
	ck_assert_int_eq(uv_tcp_bind(&a->server, (struct sockaddr *)&at, 0), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&a->server, 128, agent_on_connection), 0);
	ck_assert_int_eq(uv_tcp_getsockname(&a->server, (struct sockaddr *)&at, &size), 0);
	a->port = ntohs(at.sin_port);
	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%u", a->port);
}

static inline void agent_start(struct agent *a, uv_loop_t *loop)
{
	*a = (struct agent){ .loop = loop };
	list_init(&a->conns);
	ck_assert_int_eq(uv_timer_init(loop, &a->limit), 0);
	ck_assert_int_eq(uv_timer_start(&a->limit, agent_on_limit, 100, 100), 0);
	agent_listen(a, 0);
}

/* Nobody listens any more, and all connections are cut. */
static inline void agent_leave(struct agent *a)
{
	uv_close((uv_handle_t *)&a->server, NULL);
	list_each_safe(l, &a->conns) agent_cut(container_of(l, struct agent_conn, link));
	while (uv_is_active((uv_handle_t *)&a->server))
		uv_run(a->loop, UV_RUN_NOWAIT);
}

/* The end; an agent that has left already has none of its handles but the timer. */
static inline void agent_stop(struct agent *a)
{
	if (!uv_is_closing((uv_handle_t *)&a->server))
		agent_leave(a);
	uv_close((uv_handle_t *)&a->limit, NULL);
}

/* A question that waits and whose target contains the text, or NULL. */
static inline struct agent_conn *agent_find(struct agent *a, const char *part)
{
	list_each(l, &a->conns)
	{
		struct agent_conn *c = container_of(l, struct agent_conn, link);

		if (c->waiting && strstr(c->target, part))
			return c;
	}
	return NULL;
}

/* The same, once it is there. */
static inline struct agent_conn *agent_wait(struct agent *a, const char *part)
{
	struct agent_conn *c;

	agent_until(a, (c = agent_find(a, part)));
	return c;
}

/* An instance "NODE/ID" of a service, passing or not. */
#define AGENT_INSTANCE(node, id, address, status)                                                  \
	"{\"Node\":{\"Node\":\"" node "\",\"Address\":\"" address "\"},\"Service\":{\"ID\":\"" id  \
	"\",\"Service\":\"web\",\"Address\":\"\",\"Port\":80},"                                    \
	"\"Checks\":[{\"CheckID\":\"c\",\"Name\":\"c\",\"Status\":\"" status "\"}]}"

#endif
