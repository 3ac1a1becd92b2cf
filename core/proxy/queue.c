/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/queue.h"

#include "proxy/admit.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "upstream/gate.h"

/* Places that other workers give back are looked for, not announced. */
enum { QUEUE_LOOK_MS = 1 };

/* A request needs a connection too: a new one, or one that can be kept or given up for it. */
static bool queue_has_connection(const struct service *s)
{
	if (gate_has_room(s->gate, CROWD_CONNECTIONS))
		return true;
	for (size_t i = 0; i < s->endpoint_count; i++)
		if (s->endpoints[i]->idle_count)
			return true;
	return false;
}

/* Those that wait for a service that is left alone now are told so. */
static void queue_refuse_shut(struct gate *g)
{
	struct list *l = g->waiting.next;

	while (l != &g->waiting) {
		struct exchange *x = container_of(l, struct exchange, queued.link);

		l = l->next;
		if (!admit_is_shut(x))
			continue;
		admit_refuse(x);
		/* Whoever is next may have left by that. */
		l = g->waiting.next;
	}
}

static void queue_run(struct proxy *p, struct gate *g)
{
	uint64_t now = uv_now(p->loop);

	queue_refuse_shut(g);
	while (!list_empty(&g->waiting)) {
		struct exchange *x = container_of(g->waiting.next, struct exchange, queued.link);

		if (!queue_has_connection(x->service) || !gate_next(g, now))
			return;
		x->admitted = true;
		x->service->metrics->pending--;
		exchange_wait(x, WAIT_NONE, 0);
		exchange_pick_admitted(x);
	}
}

static void queue_on_look(uv_timer_t *timer)
{
	struct proxy *p = timer->data;

	list_each_safe(l, &p->queues)
	{
		struct gate *g = container_of(l, struct gate, link);

		queue_run(p, g);
		if (list_empty(&g->waiting))
			list_remove(&g->link);
	}
	if (list_empty(&p->queues))
		uv_timer_stop(timer);
}

void queue_init(struct proxy *p)
{
	list_init(&p->queues);
	uv_timer_init(p->loop, &p->queue_look);
	p->queue_look.data = p;
}

void queue_close(struct proxy *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->queue_look))
		uv_close((uv_handle_t *)&p->queue_look, NULL);
}

static void queue_wait(struct exchange *x, bool front)
{
	struct proxy *p = x->proxy;

	x->service->metrics->pending++;
	if (!list_linked(&x->gate->link))
		list_push(&p->queues, &x->gate->link);
	if (!uv_is_active((uv_handle_t *)&p->queue_look))
		uv_timer_start(&p->queue_look, queue_on_look, QUEUE_LOOK_MS, QUEUE_LOOK_MS);
	/* Of the time that it may wait, some has passed. */
	uint64_t waited = front ? uv_now(p->loop) - x->queued.since_ms : 0;
	uint64_t all = x->gate->rules.queue_ms;
	exchange_wait(x, WAIT_QUEUE, waited < all ? all - waited : 1);
}

bool queue_admit(struct exchange *x)
{
	struct service *s = x->service;
	struct gate *g = s->gate;
	uint64_t now = uv_now(x->proxy->loop);

	queue_leave(x);
	if (!g || !s->endpoint_count)
		return true;
	if (queue_has_connection(s) && gate_admit(g, now)) {
		x->gate = g;
		x->admitted = true;
		return true;
	}
	if (x->conn->eof) {
		exchange_drop(x, END_CLIENT_GONE);
		return false;
	}
	if (!gate_wait(g, &x->queued, false, now)) {
		s->metrics->overloaded++;
		exchange_fail(x, END_SERVICE_OVERLOADED, NULL);
		return false;
	}
	x->gate = g;
	s->metrics->queued++;
	queue_wait(x, false);
	return false;
}

void queue_again(struct exchange *x)
{
	uint64_t now = uv_now(x->proxy->loop);

	gate_give(x->gate, CROWD_REQUESTS);
	x->admitted = false;
	if (!x->queued.since_ms)
		x->queued.since_ms = now;
	gate_wait(x->gate, &x->queued, true, now);
	queue_wait(x, true);
}

void queue_leave(struct exchange *x)
{
	struct gate *g = x->gate;

	if (!g)
		return;
	x->gate = NULL;
	if (list_linked(&x->queued.link)) {
		gate_leave(g, &x->queued);
		x->service->metrics->pending--;
		return;
	}
	if (!x->admitted)
		return;
	x->admitted = false;
	gate_give(g, CROWD_REQUESTS);
	/* Whoever waits here gets the place in the next turn of the loop. */
	if (!list_empty(&g->waiting) && !uv_is_closing((uv_handle_t *)&x->proxy->queue_look))
		uv_timer_start(&x->proxy->queue_look, queue_on_look, 0, QUEUE_LOOK_MS);
}
