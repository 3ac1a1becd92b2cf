/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/respond.h"

#include <llhttp.h>
#include <stdio.h>
#include <string.h>

#include "config/gateway.h"
#include "proxy/admit.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hold.h"
#include "proxy/hooks.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "proxy/queue.h"
#include "proxy/relay.h"

enum {
	RESPOND_QUEUE_MAX = 1024 * 1024,
	RESPOND_EXTRA = 512, /* the gateway's own names and short values */
};

static char *respond_put_status_line(char *to, uint16_t status, struct str reason)
{
	to = put_lit(to, "HTTP/1.1 ");
	*to++ = (char)('0' + status / 100);
	*to++ = (char)('0' + status / 10 % 10);
	*to++ = (char)('0' + status % 10);
	*to++ = ' ';
	return put_lit(put_str(to, reason), "\r\n");
}

/* The standard phrase of a status that we make ourselves. */
static struct str respond_phrase(uint16_t status)
{
	for (int i = 0; i < END_REASON_COUNT; i++)
		if (end_reason_table[i].status == status)
			return str_from(end_reason_table[i].title);
	switch (status) {
	case 200:
		return STR("OK");
	case 201:
		return STR("Created");
	case 202:
		return STR("Accepted");
	case 204:
		return STR("No Content");
	case 301:
		return STR("Moved Permanently");
	case 302:
		return STR("Found");
	case 304:
		return STR("Not Modified");
	case 401:
		return STR("Unauthorized");
	case 403:
		return STR("Forbidden");
	case 409:
		return STR("Conflict");
	case 429:
		return STR("Too Many Requests");
	default:
		return STR("Status");
	}
}

static char *respond_put_fields(char *to, const struct head *h, uint32_t *own)
{
	for (uint32_t i = 0; i < h->count;)
		to = head_put_lines(h, &i, FIELD_X_REQUEST_ID, own, to);
	return to;
}

static char *respond_put_connection(char *to, const struct exchange *x)
{
	if (x->client_close)
		return put_lit(to, "Connection: close\r\n");
	if (x->req.minor == 0)
		return put_lit(to, "Connection: keep-alive\r\n");
	return to;
}

static char *respond_put_date(char *to, struct exchange *x)
{
	return put_lit(put_str(put_lit(to, "Date: "), proxy_date(x->proxy)), "\r\n");
}

static char *respond_put_via(char *to, const struct exchange *x)
{
	to = put_lit(to, "Via: ");
	for (uint32_t i = 0; head_may_have(&x->res, FIELD_VIA) && i < x->res.count; i++) {
		const struct field *f = &x->res.fields[i];
		if (f->id != FIELD_VIA || f->removed || f->value.n == 0)
			continue;
		to = put_lit(put_str(to, f->value), ", ");
	}
	return x->res.minor ? put_lit(to, "1.1 gatehouse\r\n") : put_lit(to, "1.0 gatehouse\r\n");
}

static char *respond_put_length(char *to, uint64_t length)
{
	return put_lit(put_u64(put_lit(to, "Content-Length: "), length), "\r\n");
}

/* How the client is told where the body ends (RFC 9112, 6): as the service did, unless a plugin
 * may change the length or the client does not know chunks. */
static char *respond_put_framing(char *to, struct exchange *x)
{
	const struct head *res = &x->res;
	bool changed = x->chain->count[CHAIN_ON_RESPONSE_BODY] > 0;

	x->send_chunked = false;
	if (res->framing == FRAMING_NONE || (res->framing == FRAMING_LENGTH && !changed)) {
		/* What HEAD and 304 announce would be wrong of a body that a plugin changes. */
		if (res->has_length && !(changed && res->length))
			to = respond_put_length(to, res->length);
		return to;
	}
	if (x->req.minor == 0) {
		x->client_close = true;
		return to;
	}
	x->send_chunked = true;
	to = put_lit(to, "Transfer-Encoding: chunked\r\n");
	const struct field *trailer = head_find(&x->res, FIELD_TRAILER);
	if (trailer && x->req.te_trailers && res->framing == FRAMING_CHUNKED) {
		to = put_lit(to, "Trailer: ");
		to = put_lit(put_str(to, trailer->value), "\r\n");
	}
	return to;
}

/* The most that a head can take: a field is written once at most, as a line or in a list. */
static char *respond_room(struct buf *out, const struct exchange *x)
{
	buf_clear(out);
	return buf_room(out, head_lines_size(&x->res) + x->res.reason.n + x->res.upgrade_to.n +
				     x->request_id_n + x->reply_type.n +
				     (x->allow ? strlen(x->allow) : 0) + RESPOND_EXTRA);
}

static void respond_head_over(struct buf *out, char *to)
{
	to = put_lit(to, "\r\n");
	out->n = (size_t)(to - out->p);
}

