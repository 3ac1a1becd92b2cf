/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/exchange.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "proxy/admit.h"
#include "proxy/conn.h"
#include "proxy/hedge.h"
#include "proxy/hooks.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "proxy/queue.h"
#include "proxy/relay.h"
#include "proxy/respond.h"
#include "proxy/response.h"
#include "proxy/tunnel.h"

enum {
	EXCHANGE_MAGIC = 0x45584348,
	EXCHANGE_IN_SIZE = 4096,
	EXCHANGE_IN_KEEP = 16 * 1024,
	EXCHANGE_ARENA_BLOCK = 4096,
	EXCHANGE_ARENA_MAX = 1024 * 1024 + 256 * 1024,
};

#define TO(s) (1u << EXCHANGE_##s)
/* The moves that there are; every other one is a fault of ours. */
static const unsigned exchange_moves[EXCHANGE_STATE_COUNT] = {
	[EXCHANGE_HEAD] = TO(ROUTE) | TO(RELAY) | TO(LOG),
	[EXCHANGE_ROUTE] = TO(PLUGIN) | TO(RELAY) | TO(LOG),
	[EXCHANGE_PLUGIN] = TO(PICK) | TO(RELAY) | TO(LOG),
	[EXCHANGE_PICK] = TO(CONNECT) | TO(RELAY) | TO(LOG),
	[EXCHANGE_CONNECT] = TO(PICK) | TO(RELAY) | TO(LOG),
	[EXCHANGE_RELAY] = TO(PICK) | TO(RELAY) | TO(LOG),
	[EXCHANGE_LOG] = TO(DONE),
	[EXCHANGE_DONE] = TO(HEAD),
};
#undef TO

void exchange_enter(struct exchange *x, enum exchange_state to)
{
	must(exchange_moves[x->state] & (1u << to));
	x->state = to;
}

static void exchange_on_deadline(struct deadline *d)
{
	struct exchange *x = container_of(d, struct exchange, deadline);
	enum exchange_wait wait = x->wait;

	must(x->magic == EXCHANGE_MAGIC);
	x->wait = WAIT_NONE;
	if (x->total_at_ms && uv_now(x->proxy->loop) >= x->total_at_ms)
		wait = WAIT_TOTAL;
	switch (wait) {
	case WAIT_NONE:
		break;
	case WAIT_QUEUE:
		x->service->metrics->queue_timeouts++;
		exchange_fail(x, END_QUEUE_TIMEOUT, NULL);
		break;
	case WAIT_CONNECT:
		exchange_retry_or_fail(x, END_CONNECT_TIMEOUT, NULL);
		break;
	case WAIT_RESPONSE:
		if (x->hedge && hedge_stands_in(x, END_RESPONSE_TIMEOUT))
			break;
		exchange_count_failure(x, END_RESPONSE_TIMEOUT);
		exchange_fail(x, END_RESPONSE_TIMEOUT, NULL);
		break;
	case WAIT_STALL:
		exchange_count_failure(x, END_RESPONSE_STALLED);
		exchange_fail(x, END_RESPONSE_STALLED, NULL);
		break;
	case WAIT_TOTAL:
		exchange_fail(x, END_REQUEST_DEADLINE, NULL);
		break;
	}
}

void exchange_wait(struct exchange *x, enum exchange_wait what, uint64_t ms)
{
	if (x->total_at_ms) {
		uint64_t now = uv_now(x->proxy->loop);
		uint64_t left = x->total_at_ms > now ? x->total_at_ms - now : 1;
		if (what == WAIT_NONE || !ms || left < ms) {
			what = WAIT_TOTAL;
			ms = left;
		}
	}
	x->wait = what;
	if (what == WAIT_NONE || !ms)
		deadline_clear(&x->deadline);
	else
		deadline_set(x->proxy->deadlines, &x->deadline, ms);
}

/* What belongs to one request, at its beginning. */
static void exchange_reset(struct exchange *x)
{
	size_t from = offsetof(struct exchange, path), to = offsetof(struct exchange, calls);

	buf_fini(&x->collected);
	memset((char *)x + from, 0, to - from);
	x->call_count = x->timer_count = 0;
	x->match.param_count = 0;
	from = offsetof(struct exchange, source);
	to = offsetof(struct exchange, deadline);
	memset((char *)x + from, 0, to - from);
	x->wait = WAIT_NONE;
	x->response = RESPONSE_NONE;
	x->hold_n = x->hold_at = 0;
	x->res_rest = (struct str){ NULL, 0 };
	x->begin_later = x->reply_later = false;
	x->res_left = 0;
	x->splice_max = 0;
	must(!x->splice);
	buf_clear(&x->trailers);
	from = offsetof(struct exchange, interim);
	to = offsetof(struct exchange, down);
	memset((char *)x + from, 0, to - from);
	buf_fini(&x->reply_queue);
	from = offsetof(struct exchange, response_over);
	memset((char *)x + from, 0, sizeof(*x) - from);
	head_reset(&x->req);
	head_reset(&x->res);
	arena_reset(&x->arena);
}

