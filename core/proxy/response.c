/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/response.h"

#include <stdlib.h>

#include "config/gateway.h"
#include "proxy/admit.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hedge.h"
#include "proxy/hooks.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/respond.h"
#include "proxy/tunnel.h"

enum { RESPONSE_HOLD_MIN = 4096 };

void response_expect(struct exchange *x)
{
	x->upstream_ns = clock_mono_ns();
	upconn_asks(x->up);
	response_expect_asked(x);
}

void response_expect_asked(struct exchange *x)
{
	x->response = RESPONSE_HEAD;
	x->hold_n = x->hold_at = 0;
	head_reset(&x->res);
	parse_start(&x->res_parser, PARSE_RESPONSE, &x->res, &x->proxy->response_limits);
}

/* Keeps bytes that cannot be dealt with at once; slices into them follow.  -1: no memory. */
static int response_hold(struct exchange *x, const char *p, size_t n)
{
	if (x->hold_n + n > x->hold_cap) {
		size_t cap = x->hold_cap ? x->hold_cap : RESPONSE_HOLD_MIN;
		while (cap < x->hold_n + n)
			cap *= 2;
		char *hold = malloc(cap);
		if (!hold)
			return -1;
		if (x->hold_n) {
			memcpy(hold, x->hold, x->hold_n);
			head_rebase(&x->res, x->hold, x->hold_n, hold);
			head_rebase_str(&x->res_parser.joined, x->hold, x->hold_n, hold);
		}
		x->proxy->stats->buffers_bytes += (int64_t)(cap - x->hold_cap);
		free(x->hold);
		x->hold = hold;
		x->hold_cap = cap;
	}
	char *to = x->hold + x->hold_n;
	memcpy(to, p, n);
	head_rebase(&x->res, p, n, to);
	head_rebase_str(&x->res_parser.joined, p, n, to);
	x->hold_n += n;
	return 0;
}

static void response_suspend(struct exchange *x);

void response_bad(struct exchange *x, enum end_reason reason, const char *why)
{
	exchange_count_failure(x, reason);
	exchange_drop_upstream(x, true);
	exchange_fail(x, reason, why);
}

bool response_owes_continue(const struct exchange *x)
{
	return x->req.expect_continue && !x->is_collected && !x->body_started && !x->continued &&
	       x->response == RESPONSE_HEAD;
}

void response_wait_head(struct exchange *x)
{
	uint64_t own = x->chain->response_ms;

	exchange_wait(x, WAIT_RESPONSE, own ? own : x->service->response_ms);
	if (x->service->hedging)
		hedge_wait(x);
}

void response_wait(struct exchange *x)
{
	if (x->request_sent || x->up->out.busy || response_owes_continue(x))
		response_wait_head(x);
	else
		exchange_wait(x, WAIT_NONE, 0);
}

/* 1xx: to clients that know them; what else there is comes behind it.  False: ended or held. */
static bool response_interim(struct exchange *x)
{
	bool wanted = x->req.minor == 1 && (x->res.status != 100 || x->req.expect_continue);

	if (++x->interim > INTERIM_MAX) {
		response_bad(x, END_TOO_MANY_INTERIM, NULL);
		return false;
	}
	x->continued |= x->res.status == 100;
	if (wanted && !x->down.busy) {
		respond_build_interim(x);
		x->proxy->stats->interim++;
		uv_buf_t head = uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n);
		int r = flow_send(&x->down, &x->conn->u.stream, &head, 1);
		if (r < 0) {
			exchange_drop(x, END_CLIENT_GONE);
			return false;
		}
		if (r == 0)
			conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
		else if (x->res.status == 100)
			response_resume(x);
	}
	head_reset(&x->res);
	parse_start(&x->res_parser, PARSE_RESPONSE, &x->res, &x->proxy->response_limits);
	response_wait(x);
	return true;
}

