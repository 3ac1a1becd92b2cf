/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hedge.h"

#include <llhttp.h>
#include <stdlib.h>

#include "base/error.h"
#include "config/gateway.h"
#include "proxy/admit.h"
#include "proxy/exchange.h"
#include "proxy/forward.h"
#include "proxy/pick.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/response.h"
#include "upstream/hedging.h"

enum { HEDGE_LOOK_MS = 2 };

/* Of one exchange, kept for its next requests. */
struct hedge {
	struct exchange *x;
	struct list link; /* in hedging.waiting, until it is due */
	uint64_t due_ms;
	/* The second try: */
	struct endpoint *endpoint; /* referenced; NULL: there is none */
	struct upconn *up;
	uint64_t sent_ns; /* 0: it is still connecting */
	bool placed;      /* it has a place of its own at the service's gate */
};

static void hedge_on_connect(void *owner, int status);
static void hedge_on_data(void *owner, char *p, size_t n);
static void hedge_on_end(void *owner, int status);
static void hedge_on_sent(void *owner, int status);

static const struct upconn_events hedge_events = {
	.on_connect = hedge_on_connect,
	.on_data = hedge_on_data,
	.on_end = hedge_on_end,
	.on_sent = hedge_on_sent,
};

/* ---- the second try ---- */

/* The endpoint is nobody's any more, and was tried. */
static void hedge_forget_endpoint(struct exchange *x, struct endpoint **endpoint)
{
	if (x->tried.count < PICK_TRIED_MAX)
		x->tried.tried[x->tried.count++] = *endpoint;
	(*endpoint)->active--;
	endpoint_unref(*endpoint);
	*endpoint = NULL;
}

static void hedge_leave_gate(struct hedge *h)
{
	if (h->placed)
		gate_give(h->x->service->gate, CROWD_REQUESTS);
	h->placed = false;
}

static void hedge_end(struct hedge *h)
{
	if (!h->endpoint)
		return;
	upconn_close(&h->up, h->sent_ns != 0);
	hedge_forget_endpoint(h->x, &h->endpoint);
	hedge_leave_gate(h);
}

/* It failed by itself: the first try goes on. */
static void hedge_failed(struct hedge *h, enum end_reason reason)
{
	struct exchange *x = h->x;

	x->service->metrics->failures[reason]++;
	slab_endpoint_failed(h->endpoint->counts, reason == END_CONNECT_REFUSED);
	if (reason == END_CONNECT_REFUSED && x->proxy->on_refused)
		x->proxy->on_refused(x->proxy, x->service);
	hedge_end(h);
}

static void hedge_send(struct hedge *h)
{
	struct exchange *x = h->x;
	struct endpoint *first = x->endpoint;

	/* The head names the endpoint that it goes to. */
	x->endpoint = h->endpoint;
	forward_build(x);
	x->endpoint = first;
	if (x->proxy->head.failed) {
		hedge_end(h);
		return;
	}
	uv_buf_t head = uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n);
	h->sent_ns = clock_mono_ns();
	upconn_asks(h->up);
	/* A connection that cannot be written to ends, which is told. */
	upconn_send(h->up, &head, 1);
}

/* Its connection and endpoint are the request's. */
static void hedge_become(struct hedge *h)
{
	struct exchange *x = h->x;

	x->up = h->up;
	x->endpoint = h->endpoint;
	x->up->events = &pick_events;
	x->up->owner = x;
	x->upstream_ns = h->sent_ns;
	h->up = NULL;
	h->endpoint = NULL;
	/* The place of the first try serves on. */
	hedge_leave_gate(h);
}

static void hedge_on_connect(void *owner, int status)
{
	struct hedge *h = owner;

	if (status)
		hedge_failed(h, pick_connect_reason(status));
	else if (upconn_has_spoken(h->up))
		hedge_failed(h, END_RESPONSE_UNREQUESTED);
	else
		hedge_send(h);
}

/* It answers first: whatever the first endpoint does says nothing of it. */
static void hedge_on_data(void *owner, char *p, size_t n)
{
	struct hedge *h = owner;
	struct exchange *x = h->x;

	upconn_close(&x->up, true);
	hedge_forget_endpoint(x, &x->endpoint);
	hedge_become(h);
	x->service->metrics->hedges_won++;
	response_on_data(x, p, n);
}

static void hedge_on_end(void *owner, int status)
{
	struct hedge *h = owner;

	/* That a kept connection ended says nothing of the endpoint. */
	if (h->up->reused)
		hedge_end(h);
	else
		hedge_failed(h, status == UV_EOF ? END_UPSTREAM_CLOSED : END_UPSTREAM_RESET);
}

static void hedge_on_sent(void *owner, int status)
{
	(void)owner;
	(void)status; /* a failure shows as the end of the read side */
}

/* ---- when ---- */

/* What may be sent twice, and is whole in hand (RFC 9110, 9.2.1).  Hooks that look at the endpoint
 * would have to run once more, for a try that may come to nothing. */
static bool hedge_suits(const struct exchange *x)
{
	return (x->req.method_id == HTTP_GET || x->req.method_id == HTTP_HEAD) &&
	       x->req.framing == FRAMING_NONE && !x->req.upgrade && !x->req.expect_continue &&
	       !x->chain->count[CHAIN_ON_UPSTREAM];
}