static struct exchange *exchange_new(struct proxy *p)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->in = malloc(EXCHANGE_IN_SIZE);
	if (!x->in) {
		free(x);
		return NULL;
	}
	x->in_cap = EXCHANGE_IN_SIZE;
	x->magic = EXCHANGE_MAGIC;
	x->proxy = p;
	x->state = EXCHANGE_DONE;
	head_init(&x->req);
	head_init(&x->res);
	arena_init(&x->arena, EXCHANGE_ARENA_BLOCK, EXCHANGE_ARENA_MAX);
	flow_init(&x->down, &p->rbufs, relay_on_down, x);
	x->down.sent = &p->stats->bytes_sent;
	buf_init(&x->trailers, p->config->limits.response_head);
	list_init(&x->calls);
	list_init(&x->timers);
	deadline_init(&x->deadline, exchange_on_deadline);
	p->stats->buffers_bytes += (int64_t)(sizeof(*x) + x->in_cap);
	return x;
}

/* Plugins may keep what they were given of the head until on_end. */
static void exchange_in_forget(struct exchange *x)
{
	x->proxy->stats->buffers_bytes -= (int64_t)x->in_old_cap;
	free(x->in_old);
	x->in_old = NULL;
	x->in_old_cap = 0;
}

void exchange_free(struct exchange *x)
{
	exchange_in_forget(x);
	x->proxy->stats->buffers_bytes -= (int64_t)(sizeof(*x) + x->in_cap + x->hold_cap);
	deadline_drop(&x->deadline);
	hedge_free(x);
	head_fini(&x->req);
	head_fini(&x->res);
	arena_fini(&x->arena);
	buf_fini(&x->trailers);
	buf_fini(&x->collected);
	buf_fini(&x->reply_queue);
	free(x->in);
	free(x->hold);
	x->magic = 0;
	free(x);
}

/* Ready to parse a head out of in. */
static void exchange_begin(struct exchange *x)
{
	exchange_reset(x);
	exchange_enter(x, EXCHANGE_HEAD);
	parse_start(&x->parser, PARSE_REQUEST, &x->req, &x->proxy->request_limits);
	x->started_ns = clock_mono_ns();
	x->request_id[0] = '\0';
}

struct exchange *exchange_take(struct proxy *p, struct conn *c)
{
	struct exchange *x = p->spare;
	if (x) {
		p->spare = x->next_spare;
		p->spare_count--;
	} else if (!(x = exchange_new(p))) {
		return NULL;
	}
	x->next_spare = NULL;
	x->conn = c;
	x->in_pos = x->in_end = 0;
	exchange_begin(x);
	return x;
}

void exchange_give_back(struct exchange *x)
{
	struct proxy *p = x->proxy;

	must(x->magic == EXCHANGE_MAGIC && !x->down.busy);
	if (x->state == EXCHANGE_HEAD) {
		/* Never became a request. */
		exchange_enter(x, EXCHANGE_LOG);
		exchange_enter(x, EXCHANGE_DONE);
	}
	must(x->state == EXCHANGE_DONE);
	x->conn = NULL;
	if (p->spare_count >= EXCHANGE_SPARE_MAX || x->in_cap > EXCHANGE_IN_KEEP ||
	    x->hold_cap > EXCHANGE_IN_KEEP) {
		exchange_free(x);
		return;
	}
	deadline_clear(&x->deadline);
	x->next_spare = p->spare;
	p->spare = x;
	p->spare_count++;
}

void exchange_again(struct exchange *x)
{
	size_t left = x->in_end - x->in_pos;

	memmove(x->in, x->in + x->in_pos, left);
	x->in_pos = 0;
	x->in_end = left;
	exchange_begin(x);
}

/* A larger buffer, of at most max bytes; the slices that are ours follow.  It grows once at most
 * when plugins may have slices too. */
