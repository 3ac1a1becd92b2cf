/* SPDX-License-Identifier: Apache-2.0 */
/* The request on its way from the client to the service. */
#include <stdio.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/forward.h"
#include "proxy/hooks.h"
#include "proxy/proxy.h"
#include "proxy/relay_parts.h"
#include "proxy/response.h"
#include "proxy/tunnel.h"

size_t relay_request_room(const struct exchange *x)
{
	if (x->tunnel)
		return x->up && !x->up->out.busy && x->in_pos == x->in_end ? RBUF_SIZE : 0;
	if (x->body_done || x->in_pos < x->in_end)
		return 0;
	if (!x->collecting && (x->state != EXCHANGE_RELAY || !x->up || !x->sent || x->up->out.busy))
		return 0;
	if (x->req.framing == FRAMING_LENGTH)
		return x->body_left < RBUF_SIZE ? (size_t)x->body_left : RBUF_SIZE;
	return RBUF_SIZE;
}

/* Takes body bytes out of [p, p + n): *used of them, and the piece they carry.  0, or -1 when the
 * exchange was ended. */
static int relay_decode_request(struct exchange *x, char *p, size_t n, size_t *used,
				struct relay_piece *piece)
{
	*piece = (struct relay_piece){ NULL, 0 };
	if (x->req.framing == FRAMING_LENGTH) {
		*used = n < x->body_left ? n : (size_t)x->body_left;
		*piece = (struct relay_piece){ p, *used };
		x->body_left -= *used;
		x->body_done = x->body_left == 0;
	} else {
		if (!x->parser.in_body)
			parse_body_start(&x->parser, NULL, relay_on_piece, piece);
		x->parser.arg = piece;
		switch (parse_chunked(&x->parser, p, n, used)) {
		case PARSE_MORE:
			break;
		case PARSE_DONE:
			x->body_done = true;
			break;
		case PARSE_ERROR:
			x->client_close = true;
			exchange_fail(x, x->parser.reason, x->parser.why);
			return -1;
		}
	}
	if (*used)
		x->body_started = true;
	x->bytes_in += piece->n;
	if (x->body_max && x->bytes_in > x->body_max) {
		x->client_close = true;
		exchange_fail(x, END_BODY_TOO_LARGE, "limits.body");
		return -1;
	}
	return 0;
}

/* A client that sends its body a few bytes at a time holds a connection for nothing. */
static bool relay_body_too_slow(struct exchange *x)
{
	const struct config_limits *limits = &x->proxy->config->limits;
	uint64_t now = uv_now(x->proxy->loop);

	if (!x->body_start_ms)
		x->body_start_ms = now;
	uint64_t ms = now - x->body_start_ms;
	if (!limits->body_rate_min || ms <= limits->body_rate_grace)
		return false;
	return x->bytes_in * 1000 < limits->body_rate_min * ms;
}