static struct endpoint *hedge_pick(struct exchange *x)
{
	struct pick_tried tried = x->tried;
	struct endpoint *ep;

	if (tried.count < PICK_TRIED_MAX)
		tried.tried[tried.count++] = x->endpoint;
	ep = pick_endpoint(x, &tried);
	for (unsigned i = 0; i < tried.count; i++)
		if (tried.tried[i] == ep)
			return NULL;
	return ep;
}

static bool hedge_connect(struct hedge *h)
{
	struct exchange *x = h->x;
	int status = 0;

	while ((h->up = upconn_take(h->endpoint, &hedge_events, h)) && !upconn_is_quiet(h->up))
		upconn_close(&h->up, false);
	if (!h->up)
		h->up = upconn_open(&x->proxy->upstream, h->endpoint, &hedge_events, h, &status);
	return h->up != NULL;
}

/* It counts as a further try: of the limit for a request, and of the budget.  It waits for
 * nothing. */
static void hedge_begin(struct hedge *h)
{
	struct exchange *x = h->x;
	struct service *s = x->service;
	struct endpoint *ep;

	if (x->response != RESPONSE_HEAD || x->hold_n || x->interim || !x->up ||
	    x->tries > (uint64_t)x->proxy->config->limits.retries || !admit_allows_retry(x) ||
	    !(ep = hedge_pick(x)))
		return;
	if (x->gate && !gate_take(x->gate, CROWD_REQUESTS))
		return;
	h->placed = x->gate != NULL;
	if (!service_retry_take(s)) {
		s->metrics->retries_refused++;
		hedge_leave_gate(h);
		return;
	}
	endpoint_ref(ep);
	ep->active++;
	h->endpoint = ep;
	h->sent_ns = 0;
	if (!hedge_connect(h)) {
		hedge_end(h);
		return;
	}
	x->tries++;
	s->metrics->hedges++;
	if (h->up->reused)
		hedge_send(h);
}

static void hedge_on_look(uv_timer_t *timer)
{
	struct proxy *p = timer->data;
	uint64_t now = uv_now(p->loop);

	list_each_safe(l, &p->hedgings)
	{
		struct hedging *service = container_of(l, struct hedging, link);

		while (!list_empty(&service->waiting)) {
			struct hedge *h = container_of(service->waiting.next, struct hedge, link);

			if (h->due_ms > now)
				break;
			list_remove(&h->link);
			h->x->hedged = true;
			hedge_begin(h);
		}
		if (list_empty(&service->waiting))
			list_remove(&service->link);
	}
	if (list_empty(&p->hedgings))
		uv_timer_stop(timer);
}

void hedge_init(struct proxy *p)
{
	list_init(&p->hedgings);
	uv_timer_init(p->loop, &p->hedge_look);
	p->hedge_look.data = p;
}

void hedge_close(struct proxy *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->hedge_look))
		uv_close((uv_handle_t *)&p->hedge_look, NULL);
}

void hedge_wait(struct exchange *x)
{
	struct hedging *service = x->service->hedging;
	struct proxy *p = x->proxy;

	if (!hedge_suits(x) || x->service->endpoint_count < 2 || x->hedged ||
	    (x->hedge && list_linked(&x->hedge->link)))
		return;
	if (!x->hedge) {
		x->hedge = xcalloc(1, sizeof(*x->hedge));
		x->hedge->x = x;
	}
	x->hedge->due_ms = uv_now(p->loop) + service->after_ms;
	list_push(&service->waiting, &x->hedge->link);
	if (!list_linked(&service->link))
		list_push(&p->hedgings, &service->link);
	if (!uv_is_active((uv_handle_t *)&p->hedge_look))
		uv_timer_start(&p->hedge_look, hedge_on_look, HEDGE_LOOK_MS, HEDGE_LOOK_MS);
}

/* ---- how it ends ---- */

void hedge_drop(struct exchange *x)
{
	list_remove(&x->hedge->link);
	hedge_end(x->hedge);
}

bool hedge_stands_in(struct exchange *x, enum end_reason reason)
{
	struct hedge *h = x->hedge;
	bool stale = x->up && x->up->reused;

	if (!h->endpoint)
		return false;
	if (stale && (reason == END_UPSTREAM_CLOSED || reason == END_UPSTREAM_RESET ||
		      reason == END_RESPONSE_UNREQUESTED))
		x->service->metrics->failures[reason]++;
	else
		exchange_count_failure(x, reason);
	upconn_close(&x->up, true);
	hedge_forget_endpoint(x, &x->endpoint);
	bool sent = h->sent_ns != 0;
	hedge_become(h);
	exchange_enter(x, EXCHANGE_PICK);
	if (!sent) {
		relay_replay(x);
		x->sent = false;
		exchange_enter(x, EXCHANGE_CONNECT);
		exchange_wait(x, WAIT_CONNECT, x->service->connect_ms);
		return true;
	}
	exchange_enter(x, EXCHANGE_RELAY);
	response_expect_asked(x);
	response_wait_head(x);
	return true;
}

void hedge_free(struct exchange *x)
{
	if (x->hedge)
		hedge_drop(x);
	free(x->hedge);
}