static int exchange_in_grow(struct exchange *x, size_t max)
{
	bool head = x->state == EXCHANGE_HEAD;
	size_t cap = head && x->in_cap * 2 < max ? x->in_cap * 2 : max;
	char *in;

	if (cap <= x->in_cap || x->in_old || !(in = malloc(cap)))
		return -1;
	memcpy(in, x->in, x->in_end);
	head_rebase(&x->req, x->in, x->in_end, in);
	head_rebase_str(&x->parser.joined, x->in, x->in_end, in);
	head_rebase_str(&x->path, x->in, x->in_end, in);
	head_rebase_str(&x->query, x->in, x->in_end, in);
	head_rebase_str(&x->host, x->in, x->in_end, in);
	x->proxy->stats->buffers_bytes += (int64_t)cap;
	x->in_old = x->in;
	x->in_old_cap = x->in_cap;
	if (head)
		exchange_in_forget(x);
	x->in = in;
	x->in_cap = cap;
	return 0;
}

int exchange_in_append(struct exchange *x, const char *p, size_t n)
{
	while (x->in_cap - x->in_end < n)
		if (exchange_in_grow(x, RBUF_SIZE + EXCHANGE_IN_SIZE))
			return -1;
	memcpy(x->in + x->in_end, p, n);
	x->in_end += n;
	return 0;
}

size_t exchange_in_first(struct exchange *x, const char *p, size_t n)
{
	if (n > x->in_cap) {
		/* Without an end, the rest of the head is kept behind this part of it. */
		const char *end = memmem(p, x->in_cap, "\r\n\r\n", 4);
		n = end ? (size_t)(end + 4 - p) : x->in_cap;
	}
	memcpy(x->in, p, n);
	x->in_end = n;
	return n;
}

char *exchange_in_room(struct exchange *x, size_t *room)
{
	if (x->in_end == x->in_cap && x->state == EXCHANGE_HEAD)
		exchange_in_grow(x, x->proxy->request_limits.head + EXCHANGE_IN_SIZE);
	*room = x->in_cap - x->in_end;
	return *room ? x->in + x->in_end : NULL;
}

static void exchange_count_begin(struct exchange *x)
{
	x->conn->requests++;
	x->proxy->stats->requests_active++;
	x->proxy->stats->requests++;
}

static void exchange_parse(struct exchange *x)
{
	const struct route_table *routes = x->proxy->routes;
	struct route_ahead ahead;
	size_t used;

	route_table_ahead(routes, (struct str){ x->in + x->in_pos, x->in_end - x->in_pos }, &ahead);
	switch (parse_head(&x->parser, x->in + x->in_pos, x->in_end - x->in_pos, &used)) {
	case PARSE_MORE:
		x->in_pos += used;
		if (x->conn->eof) {
			exchange_drop(x, END_CLIENT_GONE);
			break;
		}
		if (x->conn->wait != CONN_WAIT_HEAD)
			conn_wait(x->conn, CONN_WAIT_HEAD, x->proxy->config->timeouts.header);
		break;
	case PARSE_DONE:
		route_table_ahead_more(routes, &ahead);
		x->in_pos += used;
		exchange_count_begin(x);
		if (x->conn->wait != CONN_WAIT_NONE)
			conn_wait(x->conn, CONN_WAIT_NONE, 0);
		exchange_route(x);
		break;
	case PARSE_ERROR:
		exchange_count_begin(x);
		x->client_close = true;
		exchange_fail(x, x->parser.reason, x->parser.why);
		break;
	}
}

void exchange_on_input(struct exchange *x)
{
	struct conn *c = x->conn;
	bool outermost = !c->running;

	c->running = true;
	if (x->state == EXCHANGE_HEAD)
		exchange_parse(x);
	if (!outermost)
		return;
	/* Requests that were read together, answered at once, are run here in a loop. */
	while (c->again && c->x && c->x->state == EXCHANGE_HEAD) {
		c->again = false;
		exchange_parse(c->x);
	}
	c->running = false;
}

