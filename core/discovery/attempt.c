/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/fetch.h"

enum { ATTEMPT_MAGIC = 0x61747465 };

struct attempt {
	unsigned magic;
	attempt_cb done;
	void *arg;
	unsigned status_min, status_max;
	struct fetch *fetch; /* NULL: a connection, by what follows */
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_timer_t timer;
	unsigned open;     /* of the two handles */
	const char *wrong; /* known before there was a connection to wait for */
	bool over;
};

static struct attempt *attempt_of(void *data)
{
	struct attempt *a = data;

	must(a->magic == ATTEMPT_MAGIC);
	return a;
}

static void attempt_free(struct attempt *a)
{
	a->magic = 0;
	free(a);
}

/* ---- a connection ---- */

static void attempt_on_closed(uv_handle_t *h)
{
	struct attempt *a = attempt_of(h->data);

	if (--a->open == 0)
		attempt_free(a);
}

static void attempt_close(struct attempt *a)
{
	a->over = true;
	uv_close((uv_handle_t *)&a->tcp, attempt_on_closed);
	uv_close((uv_handle_t *)&a->timer, attempt_on_closed);
}

static void attempt_end_connect(struct attempt *a, const char *wrong)
{
	attempt_cb done = a->done;

	if (a->over)
		return;
	attempt_close(a);
	done(a->arg, wrong);
}

static void attempt_on_connect(uv_connect_t *req, int status)
{
	attempt_end_connect(attempt_of(req->data), status ? uv_strerror(status) : NULL);
}

static void attempt_on_timeout(uv_timer_t *timer)
{
	struct attempt *a = attempt_of(timer->data);

	attempt_end_connect(a, a->wrong ? a->wrong : "no connection in time");
}

/* This process's own want of something, which says nothing of the endpoint. */
static bool attempt_is_ours(int rc)
{
	return rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM || rc == UV_ENOBUFS ||
	       rc == UV_EADDRNOTAVAIL;
}

static int attempt_connect(struct attempt *a, uv_loop_t *loop, const struct attempt_spec *spec)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;

	if (uv_ip4_addr(spec->address, spec->port, &to.v4) &&
	    uv_ip6_addr(spec->address, spec->port, &to.v6))
		return UV_EINVAL;
	a->open = 2;
	must(uv_tcp_init(loop, &a->tcp) == 0);
	must(uv_timer_init(loop, &a->timer) == 0);
	a->tcp.data = a->timer.data = a->connect.data = a;
	int rc = uv_tcp_connect(&a->connect, &a->tcp, &to.any, attempt_on_connect);
	if (rc && attempt_is_ours(rc))
		return rc;
	a->wrong = rc ? uv_strerror(rc) : NULL;
	uv_timer_start(&a->timer, attempt_on_timeout, rc ? 0 : spec->timeout_ms, 0);
	return 0;
}

/* ---- a request ---- */

static void attempt_on_answer(void *arg, struct fetch *f, const struct fetch_result *r)
{
	struct attempt *a = attempt_of(arg);
	attempt_cb done = a->done;
	void *done_arg = a->arg;
	unsigned status = (unsigned)r->status;
	bool passed = status >= a->status_min && status <= a->status_max;
	char text[24];

	(void)f;
	attempt_free(a);
	snprintf(text, sizeof(text), "HTTP %u", status);
	done(done_arg, status == 0 ? r->error : passed ? NULL : text);
}

static int attempt_ask(struct attempt *a, struct fetcher *fetcher, const struct attempt_spec *spec)
{
	const char *left = strchr(spec->address, ':') ? "[" : "", *right = *left ? "]" : "";
	const char *headers[] = { NULL, NULL };
	char *url = NULL, *host = NULL;

	if (asprintf(&url, "http://%s%s%s:%u%s", left, spec->address, right, spec->port,
		     spec->path) < 0)
		return UV_ENOMEM;
	if (spec->host && asprintf(&host, "Host: %s", spec->host) < 0) {
		free(url);
		return UV_ENOMEM;
	}
	headers[0] = host;
	a->fetch = fetch_start(fetcher,
			       &(struct fetch_spec){
				       .url = url,
				       .headers = headers,
				       .timeout_ms = spec->timeout_ms,
				       .connect_timeout_ms = spec->timeout_ms,
				       .max_answer = ATTEMPT_BODY_MAX,
				       .once = true,
			       },
			       attempt_on_answer, a);
	free(url);
	free(host);
	return a->fetch ? 0 : UV_EINVAL;
}

/* ---- both ---- */

struct attempt *attempt_start(uv_loop_t *loop, struct fetcher *fetcher,
			      const struct attempt_spec *spec, attempt_cb done, void *arg)
{
	struct attempt *a = xcalloc(1, sizeof(*a));
	int rc;

	*a = (struct attempt){ .magic = ATTEMPT_MAGIC,
			       .done = done,
			       .arg = arg,
			       .status_min = spec->status_min,
			       .status_max = spec->status_max };
	rc = spec->path ? attempt_ask(a, fetcher, spec) : attempt_connect(a, loop, spec);
	if (rc == 0)
		return a;
	if (a->open)
		attempt_close(a);
	else
		attempt_free(a);
	return NULL;
}

void attempt_cancel(struct attempt *a)
{
	must(a->magic == ATTEMPT_MAGIC);
	if (a->fetch) {
		fetch_cancel(a->fetch);
		attempt_free(a);
	} else if (!a->over) {
		attempt_close(a);
	}
}
