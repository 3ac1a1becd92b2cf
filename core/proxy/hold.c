/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hold.h"

#include "net/socket.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

static void hold_push(struct conn *c)
{
	list_remove(&c->held);
	socket_push(&c->u.stream);
}

static void hold_on_timer(uv_timer_t *timer)
{
	struct proxy *p = timer->data;
	uint64_t now = uv_now(p->loop);

	while (!list_empty(&p->holds.conns)) {
		struct conn *c = container_of(p->holds.conns.next, struct conn, held);
		if (c->held_ms + HOLD_MS > now) {
			uv_timer_start(timer, hold_on_timer, c->held_ms + HOLD_MS - now, 0);
			return;
		}
		hold_push(c);
	}
}

void holds_init(struct proxy *p)
{
	list_init(&p->holds.conns);
	uv_timer_init(p->loop, &p->holds.timer);
	p->holds.timer.data = p;
}

void holds_close(struct proxy *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->holds.timer))
		uv_close((uv_handle_t *)&p->holds.timer, NULL);
}

/* Whether this piece ends a short answer, and the next request is here. */
static bool hold_may(const struct exchange *x, const uv_buf_t *bufs, unsigned n)
{
	size_t bytes = 0;

	if (!x->response_over || x->client_close || !x->body_done || x->in_pos == x->in_end ||
	    x->conn->u.handle.type != UV_TCP)
		return false;
	for (unsigned i = 0; i < n; i++)
		bytes += bufs[i].len;
	return bytes <= HOLD_MAX;
}

static void hold_begin(struct conn *c)
{
	struct proxy *p = c->proxy;

	if (list_linked(&c->held))
		return;
	c->held_ms = uv_now(p->loop);
	if (list_empty(&p->holds.conns) && !uv_is_closing((uv_handle_t *)&p->holds.timer))
		uv_timer_start(&p->holds.timer, hold_on_timer, HOLD_MS, 0);
	list_push(&p->holds.conns, &c->held);
}

int hold_send(struct exchange *x, uv_buf_t *bufs, unsigned n)
{
	struct conn *c = x->conn;
	bool more = hold_may(x, bufs, n);
	int r = more ? flow_send_more(&x->down, &c->u.stream, bufs, n) :
		       flow_send(&x->down, &c->u.stream, bufs, n);

	if (more && r == 1)
		hold_begin(c);
	else
		list_remove(&c->held); /* all of it is under way */
	return r;
}

void hold_release(struct conn *c)
{
	if (list_linked(&c->held))
		hold_push(c);
}
