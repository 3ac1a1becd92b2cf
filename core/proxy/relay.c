/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/forward.h"
#include "proxy/hooks.h"
#include "proxy/proxy.h"
#include "proxy/respond.h"
#include "proxy/response.h"
#include "proxy/tunnel.h"

enum {
	RELAY_SIZE_LINE = 24,
	RELAY_JOIN_MAX = 2048, /* a body as short as that costs less to copy than to gather */
	RELAY_SPLICE_MIN = 16 * 1024,
	RELAY_SPLICE_MAX = 512 * 1024,
	RELAY_SPLICE_WAIT = 4096 /* of what is in the pipe, to be told when the client takes more */
};

/* Decoded pieces of one read are moved together in place, so that they go on as one chunk. */
struct relay_piece {
	char *p;
	size_t n;
};

static void relay_on_piece(void *arg, struct str s)
{
	struct relay_piece *piece = arg;

	if (!piece->p)
		piece->p = (char *)(uintptr_t)s.p;
	else if (piece->p + piece->n != s.p)
		memmove(piece->p + piece->n, s.p, s.n);
	piece->n += s.n;
}

/* ---- client to service ---- */

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

static int relay_send_request(struct exchange *x, struct buf *head, struct gh_body *body)
{
	char size[RELAY_SIZE_LINE];
	uv_buf_t bufs[4];
	unsigned n = 0;

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
		exchange_wait(x, WAIT_RESPONSE, x->service->response_ms);
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
	return x->chain->on_request_body_count && x->req.framing != FRAMING_NONE;
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

/* ---- service to client ---- */

void relay_response_over(struct exchange *x)
{
	struct conn *c = x->conn;

	if (!x->body_done)
		x->client_close = true;
	bool close = x->client_close;
	if (c->wait != CONN_WAIT_NONE)
		conn_wait(c, CONN_WAIT_NONE, 0);
	exchange_end(x);
	conn_next(c, close);
}

/* The last byte has come from the service: its connection is free for others. */
static void relay_response_done(struct exchange *x, size_t extra)
{
	bool close_end = x->res.framing == FRAMING_CLOSE;

	x->response = RESPONSE_DONE;
	x->response_over = true;
	exchange_wait(x, WAIT_NONE, 0);
	if (x->up && x->upstream_keep && x->request_sent && !extra && !x->up->out.busy)
		upconn_release(&x->up);
	else if (x->up)
		upconn_close(&x->up, !close_end && !x->request_sent);
	if (!x->body_done) {
		/* An early answer: the rest of the request is not wanted any more. */
		x->client_close = true;
		conn_pause(x->conn);
	}
}

/* Takes body bytes; *used of them, and the piece they carry; *last when it was the last. */
static int relay_decode_response(struct exchange *x, char *p, size_t n, size_t *used,
				 struct relay_piece *piece, bool *last)
{
	*piece = (struct relay_piece){ p, n };
	*used = n;
	switch (x->res.framing) {
	case FRAMING_NONE:
		piece->n = *used = 0;
		*last = true;
		return 0;
	case FRAMING_LENGTH:
		if (n > x->res_left)
			piece->n = *used = (size_t)x->res_left;
		x->res_left -= piece->n;
		*last = x->res_left == 0;
		return 0;
	case FRAMING_CLOSE:
		*last = false;
		return 0;
	case FRAMING_CHUNKED:
		break;
	}
	*piece = (struct relay_piece){ NULL, 0 };
	if (!x->res_parser.in_body)
		parse_body_start(&x->res_parser, x->req.te_trailers ? &x->trailers : NULL,
				 relay_on_piece, piece);
	x->res_parser.arg = piece;
	enum parse_outcome outcome = parse_chunked(&x->res_parser, p, n, used);
	*last = outcome == PARSE_DONE;
	if (outcome != PARSE_ERROR && !x->trailers.failed)
		return 0;
	x->why = x->res_parser.why;
	return -1;
}

/* The framing around a piece on its way to the client. */
static unsigned relay_frame(struct exchange *x, const struct gh_body *body, char *size,
			    uv_buf_t *bufs, unsigned n)
{
	bool trailers = body->last && x->trailers.n;

	if (x->send_chunked && body->n) {
		int k = snprintf(size, RELAY_SIZE_LINE, "%zx\r\n", body->n);
		bufs[n++] = uv_buf_init(size, (unsigned)k);
	}
	if (body->n)
		bufs[n++] = uv_buf_init((char *)(uintptr_t)body->data, (unsigned)body->n);
	if (!x->send_chunked)
		return n;
	if (body->n)
		bufs[n++] = uv_buf_init((char *)"\r\n", 2);
	if (!body->last)
		return n;
	bufs[n++] = uv_buf_init((char *)"0\r\n", 3);
	if (trailers)
		bufs[n++] = uv_buf_init(x->trailers.p, (unsigned)x->trailers.n);
	bufs[n++] = uv_buf_init((char *)"\r\n", 2);
	return n;
}

static void relay_send_response(struct exchange *x, const struct gh_body *body, bool with_head)
{
	char size[RELAY_SIZE_LINE];
	uv_buf_t bufs[FLOW_BUFS_MAX];
	unsigned n = 0;
	struct conn *c = x->conn;

	if (with_head)
		bufs[n++] = uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n);
	x->head_sent = true;
	if (with_head && body->n <= RELAY_JOIN_MAX && !x->no_body && !x->send_chunked &&
	    buf_room(&x->proxy->head, body->n)) {
		buf_append(&x->proxy->head, body->data, body->n);
		bufs[0] = uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n);
		n = 1;
	} else if (!x->no_body) {
		n = relay_frame(x, body, size, bufs, n);
	}
	x->bytes_out += x->no_body ? 0 : body->n;
	int r = n ? flow_send(&x->down, &c->u.stream, bufs, n) : 1;
	if (r < 0) {
		exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (r == 0) {
		if (x->up)
			upconn_pause(x->up);
		exchange_wait(x, WAIT_NONE, 0);
		conn_wait(c, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
		return;
	}
	if (x->response_over)
		relay_response_over(x);
	else
		exchange_wait(x, WAIT_STALL, x->proxy->config->timeouts.stall);
}

void relay_response(struct exchange *x, char *p, size_t n, bool with_head)
{
	struct relay_piece piece;
	size_t used;
	bool last = false;

	if (relay_decode_response(x, p, n, &used, &piece, &last)) {
		exchange_drop_upstream(x, true);
		exchange_count_failure(x, END_BAD_RESPONSE_FRAMING);
		exchange_fail(x, END_BAD_RESPONSE_FRAMING, NULL);
		return;
	}
	struct gh_body body = { .data = piece.p, .n = piece.n, .last = last };
	if (x->chain->on_response_body_count && (body.n || last) && !x->no_body &&
	    !hooks_run_response_body(x, &body))
		return;
	if (last)
		relay_response_done(x, n - used);
	relay_send_response(x, &body, with_head);
}

bool relay_wants_splice(void *arg)
{
	struct exchange *x = arg;

	return x->response == RESPONSE_BODY && x->res_left >= RELAY_SPLICE_MIN &&
	       !x->send_chunked && !x->no_body && !x->tunnel && !x->down.busy &&
	       !x->chain->on_response_body_count &&
	       (x->splice || (x->splice = splices_take(&x->proxy->splices)));
}

/* The client is slower than the service: the pipe holds the rest, and reading stops.  Its first
 * bytes are taken out and written as any others, since that tells when there is room again. */
static void relay_hold_spliced(struct exchange *x)
{
	size_t n = x->splice->filled < RELAY_SPLICE_WAIT ? x->splice->filled : RELAY_SPLICE_WAIT;
	char *bytes = malloc(n);

	if (!bytes) {
		exchange_drop(x, END_INTERNAL);
		return;
	}
	splice_take(x->splice, bytes, n);
	if (flow_send_heap(&x->down, &x->conn->u.stream, bytes, n)) {
		exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (x->up)
		upconn_pause(x->up);
	exchange_wait(x, WAIT_NONE, 0);
	conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
}

static void relay_spliced(struct exchange *x, size_t taken)
{
	x->res_left -= taken;
	x->bytes_out += taken;
	x->proxy->stats->bytes_sent += taken - x->splice->filled;
	if (x->res_left == 0)
		relay_response_done(x, 0);
	if (x->splice->filled) {
		if (x->splice_max > RBUF_SIZE)
			x->splice_max /= 2;
		relay_hold_spliced(x);
		return;
	}
	/* It goes on as fast as it comes: more at a time costs less. */
	if (taken == x->splice_max && taken < RELAY_SPLICE_MAX)
		x->splice_max *= 2;
	if (x->response_over)
		relay_response_over(x);
	else
		exchange_wait(x, WAIT_STALL, x->proxy->config->timeouts.stall);
}

/* There is room again for what the pipe holds; false: not for all of it. */
static bool relay_spliced_goes_on(struct exchange *x)
{
	uv_os_fd_t client;

	if (!x->splice || !x->splice->filled)
		return true;
	if (uv_fileno(&x->conn->u.handle, &client) == 0)
		x->proxy->stats->bytes_sent += splice_give(x->splice, client);
	if (!x->splice->filled)
		return true;
	relay_hold_spliced(x);
	return false;
}

void relay_splice(void *arg)
{
	struct exchange *x = arg;
	uv_os_fd_t client;

	if (!x->splice_max)
		x->splice_max = RBUF_SIZE;
	size_t max = x->res_left < x->splice_max ? (size_t)x->res_left : x->splice_max;
	if (uv_fileno(&x->conn->u.handle, &client))
		return;
	ssize_t n = splice_move(x->splice, upconn_fd(x->up), client, max);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		upconn_pause(x->up);
		response_on_end(x, n ? (int)n : UV_EOF);
		return;
	}
	relay_spliced(x, (size_t)n);
}

void relay_response_close_end(struct exchange *x)
{
	struct gh_body body = { .data = NULL, .n = 0, .last = 1 };

	if (x->down.busy) {
		x->late_end = true;
		return;
	}
	if (x->chain->on_response_body_count && !hooks_run_response_body(x, &body))
		return;
	relay_response_done(x, 0);
	relay_send_response(x, &body, false);
}

void relay_on_down(void *arg, int status)
{
	struct exchange *x = arg;

	if (status < 0 || x->state >= EXCHANGE_LOG) {
		if (x->state < EXCHANGE_LOG)
			exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (x->conn->wait == CONN_WAIT_WRITE)
		conn_wait(x->conn, CONN_WAIT_NONE, 0);
	if (!relay_spliced_goes_on(x))
		return;
	if (x->tunnel) {
		tunnel_on_down(x);
	} else if (x->reply_later) {
		respond_resume(x);
	} else if (x->late_end) {
		x->late_end = false;
		relay_response_close_end(x);
	} else if (x->response_over) {
		relay_response_over(x);
	} else if (x->source == SOURCE_STREAM) {
		respond_stream_pump(x);
	} else {
		response_resume(x);
	}
}
