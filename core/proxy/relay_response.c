/* SPDX-License-Identifier: Apache-2.0 */
/* The response on its way from the service to the client. */
#include <stdio.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hold.h"
#include "proxy/hooks.h"
#include "proxy/proxy.h"
#include "proxy/relay_parts.h"
#include "proxy/respond.h"
#include "proxy/response.h"
#include "proxy/tunnel.h"

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

void relay_response_done(struct exchange *x, size_t extra)
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
	int r = n ? hold_send(x, bufs, n) : 1;
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
	if (x->chain->count[CHAIN_ON_RESPONSE_BODY] && (body.n || last) && !x->no_body &&
	    !hooks_run_response_body(x, &body))
		return;
	if (last)
		relay_response_done(x, n - used);
	relay_send_response(x, &body, with_head);
}

void relay_response_close_end(struct exchange *x)
{
	struct gh_body body = { .data = NULL, .n = 0, .last = 1 };

	if (x->down.busy) {
		x->late_end = true;
		return;
	}
	if (x->chain->count[CHAIN_ON_RESPONSE_BODY] && !hooks_run_response_body(x, &body))
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
	if (!relay_splice_goes_on(x))
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