/* Waits for more of the body, or stops reading when it is complete; x may be over afterwards. */
static void relay_want_body(struct exchange *x)
{
	if (x->body_done) {
		if (x->conn->wait == CONN_WAIT_BODY)
			conn_wait(x->conn, CONN_WAIT_NONE, 0);
		return;
	}
	/* It ended behind this part of the body, while a request before this one was in hand. */
	if (x->conn->eof) {
		exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (x->conn->wait != CONN_WAIT_WRITE && !response_owes_continue(x))
		conn_wait(x->conn, CONN_WAIT_BODY, x->proxy->config->timeouts.body);
	conn_read(x->conn);
}

/* Head and body as one piece, which costs the kernel less than two; absent when they cannot be.
 * The head goes in front of a body that lies in the read buffer, over the request's own head, which
 * is kept elsewhere; a short body goes behind it. */
static struct str relay_join_request(struct exchange *x, struct buf *head,
				     const struct gh_body *body)
{
	char *joined = rbufs_put_before(&x->proxy->rbufs, body->data, buf_str(head));

	if (joined)
		return (struct str){ joined, head->n + body->n };
	if (body->n > RELAY_JOIN_MAX || !buf_room(head, body->n))
		return (struct str){ NULL, 0 };
	buf_append(head, body->data, body->n);
	return buf_str(head);
}

static int relay_send_request(struct exchange *x, struct buf *head, struct gh_body *body)
{
	char size[RELAY_SIZE_LINE];
	uv_buf_t bufs[4];
	unsigned n = 0;

	if (head && body->n && !x->forward_chunked) {
		struct str joined = relay_join_request(x, head, body);
		if (joined.p) {
			bufs[0] = uv_buf_init((char *)(uintptr_t)joined.p, (unsigned)joined.n);
			return upconn_send(x->up, bufs, 1);
		}
	}
	if (head)
		bufs[n++] = uv_buf_init(head->p, (unsigned)head->n);
	if (x->forward_chunked && body->n) {
		int k = snprintf(size, sizeof(size), "%zx\r\n", body->n);
		bufs[n++] = uv_buf_init(size, (unsigned)k);
	}
	if (body->n)
		bufs[n++] = uv_buf_init((char *)(uintptr_t)body->data, (unsigned)body->n);
	if (x->forward_chunked && body->last)
		bufs[n++] = body->n ? uv_buf_init((char *)"\r\n0\r\n\r\n", 7) :
				      uv_buf_init((char *)"0\r\n\r\n", 5);
	else if (x->forward_chunked && body->n)
		bufs[n++] = uv_buf_init((char *)"\r\n", 2);
	return n ? upconn_send(x->up, bufs, n) : 1;
}

/* Sends a piece on and decides what to read next. */
static void relay_pass_request(struct exchange *x, struct buf *head, struct gh_body *body)
{
	int r = relay_send_request(x, head, body);

	if (body->last)
		x->request_sent = true;
	/* It is the service that keeps the client from sending more. */
	if (r <= 0 && x->conn->wait == CONN_WAIT_BODY)
		conn_wait(x->conn, CONN_WAIT_NONE, 0);
	if (r < 0) {
		/* The service no longer reads.  It may have answered already: its bytes, or the end
		 * of the connection, will tell. */
		conn_pause(x->conn);
		response_wait_head(x);
		return;
	}
	if (r == 0)
		conn_pause(x->conn);
	else
		relay_want_body(x);
	if (x->state >= EXCHANGE_LOG)
		return;
	if (x->response == RESPONSE_HEAD && (x->request_sent || r == 0 || x->req.expect_continue))
		response_wait(x);
}

static void relay_collect(struct exchange *x, const struct relay_piece *piece)
{
	buf_append(&x->collected, piece->p, piece->n);
	if (x->collected.failed || x->collected.n > x->collect_max) {
		x->client_close = true;
		exchange_fail(x, END_BODY_TOO_LARGE, "gh_read_body()");
		return;
	}
	relay_want_body(x);
	if (!x->body_done)
		return;
	x->collecting = false;
	x->is_collected = true;
	hooks_callback_begin(x, x->collect_use);
	x->collect_cb(exchange_request(x), x->collect_arg,
		      (struct gh_str){ x->collected.p ? x->collected.p : "", x->collected.n });
	hooks_callback_end(x);
}

/* A request that has no body cannot be given one. */
static bool relay_hooks_see_body(const struct exchange *x)
{
	return x->chain->count[CHAIN_ON_REQUEST_BODY] && x->req.framing != FRAMING_NONE;
}

/* A decoded piece on its way: collected, or through the hooks to the service. */
static void relay_deliver(struct exchange *x, const struct relay_piece *piece, struct buf *head)
{
	if (relay_body_too_slow(x)) {
		x->client_close = true;
		exchange_fail(x, END_REQUEST_TIMEOUT, "limits.body_rate_min");
		return;
	}
	if (x->collecting) {
		relay_collect(x, piece);
		return;
	}
	struct gh_body body = { .data = piece->p, .n = piece->n, .last = x->body_done };
	if (relay_hooks_see_body(x) && (body.n || body.last) && !hooks_run_request_body(x, &body))
		return;
	relay_pass_request(x, head, &body);
}

void relay_request(struct exchange *x, char *p, size_t n)
{
	struct relay_piece piece;
	size_t used;

	if (x->tunnel) {
		tunnel_on_client_data(x, p, n);
		return;
	}
	if (relay_decode_request(x, p, n, &used, &piece))
		return;
	/* What stands behind a chunked body is the next request's. */
	if (used < n && exchange_in_append(x, p + used, n - used))
		x->client_close = true;
	relay_deliver(x, &piece, NULL);
}

/* The body bytes that were read together with the head, or before there was a connection. */
static void relay_take_in(struct exchange *x, struct buf *head)
{
	struct relay_piece piece = { NULL, 0 };
	struct str *ahead = &x->conn->ahead;
	size_t used = 0;

	if (!x->body_done && x->in_pos == x->in_end && ahead->n) {
		/* Straight from the read buffer. */
		if (relay_decode_request(x, (char *)(uintptr_t)ahead->p, ahead->n, &used, &piece))
			return;
		*ahead = (struct str){ ahead->p + used, ahead->n - used };
		conn_keep_ahead(x->conn);
		if (x->state >= EXCHANGE_LOG)
			return;
	} else if (!x->body_done) {
		if (relay_decode_request(x, x->in + x->in_pos, x->in_end - x->in_pos, &used,
					 &piece))
			return;
		x->in_pos += used;
	}
	relay_deliver(x, &piece, head);
}

void relay_collect_begin(struct exchange *x)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	x->collect_begun = true;
	if (x->req.expect_continue && !x->body_done && !x->down.busy) {
		/* No service is asked yet: the gateway itself wants the body. */
		uv_buf_t buf = uv_buf_init((char *)(uintptr_t)go_on, sizeof(go_on) - 1);
		flow_send(&x->down, &x->conn->u.stream, &buf, 1);
	}
	if (x->body_done || x->in_pos < x->in_end || x->conn->ahead.n) {
		relay_take_in(x, NULL);
		return;
	}
	relay_want_body(x);
}