/* Of the answers, those by which a service says that it cannot do its work. */
static void response_count(struct exchange *x)
{
	bool failed = x->res.status >= 502 && x->res.status <= 504;

	if (failed)
		slab_endpoint_failed(x->endpoint->counts, false);
	else
		slab_endpoint_ok(x->endpoint->counts);
	admit_result(x, !failed);
}

static void response_switch(struct exchange *x, char *rest, size_t n)
{
	if (!x->req.upgrade || !x->res.upgrade ||
	    !field_list_has(x->req.upgrade_to, x->res.upgrade_to)) {
		response_bad(x, END_BAD_RESPONSE, "101 that was not asked for");
		return;
	}
	if (x->down.busy) {
		exchange_drop(x, END_CLIENT_SLOW);
		return;
	}
	respond_build_interim(x);
	x->status = 101;
	x->upstream_us = (clock_mono_ns() - x->upstream_ns) / 1000;
	x->head_sent = true;
	response_count(x);
	tunnel_begin(x, rest, n);
}

static void response_final(struct exchange *x)
{
	struct slab_service *m = x->service->metrics;
	unsigned class = x->res.status / 100u;

	x->upstream_us = (clock_mono_ns() - x->upstream_ns) / 1000;
	m->requests[class < SLAB_STATUS_CLASSES ? class : 0]++;
	slab_observe(&m->duration, x->upstream_us);
	response_count(x);
	x->res_left = x->res.framing == FRAMING_LENGTH ? x->res.length : 0;
	x->no_body = x->res.framing == FRAMING_NONE;
	x->upstream_keep = !x->res.close;
	x->status = x->res.status;
}

void response_begin(struct exchange *x)
{
	if (x->down.busy) {
		x->begin_later = true;
		if (x->res_rest.p)
			response_suspend(x);
		return;
	}
	bool here = x->res_rest.p != NULL;
	char *rest = here ? (char *)(uintptr_t)x->res_rest.p : x->hold + x->hold_at;
	size_t n = here ? x->res_rest.n : x->hold_n - x->hold_at;

	x->res_rest = (struct str){ NULL, 0 };
	x->hold_n = x->hold_at = 0;
	respond_build_relayed(x);
	if (x->proxy->head.failed) {
		exchange_fail(x, END_INTERNAL, "head to the client over its limit");
		return;
	}
	x->response = RESPONSE_BODY;
	if (x->up)
		upconn_resume(x->up);
	relay_response(x, rest, n, true);
}

/* Hooks, and what they leave running, may look at the head until the request ends, when other
 * bytes are in the read buffer. */
static int response_keep_head(struct exchange *x, const char *rest)
{
	const struct plugin_chain *chain = x->chain;
	size_t head = x->res_parser.head_bytes;

	if (x->hold_n ||
	    !(chain->count[CHAIN_ON_RESPONSE] || chain->count[CHAIN_ON_RESPONSE_BODY] ||
	      chain->count[CHAIN_ON_END] || x->timer_count || x->call_count))
		return 0;
	return response_hold(x, rest - head, head);
}

/* A whole head; rest is what came behind it.  Returns the bytes of rest that are still to be
 * parsed as a head (after an interim response), 0 otherwise. */
static size_t response_on_head(struct exchange *x, char *rest, size_t n)
{
	const char *why = NULL;
	enum end_reason reason = head_response_check(&x->res, x->req.method_id == HTTP_HEAD, &why);

	if (reason != END_OK) {
		response_bad(x, reason, why);
		return 0;
	}
	if (x->res.status == 101) {
		response_switch(x, rest, n);
		return 0;
	}
	if (x->res.status < 200)
		return response_interim(x) ? n : 0;
	response_final(x);
	exchange_wait(x, WAIT_NONE, 0);
	x->res_rest = (struct str){ rest, n };
	if (response_keep_head(x, rest)) {
		response_bad(x, END_INTERNAL, "out of memory");
		return 0;
	}
	if (!hooks_run_response(x)) {
		/* Else this exchange has ended, and x may be the next one already. */
		if (x->waiting && x->phase == PHASE_RESPONSE && x->res_rest.p == rest)
			response_suspend(x);
		return 0;
	}
	response_begin(x);
	return 0;
}

