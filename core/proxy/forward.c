/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/forward.h"

#include <llhttp.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

/* "Name: a, b" out of all fields of that id that came in, then the gateway's own value. */
static void forward_append_list(struct buf *out, struct exchange *x, enum field_id id,
				const char *name, size_t name_n, struct str ours)
{
	buf_append(out, name, name_n);
	for (uint32_t i = 0; i < x->req.count; i++) {
		const struct field *f = &x->req.fields[i];
		if (f->id != id || f->removed || f->added || f->value.n == 0)
			continue;
		buf_str_append(out, f->value);
		buf_lit(out, ", ");
	}
	buf_str_append(out, ours);
	buf_lit(out, "\r\n");
}

static void forward_request_line(struct buf *out, struct exchange *x)
{
	buf_str_append(out, x->req.method);
	buf_char(out, ' ');
	buf_str_append(out, x->path);
	if (x->query.p) {
		buf_char(out, '?');
		buf_str_append(out, x->query);
	}
	buf_lit(out, " HTTP/1.1\r\nHost: ");
	struct str host = x->req.authority.p ? x->req.authority : str_from(x->endpoint->text);
	buf_str_append(out, host);
	buf_lit(out, "\r\n");
}

/* End-to-end fields as they were meant, and those that a plugin has added. */
static void forward_fields(struct buf *out, struct exchange *x, bool *own_forwarded)
{
	for (uint32_t i = 0; i < x->req.count; i++) {
		const struct field *f = &x->req.fields[i];
		if (f->removed ||
		    (!f->added && field_owner((enum field_id)f->id) != FIELD_OWNER_END))
			continue;
		if (f->added && f->id != FIELD_OTHER)
			own_forwarded[f->id] = true;
		buf_str_append(out, f->name);
		buf_lit(out, ": ");
		buf_str_append(out, f->value);
		buf_lit(out, "\r\n");
	}
}

static void forward_framing(struct buf *out, struct exchange *x)
{
	const struct head *req = &x->req;
	bool hooked = req->framing != FRAMING_NONE && x->chain->on_request_body_count;

	x->forward_chunked = false;
	if (x->is_collected && req->framing != FRAMING_NONE && !hooked) {
		buf_lit(out, "Content-Length: ");
		buf_u64(out, x->collected.n);
		buf_lit(out, "\r\n");
	} else if (req->framing == FRAMING_CHUNKED || hooked) {
		x->forward_chunked = true;
		buf_lit(out, "Transfer-Encoding: chunked\r\n");
	} else if (req->has_length) {
		buf_lit(out, "Content-Length: ");
		buf_u64(out, req->length);
		buf_lit(out, "\r\n");
	}
	if (req->expect_continue && !x->is_collected)
		buf_lit(out, "Expect: 100-continue\r\n");
}

static void forward_connection(struct buf *out, const struct exchange *x)
{
	if (x->req.upgrade) {
		buf_lit(out, "Connection: upgrade\r\nUpgrade: ");
		buf_str_append(out, x->req.upgrade_to);
		buf_lit(out, "\r\n");
	} else if (x->req.te_trailers) {
		buf_lit(out, "Connection: TE\r\nTE: trailers\r\n");
	}
}

/* Each hop of an OPTIONS takes one off (RFC 9110, 7.6.2); for other methods it says nothing. */
static void forward_max_forwards(struct buf *out, const struct exchange *x)
{
	uint64_t n;

	if (!x->req.max_forwards.p)
		return;
	buf_lit(out, "Max-Forwards: ");
	if (x->req.method_id == HTTP_OPTIONS && str_to_u64(x->req.max_forwards, INT64_MAX, &n) == 0)
		buf_u64(out, n ? n - 1 : 0);
	else
		buf_str_append(out, x->req.max_forwards);
	buf_lit(out, "\r\n");
}

/* A plugin's own value stands instead of the gateway's. */
static void forward_origin(struct buf *out, struct exchange *x, const bool *own)
{
	struct str peer = { x->conn->peer, x->conn->peer_n };

	if (!own[FIELD_X_FORWARDED_FOR] && peer.n)
		forward_append_list(out, x, FIELD_X_FORWARDED_FOR, "X-Forwarded-For: ", 17, peer);
	if (!own[FIELD_X_FORWARDED_PROTO])
		buf_lit(out, "X-Forwarded-Proto: http\r\n");
	if (!own[FIELD_X_FORWARDED_HOST] && x->req.authority.p) {
		buf_lit(out, "X-Forwarded-Host: ");
		buf_str_append(out, x->req.authority);
		buf_lit(out, "\r\n");
	}
	if (!own[FIELD_VIA] && x->proxy->config->http.via)
		forward_append_list(out, x, FIELD_VIA, "Via: ", 5,
				    x->req.minor ? STR("1.1 gatehouse") : STR("1.0 gatehouse"));
	if (!own[FIELD_X_REQUEST_ID]) {
		buf_lit(out, "X-Request-Id: ");
		buf_str_append(out, exchange_id(x));
		buf_lit(out, "\r\n");
	}
}

void forward_build(struct exchange *x)
{
	struct buf *out = &x->proxy->head;
	bool own[FIELD_COUNT] = { false };

	buf_clear(out);
	forward_request_line(out, x);
	forward_fields(out, x, own);
	forward_framing(out, x);
	forward_connection(out, x);
	forward_max_forwards(out, x);
	forward_origin(out, x, own);
	buf_lit(out, "\r\n");
}