void exchange_on_client_end(struct exchange *x, int status)
{
	/* Whole requests that came before the end are answered too. */
	if (status || !x->body_done || x->in_pos == x->in_end)
		x->client_close = true;
	if (x->tunnel) {
		if (status == 0)
			tunnel_on_client_end(x);
		else
			exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	/* A request that will never be whole, or a client that is gone altogether.  A client that
	 * only ended its side still wants its answer, but looks like one that left, which keeps no
	 * place in a queue. */
	if (status || x->state == EXCHANGE_HEAD || !x->body_done || exchange_is_queued(x))
		exchange_drop(x, END_CLIENT_GONE);
}

void exchange_on_client_timeout(struct exchange *x)
{
	x->client_close = true;
	switch ((enum conn_wait)x->conn->wait) {
	case CONN_WAIT_HEAD:
		exchange_count_begin(x);
		exchange_fail(x, END_REQUEST_TIMEOUT, "head (timeout.header)");
		break;
	case CONN_WAIT_BODY:
		exchange_drop_upstream(x, true);
		exchange_fail(x, END_REQUEST_TIMEOUT, "body (timeout.body)");
		break;
	case CONN_WAIT_TUNNEL:
		exchange_drop(x, END_OK);
		break;
	default:
		exchange_drop(x, END_CLIENT_SLOW);
		break;
	}
}

/* The sixteen hexadecimal digits of a number: each of its four-bit groups goes into a byte of its
 * own, and all eight bytes become digits at once. */
static void exchange_put_hex(char *to, uint64_t value)
{
	const uint64_t ones = 0x0101010101010101u;

	for (int i = 0; i < 2; i++, value >>= 32, to += 8) {
		uint64_t x = value & 0xffffffff;
		x = (x | x << 16) & 0x0000ffff0000ffffu;
		x = (x | x << 8) & 0x00ff00ff00ff00ffu;
		x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
		uint64_t letters = (x + 6 * ones) >> 4 & ones;
		x += '0' * ones + letters * ('a' - '0' - 10);
		memcpy(to, &x, sizeof(x));
	}
}

void exchange_make_id(struct exchange *x)
{
	exchange_put_hex(x->request_id, rand_u64(&x->proxy->rand));
	exchange_put_hex(x->request_id + 16, rand_u64(&x->proxy->rand));
	x->request_id[32] = '\0';
	x->request_id_n = 32;
}

void exchange_fail(struct exchange *x, enum end_reason reason, const char *why)
{
	if (x->state >= EXCHANGE_LOG)
		return;
	if (x->why == NULL)
		x->why = why;
	x->waiting = false;
	exchange_drop_upstream(x, true);
	if (x->head_sent || end_reason_table[reason].status == 0) {
		/* What has begun cannot be taken back: it is cut, so that the client sees it. */
		exchange_drop(x, reason);
		return;
	}
	x->reason = reason;
	respond_problem(x, reason, NULL);
}

void exchange_drop(struct exchange *x, enum end_reason reason)
{
	if (x->state >= EXCHANGE_LOG)
		return;
	x->reason = reason;
	x->waiting = false;
	exchange_drop_upstream(x, true);
	/* A body that ends with the connection is only seen to be cut when it is reset. */
	bool delimited = x->send_chunked || x->res.framing == FRAMING_LENGTH;
	conn_close(x->conn, x->head_sent && reason != END_OK && !delimited);
}

static void exchange_count(struct exchange *x, uint64_t us)
{
	struct slab *slab = x->proxy->slab;
	unsigned class = x->status / 100u;

	slab->header->ended[x->reason]++;
	slab->header->requests_active--;
	slab->header->tunnels_open -= x->tunnel;
	if (!x->chain)
		return;
	struct slab_ended ended = { .route = x->route,
				    .status_class = class < SLAB_STATUS_CLASSES ? class : 0,
				    .bytes_in = x->bytes_in,
				    .bytes_out = x->bytes_out,
				    .us = us };
	slab_add_ended(slab, &ended);
}

void exchange_end(struct exchange *x)
{
	if (x->state >= EXCHANGE_LOG)
		return;
	exchange_drop_upstream(x, true);
	if (x->gate)
		queue_leave(x);
	if (x->trial)
		admit_leave(x);
	exchange_wait(x, WAIT_NONE, 0);
	if (x->request_id_n == 0)
		exchange_make_id(x);
	if (x->state == EXCHANGE_HEAD) {
		/* The connection ended in the middle of a head. */
		exchange_count_begin(x);
		if (x->reason == END_OK)
			x->reason = END_CLIENT_GONE;
	}
	exchange_enter(x, EXCHANGE_LOG);
	uint64_t us = (clock_mono_ns() - x->started_ns) / 1000;
	host_cancel_all(x);
	list_remove(&x->later);
	exchange_count(x, us);
	if (x->proxy->log.on)
		access_log_add(&x->proxy->log, x, us);
	if (x->chain && x->chain->count[CHAIN_ON_END]) {
		struct gh_end end = { .size = sizeof(end),
				      .status = x->status,
				      .reason = end_reason_table[x->reason].word,
				      .duration_us = us,
				      .bytes_in = x->bytes_in,
				      .bytes_out = x->bytes_out };
		hooks_run_end(x, &end);
	}
	host_cancel_all(x);
	list_remove(&x->later);
	exchange_in_forget(x);
	deadline_clear(&x->deadline);
	if (x->endpoint) {
		x->endpoint->active--;
		endpoint_unref(x->endpoint);
		x->endpoint = NULL;
	}
	splices_give_back(&x->proxy->splices, x->splice);
	x->splice = NULL;
	buf_fini(&x->collected);
	buf_fini(&x->reply_queue);
	exchange_enter(x, EXCHANGE_DONE);
}
