/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/forward.h"

#include <llhttp.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

enum { FORWARD_EXTRA = 1024 }; /* the gateway's own names and short values */

/* "Name: a, b" out of all fields of that id that came in, then the gateway's own value. */
static char *forward_put_list(char *to, const struct exchange *x, enum field_id id, struct str name,
			      struct str ours)
{
	to = put_str(to, name);
	for (uint32_t i = 0; head_may_have(&x->req, id) && i < x->req.count; i++) {
		const struct field *f = &x->req.fields[i];
		if (f->id != id || f->removed || f->added || f->value.n == 0)
			continue;
		to = put_lit(put_str(to, f->value), ", ");
	}
	return put_lit(put_str(to, ours), "\r\n");
}

static struct str forward_host(const struct exchange *x)
{
	return x->req.authority.p ? x->req.authority : str_from(x->endpoint->text);
}

static char *forward_put_request_line(char *to, const struct exchange *x)
{
	to = put_str(to, x->req.method);
	*to++ = ' ';
	to = put_str(to, x->path);
	if (x->query.p) {
		*to++ = '?';
		to = put_str(to, x->query);
	}
	to = put_lit(to, " HTTP/1.1\r\nHost: ");
	return put_lit(put_str(to, forward_host(x)), "\r\n");
}

static char *forward_put_length(char *to, uint64_t length)
{
	return put_lit(put_u64(put_lit(to, "Content-Length: "), length), "\r\n");
}

static char *forward_put_framing(char *to, struct exchange *x)
{
	const struct head *req = &x->req;
	bool hooked = req->framing != FRAMING_NONE && x->chain->count[CHAIN_ON_REQUEST_BODY];

	x->forward_chunked = false;
	if (x->is_collected && req->framing != FRAMING_NONE && !hooked) {
		to = forward_put_length(to, x->collected.n);
	} else if (req->framing == FRAMING_CHUNKED || hooked) {
		x->forward_chunked = true;
		to = put_lit(to, "Transfer-Encoding: chunked\r\n");
	} else if (req->has_length) {
		to = forward_put_length(to, req->length);
	}
	if (req->expect_continue && !x->is_collected)
		to = put_lit(to, "Expect: 100-continue\r\n");
	return to;
}

static char *forward_put_connection(char *to, const struct exchange *x)
{
	if (x->req.upgrade) {
		to = put_lit(to, "Connection: upgrade\r\nUpgrade: ");
		to = put_lit(put_str(to, x->req.upgrade_to), "\r\n");
	} else if (x->req.te_trailers) {
		to = put_lit(to, "Connection: TE\r\nTE: trailers\r\n");
	}
	return to;
}

/* Each hop of an OPTIONS takes one off (RFC 9110, 7.6.2); for other methods it says nothing. */
static char *forward_put_max_forwards(char *to, const struct exchange *x)
{
	uint64_t n;

	if (!x->req.max_forwards.p)
		return to;
	to = put_lit(to, "Max-Forwards: ");
	if (x->req.method_id == HTTP_OPTIONS && str_to_u64(x->req.max_forwards, INT64_MAX, &n) == 0)
		to = put_u64(to, n ? n - 1 : 0);
	else
		to = put_str(to, x->req.max_forwards);
	return put_lit(to, "\r\n");
}

/* A plugin's own value stands instead of the gateway's. */
static char *forward_put_origin(char *to, const struct exchange *x, uint32_t own)
{
	struct str peer = { x->conn->peer, x->conn->peer_n };

	if (!(own & 1u << FIELD_X_FORWARDED_FOR) && peer.n)
		to = forward_put_list(to, x, FIELD_X_FORWARDED_FOR, STR("X-Forwarded-For: "), peer);
	if (!(own & 1u << FIELD_X_FORWARDED_PROTO))
		to = put_lit(to, "X-Forwarded-Proto: http\r\n");
	if (!(own & 1u << FIELD_X_FORWARDED_HOST) && x->req.authority.p) {
		to = put_lit(to, "X-Forwarded-Host: ");
		to = put_lit(put_str(to, x->req.authority), "\r\n");
	}
	if (!(own & 1u << FIELD_VIA) && x->proxy->config->http.via)
		to = forward_put_list(to, x, FIELD_VIA, STR("Via: "),
				      x->req.minor ? STR("1.1 gatehouse") : STR("1.0 gatehouse"));
	if (!(own & 1u << FIELD_X_REQUEST_ID)) {
		to = put_lit(to, "X-Request-Id: ");
		to = put_lit(put_str(to, exchange_id(x)), "\r\n");
	}
	return to;
}

/* The most that the head can take: a field is written once at most, as a line or in a list. */
static size_t forward_size(const struct exchange *x)
{
	return head_lines_size(&x->req) + x->req.method.n + x->path.n + x->query.n +
	       2 * forward_host(x).n + x->req.upgrade_to.n + x->req.max_forwards.n +
	       x->request_id_n + FORWARD_EXTRA;
}

void forward_build(struct exchange *x)
{
	struct buf *out = &x->proxy->head;
	uint32_t own = 0;

	buf_clear(out);
	char *to = buf_room(out, forward_size(x));
	if (!to)
		return;
	to = forward_put_request_line(to, x);
	for (uint32_t i = 0; i < x->req.count;)
		to = head_put_lines(&x->req, &i, FIELD_OTHER, &own, to);
	to = forward_put_framing(to, x);
	to = forward_put_connection(to, x);
	to = forward_put_max_forwards(to, x);
	to = forward_put_origin(to, x, own);
	to = put_lit(to, "\r\n");
	out->n = (size_t)(to - out->p);
}