void relay_request_begin(struct exchange *x)
{
	exchange_enter(x, EXCHANGE_RELAY);
	x->sent = true;
	response_expect(x);
	forward_build(x);
	if (x->proxy->head.failed) {
		exchange_fail(x, END_INTERNAL, "head to the service over its limit");
		return;
	}
	if (!x->is_collected) {
		if (x->req.framing == FRAMING_LENGTH && !x->body_started)
			x->body_at = x->in_pos;
		relay_take_in(x, &x->proxy->head);
		return;
	}
	struct gh_body body = { .data = x->collected.p, .n = x->collected.n, .last = 1 };
	if (relay_hooks_see_body(x) && !hooks_run_request_body(x, &body))
		return;
	relay_pass_request(x, &x->proxy->head, &body);
}

void relay_request_on_sent(struct exchange *x, int status)
{
	if (x->tunnel) {
		tunnel_on_sent(x);
		return;
	}
	if (status < 0 || x->body_done)
		return;
	if (x->response == RESPONSE_HEAD)
		exchange_wait(x, WAIT_NONE, 0);
	if (x->in_pos < x->in_end)
		relay_take_in(x, NULL);
	else
		relay_want_body(x);
}

/* Whole inside in, as it came: it can be sent again from there. */
static bool relay_body_in_hand(const struct exchange *x)
{
	return x->req.framing == FRAMING_LENGTH && x->body_at &&
	       x->in_end - x->body_at >= x->req.length;
}

bool relay_can_replay(const struct exchange *x)
{
	return x->req.framing == FRAMING_NONE || x->is_collected || !x->body_started ||
	       relay_body_in_hand(x);
}

void relay_replay(struct exchange *x)
{
	x->request_sent = false;
	x->response = RESPONSE_NONE;
	if (x->is_collected || !x->body_started)
		return;
	x->in_pos = x->body_at;
	x->body_left = x->req.length;
	x->body_done = false;
	x->body_started = false;
	x->bytes_in = 0;
}

void relay_skip_body(struct exchange *x)
{
	conn_keep_ahead(x->conn);
	if (x->body_done || x->req.framing != FRAMING_LENGTH ||
	    x->body_left > x->in_end - x->in_pos)
		return;
	x->in_pos += (size_t)x->body_left;
	x->body_left = 0;
	x->body_done = true;
}
