/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/admin_actions.h"
#include "control/admin_pages.h"
#include "control/control.h"
#include "http/parse.h"
#include "http/target.h"

enum {
	ADMIN_MAGIC = 0x61646d69,
	ADMIN_CONN_MAGIC = 0x61646d63,
	ADMIN_CONNS_MAX = 64,
	ADMIN_HEAD_MAX = 8192,
	ADMIN_BODY_MAX = 16 * 1024 * 1024,
	ADMIN_TIMEOUT_MS = 10 * 1000, /* for a request to arrive, and for an answer to be taken */
	ADMIN_ACTION_MS = 120 * 1000, /* for an action; each of its steps has a limit of its own */
};

static const struct parse_limits admin_limits = {
	.head = ADMIN_HEAD_MAX - 1,
	.target = 1024,
	.fields = 100,
	.extension = 0,
};

/* What there is a choice about is refused.  Paths are compared as they are. */
static const struct config_http admin_strict = {
	.underscore_headers = CONFIG_UNDERSCORE_REJECT,
};

/* A TCP or unix socket. */
union admin_stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

struct admin {
	unsigned magic;
	union admin_stream socket;
	struct control *control;
	struct listen_set listen_set;
	struct listener *listener;
	bool local; /* only this machine can reach it */
	struct list conns;
	unsigned conn_count;
	bool closed;  /* the socket is */
	bool retired; /* another gateway serves on it */
	bool let_go;  /* admin_close() was called */
};

struct admin_conn {
	unsigned magic;
	struct list link;
	struct admin *admin;
	union admin_stream socket;
	uv_timer_t timer;
	unsigned open; /* of socket and timer, not closed yet */
	bool closing;
	struct parser parser;
	struct head head;
	size_t used; /* bytes in "in" */
	bool keep, skip_body;
	bool asked;   /* a request is there, and its answer is not written yet */
	size_t taken; /* bytes of "in" that belong to the request that is answered */
	struct buf body;
	uint64_t body_left;
	struct admin_pending pending;
	uv_write_t write;
	struct buf out_head;
	struct admin_reply reply;
	char in[ADMIN_HEAD_MAX];
};

/* ---- closing ---- */

static void admin_release(struct admin *a)
{
	if (!a->closed || !a->let_go || a->conn_count)
		return;
	a->magic = 0;
	free(a);
}

static void admin_conn_closed(uv_handle_t *h)
{
	struct admin_conn *c = h->data;
	struct admin *a = c->admin;

	if (--c->open)
		return;
	buf_fini(&c->out_head);
	buf_fini(&c->reply.body);
	buf_fini(&c->body);
	head_fini(&c->head);
	c->magic = 0;
	list_remove(&c->link);
	free(c);
	a->conn_count--;
	admin_release(a);
}

static void admin_conn_close(struct admin_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	admin_action_forget(&c->pending);
	uv_close(&c->socket.handle, admin_conn_closed);
	uv_close((uv_handle_t *)&c->timer, admin_conn_closed);
}

static void admin_socket_closed(uv_handle_t *h)
{
	struct admin *a = h->data;

	listen_drop(&a->listen_set, a->listener);
	a->closed = true;
	admin_release(a);
}

void admin_close(struct admin **where)
{
	struct admin *a = *where;

	if (!a)
		return;
	must(a->magic == ADMIN_MAGIC);
	*where = NULL;
	a->let_go = true;
	list_each(l, &a->conns) admin_conn_close(container_of(l, struct admin_conn, link));
	if (!uv_is_closing(&a->socket.handle))
		uv_close(&a->socket.handle, admin_socket_closed);
	else
		admin_release(a);
}

void admin_retire(struct admin *a)
{
	if (!a || a->retired)
		return;
	a->retired = a->listen_set.handed_on = true;
	uv_close(&a->socket.handle, admin_socket_closed);
	list_each(l, &a->conns)
	{
		struct admin_conn *c = container_of(l, struct admin_conn, link);

		if (!c->asked)
			admin_conn_close(c);
	}
}

/* ---- one request ---- */