void respond_build_relayed(struct exchange *x)
{
	struct buf *out = &x->proxy->head;
	uint32_t own = 0;

	/* An early answer: the rest of the request may never come, or be read by nobody. */
	if (!x->body_done)
		x->client_close = true;
	x->status = x->res.status;
	char *to = respond_room(out, x);
	if (!to)
		return;
	to = respond_put_status_line(to, x->res.status, x->res.reason);
	to = respond_put_fields(to, &x->res, &own);
	to = respond_put_framing(to, x);
	to = respond_put_connection(to, x);
	if (!(own & 1u << FIELD_DATE))
		to = respond_put_date(to, x);
	if (x->proxy->config->http.via)
		to = respond_put_via(to, x);
	respond_head_over(out, to);
}

void respond_build_interim(struct exchange *x)
{
	struct buf *out = &x->proxy->head;
	uint32_t own = 0;

	char *to = respond_room(out, x);
	if (!to)
		return;
	to = respond_put_status_line(to, x->res.status, x->res.reason);
	to = respond_put_fields(to, &x->res, &own);
	if (x->res.status == 101) {
		to = put_lit(to, "Connection: upgrade\r\nUpgrade: ");
		to = put_lit(put_str(to, x->res.upgrade_to), "\r\n");
	}
	respond_head_over(out, to);
}

static void respond_problem_body(struct buf *b, const struct exchange *x, int status,
				 const char *word, const char *title, const char *detail)
{
	buf_clear(b);
	buf_lit(b, "{\"type\":");
	if (word)
		buf_printf(b, "\"urn:gatehouse:%s\"", word);
	else
		buf_lit(b, "\"about:blank\"");
	buf_lit(b, ",\"title\":");
	buf_json(b, str_from(title));
	buf_printf(b, ",\"status\":%d,\"detail\":", status);
	buf_json(b, str_from(detail));
	buf_lit(b, ",\"request_id\":");
	buf_json(b, exchange_id(x));
	buf_lit(b, "}\n");
}

void respond_problem(struct exchange *x, enum end_reason reason, const char *detail)
{
	const struct end_reason_row *row = &end_reason_table[reason];
	struct buf body = { .limit = 4096 };

	if (x->request_id_n == 0)
		exchange_make_id(x);
	respond_problem_body(&body, x, row->status, row->word, row->title,
			     detail ? detail : row->detail);
	x->source = SOURCE_REPLY;
	x->chain = x->chain && x->state == EXCHANGE_HEAD ? NULL : x->chain;
	head_reset(&x->res);
	x->reply_status = (uint16_t)row->status;
	x->reply_type = STR("application/problem+json");
	x->reply_body = arena_copy(&x->arena, buf_str(&body));
	buf_fini(&body);
	respond_reply(x);
}

/* Fields that every answer of the gateway itself has, besides the plugin's. */
static char *respond_put_own(char *to, struct exchange *x, uint32_t own)
{
	if (x->allow)
		to = put_lit(put_str(put_lit(to, "Allow: "), str_from(x->allow)), "\r\n");
	if (x->reason != END_OK) {
		if (x->reply_status == 503)
			to = put_lit(put_u64(put_lit(to, "Retry-After: "),
					     x->retry_after ? x->retry_after : 1),
				     "\r\n");
		if (x->request_id_n)
			to = put_lit(put_str(put_lit(to, "X-Request-Id: "), exchange_id(x)),
				     "\r\n");
		to = put_lit(to, "Cache-Control: no-store\r\n");
	}
	if (x->proxy->config->http.server_header && !(own & 1u << FIELD_SERVER))
		to = put_lit(to, "Server: gatehouse\r\n");
	return own & 1u << FIELD_DATE ? to : respond_put_date(to, x);
}

/* The length, or that it is not known. */
static char *respond_put_own_framing(char *to, struct exchange *x, int64_t length)
{
	x->send_chunked = false;
	if (x->reply_status < 200 || x->reply_status == 204 || x->reply_status == 304)
		return to;
	if (length >= 0)
		return respond_put_length(to, (uint64_t)length);
	if (x->req.minor == 1) {
		x->send_chunked = true;
		return put_lit(to, "Transfer-Encoding: chunked\r\n");
	}
	x->client_close = true;
	return to;
}

static void respond_build_own(struct exchange *x, int64_t length)
{
	struct buf *out = &x->proxy->head;
	uint32_t own = 0;

	char *to = respond_room(out, x);
	if (!to)
		return;
	to = respond_put_status_line(to, x->reply_status, respond_phrase(x->reply_status));
	to = respond_put_fields(to, &x->res, &own);
	if (x->reply_type.p && !(own & 1u << FIELD_CONTENT_TYPE))
		to = put_lit(put_str(put_lit(to, "Content-Type: "), x->reply_type), "\r\n");
	to = respond_put_own_framing(to, x, length);
	to = respond_put_own(to, x, own);
	to = respond_put_connection(to, x);
	respond_head_over(out, to);
}