/* Feeds head bytes until a final head is there or the bytes end. */
static void response_head(struct exchange *x, char *p, size_t n)
{
	while (n) {
		size_t used;
		enum parse_outcome outcome = parse_head(&x->res_parser, p, n, &used);
		if (outcome == PARSE_ERROR) {
			response_bad(x, x->res_parser.reason, x->res_parser.why);
			return;
		}
		if (outcome == PARSE_MORE) {
			bool held = x->hold_n && p >= x->hold && p < x->hold + x->hold_n;
			if (!held && response_hold(x, p, n))
				response_bad(x, END_INTERNAL, "out of memory");
			return;
		}
		p += used;
		n = response_on_head(x, p, n - used);
	}
}

/* Keeps the head and what came behind it until response_begin(). */
static void response_suspend(struct exchange *x)
{
	struct str rest = x->res_rest;
	size_t head = x->res_parser.head_bytes;

	if (x->up)
		upconn_pause(x->up);
	if (x->hold_n && rest.p >= x->hold && rest.p <= x->hold + x->hold_n) {
		x->hold_at = (size_t)(rest.p - x->hold);
		x->res_rest = (struct str){ NULL, 0 };
		return;
	}
	x->res_rest = (struct str){ NULL, 0 };
	/* The head may be there already. */
	size_t from = x->hold_n ? 0 : head;
	if (response_hold(x, rest.p - from, from + rest.n)) {
		x->waiting = false;
		exchange_fail(x, END_INTERNAL, "out of memory");
		return;
	}
	x->hold_at = head;
}

void response_resume(struct exchange *x)
{
	if (x->begin_later) {
		x->begin_later = false;
		response_begin(x);
	} else if (x->response == RESPONSE_HEAD && !x->body_done && x->conn->reading &&
		   !response_owes_continue(x)) {
		conn_wait(x->conn, CONN_WAIT_BODY, x->proxy->config->timeouts.body);
	} else if (x->response == RESPONSE_BODY && x->up) {
		exchange_wait(x, WAIT_STALL, x->proxy->config->timeouts.stall);
		upconn_resume(x->up);
	}
}

void response_on_data(void *owner, char *p, size_t n)
{
	struct exchange *x = owner;

	if (x->tunnel) {
		tunnel_on_upstream_data(x, p, n);
		return;
	}
	switch (x->response) {
	case RESPONSE_NONE:
		response_bad(x, END_RESPONSE_UNREQUESTED, NULL);
		break;
	case RESPONSE_HEAD:
		if (x->hedge)
			hedge_drop(x);
		if (x->hold_n) {
			size_t at = x->hold_n;
			if (response_hold(x, p, n))
				response_bad(x, END_INTERNAL, "out of memory");
			else
				response_head(x, x->hold + at, n);
		} else {
			response_head(x, p, n);
		}
		break;
	case RESPONSE_BODY:
		relay_response(x, p, n, false);
		break;
	case RESPONSE_DONE:
		x->upstream_keep = false;
		break;
	}
}

void response_on_end(void *owner, int status)
{
	struct exchange *x = owner;

	if (x->tunnel) {
		tunnel_on_upstream_end(x, status);
		return;
	}
	if (x->response == RESPONSE_BODY) {
		if (x->res.framing == FRAMING_CLOSE && status == UV_EOF) {
			relay_response_close_end(x);
			return;
		}
		response_bad(x, END_UPSTREAM_CUT, NULL);
		return;
	}
	if (status == UPCONN_UNASKED)
		exchange_retry_or_fail(x, END_RESPONSE_UNREQUESTED, NULL);
	else if (x->response == RESPONSE_HEAD && x->res_parser.head_bytes)
		exchange_retry_or_fail(x, END_UPSTREAM_CLOSED_HEAD, NULL);
	else
		exchange_retry_or_fail(
			x, status == UV_EOF ? END_UPSTREAM_CLOSED : END_UPSTREAM_RESET, NULL);
}