static const char *admin_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 503:
		return "Service Unavailable";
	default:
		return "Error";
	}
}

/* A page in a browser can be made to reach a loopback address under a name of its author's
 * (DNS rebinding).  Such a name has a dot, and is not an address. */
static bool admin_host_is_plain(struct str authority)
{
	struct str host = target_host(authority);
	struct in_addr ip;
	char text[64];

	if (!authority.p || !memchr(host.p, '.', host.n) || host.p[0] == '[')
		return true;
	if (host.n > 10 && str_ieq((struct str){ host.p + host.n - 10, 10 }, STR(".localhost")))
		return true;
	if (host.n >= sizeof(text))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, &ip) == 1;
}

static bool admin_host_allowed(const struct admin *a, struct str authority)
{
	return !a->local || admin_host_is_plain(authority);
}

/* Browsers send Origin with every POST.  Only a page of this listener itself may act, and not under
 * a name that somebody else has given it. */
static bool admin_origin_allowed(struct admin_conn *c)
{
	const struct field *origin = head_find_name(&c->head, STR("origin"));
	const struct field *site = head_find_name(&c->head, STR("sec-fetch-site"));
	struct str host;

	if (!origin)
		return !site;
	if (!str_starts(origin->value, STR("http://")))
		return false;
	host = (struct str){ origin->value.p + 7, origin->value.n - 7 };
	return str_ieq(host, c->head.authority) && admin_host_is_plain(host);
}

static void admin_on_written(uv_write_t *w, int status);
static void admin_on_timeout(uv_timer_t *t);

static void admin_send(struct admin_conn *c)
{
	struct admin_reply *r = &c->reply;
	char date[CLOCK_HTTP_DATE_SIZE];

	clock_http_date(clock_wall_us(), date);
	if (r->body.failed || c->admin->retired)
		c->keep = false;
	c->asked = true;
	buf_printf(&c->out_head,
		   "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		   "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s%s%s\r\n",
		   r->status, admin_reason(r->status), date, r->content_type, r->body.n,
		   r->allow ? "Allow: " : "", r->allow ? r->allow : "", r->allow ? "\r\n" : "",
		   c->keep ? "" : "Connection: close\r\n");
	uv_buf_t bufs[2] = {
		uv_buf_init(c->out_head.p, (unsigned)c->out_head.n),
		uv_buf_init(r->body.p, (unsigned)r->body.n),
	};
	uv_read_stop(&c->socket.stream);
	uv_timer_again(&c->timer);
	c->write.data = c;
	if (uv_write(&c->write, &c->socket.stream, bufs, c->skip_body || !r->body.n ? 1 : 2,
		     admin_on_written))
		admin_conn_close(c);
}

static void admin_refuse(struct admin_conn *c, enum end_reason reason)
{
	const struct end_reason_row *row = &end_reason_table[reason];

	c->keep = false;
	admin_problem(&c->reply, row->status, row->title, row->detail);
	admin_send(c);
}

/* An action has come to its end. */
static void admin_on_done(struct admin_pending *p)
{
	admin_send(container_of(p, struct admin_conn, pending));
}

static void admin_act(struct admin_conn *c)
{
	if (!admin_origin_allowed(c)) {
		admin_problem(&c->reply, 403, "Forbidden",
			      "A page of another origin may not ask for this.");
		admin_send(c);
		return;
	}
	uv_read_stop(&c->socket.stream);
	uv_timer_start(&c->timer, admin_on_timeout, ADMIN_ACTION_MS, ADMIN_TIMEOUT_MS);
	c->pending = (struct admin_pending){ .reply = &c->reply, .done = admin_on_done };
	if (admin_action(c->admin->control, c->head.path, buf_str(&c->body), &c->pending))
		admin_send(c);
}

static void admin_refuse_method(struct admin_conn *c, bool action)
{
	admin_problem(&c->reply, 405, "Method Not Allowed",
		      action ? "POST is allowed." : "GET and HEAD are allowed.");
	c->reply.allow = action ? "POST" : "GET, HEAD";
	admin_send(c);
}