static bool respond_has_no_body(const struct exchange *x)
{
	return x->req.method_id == HTTP_HEAD || x->reply_status == 204 || x->reply_status == 304;
}

/* An interim response that the client does not take is still being written: the answer has its
 * turn behind it. */
static bool respond_must_wait(struct exchange *x)
{
	if (!x->down.busy)
		return false;
	x->reply_later = true;
	if (!x->body_done)
		conn_pause(x->conn);
	conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
	return true;
}

void respond_resume(struct exchange *x)
{
	x->reply_later = false;
	if (x->source == SOURCE_STREAM)
		respond_stream_begin(x);
	else
		respond_reply(x);
}

/* The head in proxy.head can go out.  Fields of plugins may have been too many. */
static bool respond_head_fits(struct exchange *x)
{
	if (x->proxy->head.failed) {
		exchange_fail(x, END_INTERNAL, "head to the client over its limit");
		return false;
	}
	return x->state == EXCHANGE_RELAY;
}

void respond_reply(struct exchange *x)
{
	struct conn *c = x->conn;

	if (x->reason == END_OK && !x->response_hooks_done && !hooks_run_response(x))
		return;
	exchange_drop_upstream(x, true);
	queue_leave(x);
	admit_leave(x);
	exchange_wait(x, WAIT_NONE, 0);
	if (respond_must_wait(x))
		return;
	exchange_enter(x, EXCHANGE_RELAY);
	relay_skip_body(x);
	if (!x->body_done || x->state == EXCHANGE_HEAD)
		x->client_close = true;
	if (!x->body_done)
		conn_pause(c);
	respond_build_own(x, (int64_t)x->reply_body.n);
	if (!respond_head_fits(x))
		return;
	x->status = x->reply_status;
	x->head_sent = true;
	x->response_over = true;
	size_t n = respond_has_no_body(x) ? 0 : x->reply_body.n;
	uv_buf_t bufs[2] = { uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n),
			     uv_buf_init((char *)(uintptr_t)x->reply_body.p, (unsigned)n) };
	x->bytes_out += n;
	int r = hold_send(x, bufs, 2);
	if (r < 0)
		exchange_drop(x, END_CLIENT_GONE);
	else if (r == 0)
		conn_wait(c, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
	else
		relay_response_over(x);
}

void respond_stream_begin(struct exchange *x)
{
	if (!x->response_hooks_done && !hooks_run_response(x))
		return;
	if (x->source == SOURCE_REPLY) {
		/* A filter has put an answer of its own in the place of this one. */
		respond_reply(x);
		return;
	}
	exchange_wait(x, WAIT_NONE, 0);
	if (respond_must_wait(x))
		return;
	exchange_enter(x, EXCHANGE_RELAY);
	relay_skip_body(x);
	if (!x->body_done) {
		x->client_close = true;
		conn_pause(x->conn);
	}
	respond_build_own(x, x->reply_length);
	if (!respond_head_fits(x))
		return;
	x->status = x->reply_status;
	x->no_body = respond_has_no_body(x);
	x->head_sent = true;
	uv_buf_t head = uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n);
	int r = hold_send(x, &head, 1);
	if (r < 0) {
		exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (r == 0)
		conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
	else
		respond_stream_pump(x);
}

/* The end of the stream: the last chunk, nothing, or a cut when bytes are missing. */
static unsigned respond_stream_tail(struct exchange *x, uv_buf_t *bufs, unsigned n)
{
	if (x->send_chunked && !x->no_body)
		bufs[n++] = uv_buf_init((char *)"0\r\n\r\n", 5);
	return n;
}

void respond_stream_pump(struct exchange *x)
{
	char size[24];
	uv_buf_t bufs[4];
	unsigned n = 0;
	struct buf *queue = &x->reply_queue;

	if (x->down.busy || x->response_over || x->state != EXCHANGE_RELAY)
		return;
	if (queue->n && !x->no_body) {
		if (x->send_chunked) {
			int k = snprintf(size, sizeof(size), "%zx\r\n", queue->n);
			bufs[n++] = uv_buf_init(size, (unsigned)k);
		}
		bufs[n++] = uv_buf_init(queue->p, (unsigned)queue->n);
		if (x->send_chunked)
			bufs[n++] = uv_buf_init((char *)"\r\n", 2);
		x->bytes_out += queue->n;
	}
	if (x->reply_ended) {
		if (x->reply_left > 0 && !x->no_body) {
			exchange_drop(x, END_PLUGIN_FAILED);
			return;
		}
		n = respond_stream_tail(x, bufs, n);
		x->response_over = true;
	}
	int r = n ? hold_send(x, bufs, n) : 1;
	buf_clear(queue);
	if (r < 0)
		exchange_drop(x, END_CLIENT_GONE);
	else if (r == 0)
		conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
	else if (x->response_over)
		relay_response_over(x);
	else
		hooks_writable(x);
}