/* The whole request is there. */
static void admin_answer(struct admin_conn *c)
{
	bool action = admin_action_exists(c->head.path);
	bool reads = c->head.method_id == HTTP_GET || c->head.method_id == HTTP_HEAD;

	c->asked = true;
	c->skip_body = c->head.method_id == HTTP_HEAD;
	c->keep = !c->head.close && (c->head.minor == 1 || c->head.keep_alive);
	if (!admin_host_allowed(c->admin, c->head.authority)) {
		admin_problem(&c->reply, 403, "Forbidden",
			      "This Host is not an address nor a local name.");
		admin_send(c);
	} else if (action && c->head.method_id == HTTP_POST) {
		admin_act(c);
	} else if (action || !reads) {
		admin_refuse_method(c, action);
	} else {
		admin_page(c->admin->control, c->head.path, &c->reply);
		admin_send(c);
	}
}

/* The head is there: what of the body came with it is taken. */
static void admin_on_head(struct admin_conn *c)
{
	const char *why;
	enum end_reason reason = head_request_check(&c->head, &admin_strict, &why);
	uint64_t length = c->head.framing == FRAMING_LENGTH ? c->head.length : 0;
	size_t here = c->used - c->taken;

	if (reason == END_OK && (c->head.framing == FRAMING_CHUNKED || length > ADMIN_BODY_MAX ||
				 (length && c->head.method_id != HTTP_POST)))
		reason = END_BODY_TOO_LARGE;
	if (reason != END_OK) {
		admin_refuse(c, reason);
		return;
	}
	here = here < length ? here : (size_t)length;
	buf_append(&c->body, c->in + c->taken, here);
	c->taken += here;
	c->body_left = length - here;
	if (c->body_left == 0)
		admin_answer(c);
}

/* Parses n new bytes behind "from". */
static void admin_feed(struct admin_conn *c, size_t from, size_t n)
{
	size_t used;

	switch (parse_head(&c->parser, c->in + from, n, &used)) {
	case PARSE_DONE:
		c->taken = from + used;
		admin_on_head(c);
		break;
	case PARSE_ERROR:
		admin_refuse(c, c->parser.reason);
		break;
	case PARSE_MORE:
		if (c->used == ADMIN_HEAD_MAX)
			admin_refuse(c, END_HEADER_TOO_LARGE);
		break;
	}
}

static void admin_next(struct admin_conn *c)
{
	buf_clear(&c->out_head);
	buf_clear(&c->reply.body);
	buf_fini(&c->body);
	c->reply.allow = NULL;
	c->skip_body = c->asked = false;
	head_reset(&c->head);
	parse_start(&c->parser, PARSE_REQUEST, &c->head, &admin_limits);
	c->used -= c->taken;
	memmove(c->in, c->in + c->taken, c->used);
	c->taken = 0;
}

/* ---- the connection ---- */

static struct admin_conn *admin_conn_of(void *data)
{
	struct admin_conn *c = data;

	must(c->magic == ADMIN_CONN_MAGIC);
	return c;
}

static void admin_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct admin_conn *c = admin_conn_of(h->data);

	size_t n = c->body_left < suggested ? (size_t)c->body_left : suggested;
	char *room = c->body_left ? buf_room(&c->body, n) : NULL;

	if (c->body_left)
		*out = uv_buf_init(room, room ? (unsigned)n : 0);
	else
		*out = uv_buf_init(c->in + c->used, (unsigned)(sizeof(c->in) - c->used));
}

static void admin_on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct admin_conn *c = admin_conn_of(s->data);

	(void)buf;
	if (n < 0) {
		admin_conn_close(c);
	} else if (c->body_left) {
		c->body.n += (size_t)n;
		c->body_left -= (uint64_t)n;
		if (c->body_left == 0)
			admin_answer(c);
	} else if (n > 0) {
		c->used += (size_t)n;
		admin_feed(c, c->used - (size_t)n, (size_t)n);
	}
}

static void admin_on_written(uv_write_t *w, int status)
{
	struct admin_conn *c = admin_conn_of(w->data);

	if (c->closing)
		return;
	if (status || !c->keep) {
		admin_conn_close(c);
		return;
	}
	admin_next(c);
	uv_timer_again(&c->timer);
	/* Sending an answer stops it again. */
	if (uv_read_start(&c->socket.stream, admin_alloc, admin_on_read))
		admin_conn_close(c);
	else if (c->used)
		admin_feed(c, 0, c->used);
}

static void admin_on_timeout(uv_timer_t *t)
{
	admin_conn_close(admin_conn_of(t->data));
}

static int admin_stream_init(uv_loop_t *loop, union admin_stream *s, bool unix_socket)
{
	return unix_socket ? uv_pipe_init(loop, &s->pipe, 0) : uv_tcp_init(loop, &s->tcp);
}

static void admin_on_connection(uv_stream_t *socket, int status)
{
	struct admin *a = socket->data;

	must(a->magic == ADMIN_MAGIC);
	if (status)
		return;
	struct admin_conn *c = xcalloc(1, sizeof(*c));
	c->magic = ADMIN_CONN_MAGIC;
	c->admin = a;
	c->open = 2;
	must(admin_stream_init(socket->loop, &c->socket, a->listener->path != NULL) == 0);
	must(uv_timer_init(socket->loop, &c->timer) == 0);
	c->socket.handle.data = c->timer.data = c;
	head_init(&c->head);
	admin_next(c);
	list_push(&a->conns, &c->link);
	a->conn_count++;
	uv_timer_start(&c->timer, admin_on_timeout, ADMIN_TIMEOUT_MS, ADMIN_TIMEOUT_MS);
	if (uv_accept(socket, &c->socket.stream) || a->conn_count > ADMIN_CONNS_MAX ||
	    uv_read_start(&c->socket.stream, admin_alloc, admin_on_read))
		admin_conn_close(c);
}

/* ---- the listener ---- */

static int admin_listen(struct admin *a, uv_loop_t *loop)
{
	bool unix_socket = a->listener->path != NULL;
	int fd = listen_fd(a->listener, 0);
	int rc = admin_stream_init(loop, &a->socket, unix_socket);

	must(rc == 0);
	a->socket.handle.data = a;
	rc = unix_socket ? uv_pipe_open(&a->socket.pipe, fd) : uv_tcp_open(&a->socket.tcp, fd);
	if (rc == 0)
		listen_give(a->listener);
	if (rc || a->listen_set.handed_on)
		return rc;
	return uv_listen(&a->socket.stream, ADMIN_CONNS_MAX, admin_on_connection);
}

void admin_serve(struct admin *a)
{
	if (!a || !a->listen_set.handed_on)
		return;
	a->listen_set.handed_on = false;
	int rc = uv_listen(&a->socket.stream, ADMIN_CONNS_MAX, admin_on_connection);
	if (rc)
		log_error("the admin listener does not serve", LOG_S("error", uv_strerror(rc)));
}

const struct listen_set *admin_listeners(const struct admin *a)
{
	return a ? &a->listen_set : NULL;
}

static bool admin_is_local(const struct config_listen *l)
{
	return !l->host || strncmp(l->host, "127.", 4) == 0 || strcmp(l->host, "::1") == 0;
}

struct admin *admin_open(struct control *control, const struct config_listen *where,
			 struct error *e)
{
	struct admin *a = xcalloc(1, sizeof(*a));

	a->magic = ADMIN_MAGIC;
	a->control = control;
	a->local = admin_is_local(where);
	list_init(&a->conns);
	a->listen_set.passed = &control->passed;
	a->listen_set.handed_on = control->listen_set.handed_on;
	a->listener = listen_take(&a->listen_set, where, 1, e);
	if (!a->listener) {
		free(a);
		return NULL;
	}
	int rc = admin_listen(a, &control->loop);
	if (rc) {
		error_set(e, "cannot listen on %s: %s", where->text, uv_strerror(rc));
		admin_close(&a);
	}
	return a;
}

const char *admin_url(const struct admin *a)
{
	return a && !a->closed ? a->listener->url : "off";
}
