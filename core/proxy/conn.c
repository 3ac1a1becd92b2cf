/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/conn.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/error.h"
#include "config/gateway.h"
#include "net/socket.h"
#include "proxy/exchange.h"
#include "proxy/hold.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/tunnel.h"

enum { CONN_MAGIC = 0x434f4e4e, CONN_LINGER_MS = 2000, CONN_DISCARD_READS = 4 };

#define CONN_SHED_BODY                                                                             \
	"{\"type\":\"urn:gatehouse:overloaded\",\"title\":\"Service Unavailable\",\"status\":503," \
	"\"detail\":\"Too many connections.\"}\n"

static const char conn_shed_answer[] =
	"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
	"Content-Type: application/problem+json\r\nContent-Length: 112\r\n\r\n" CONN_SHED_BODY;

_Static_assert(sizeof(CONN_SHED_BODY) - 1 == 112, "Content-Length of the answer");

static struct conn *conn_from(void *handle_data)
{
	struct conn *c = handle_data;
	must(c->magic == CONN_MAGIC);
	return c;
}

static void conn_uncount_client(struct conn *c)
{
	if (!c->counted)
		return;
	struct str key = { c->peer, c->peer_n };
	unsigned *count = map_get(&c->proxy->clients, key);
	must(count != NULL && *count > 0);
	if (--*count)
		return;
	/* The key lies behind the counter in one piece of memory. */
	map_remove(&c->proxy->clients, key);
	free(count);
}

/* Counts the connection for its address; false when the address has its fill. */
static bool conn_count_client(struct conn *c, int64_t limit)
{
	struct str key = { c->peer, c->peer_n };
	if (!limit || !c->peer_n)
		return true;
	unsigned *count = map_get(&c->proxy->clients, key);
	if (!count) {
		count = xcalloc(1, sizeof(*count) + sizeof(c->peer));
		memcpy(count + 1, c->peer, c->peer_n);
		map_put(&c->proxy->clients, (struct str){ (char *)(count + 1), c->peer_n }, count);
	}
	c->counted = true;
	return ++*count <= (uint64_t)limit;
}

static void conn_on_closed(uv_handle_t *handle)
{
	struct conn *c = conn_from(handle->data);
	struct proxy *p = c->proxy;

	list_remove(&c->link);
	if (c->x)
		exchange_give_back(c->x);
	conn_uncount_client(c);
	p->stats->connections_open--;
	c->magic = 0;
	free(c);
	if (p->on_conn_gone)
		p->on_conn_gone(p);
}

void conn_close(struct conn *c, bool reset)
{
	if (uv_is_closing(&c->u.handle))
		return;
	if (c->wait == CONN_WAIT_IDLE)
		c->proxy->stats->connections_idle--;
	c->wait = CONN_WAIT_NONE;
	deadline_drop(&c->deadline);
	hold_release(c);
	bool closing = reset && c->u.handle.type == UV_TCP &&
		       uv_tcp_close_reset(&c->u.tcp, conn_on_closed) == 0;
	if (!closing)
		uv_close(&c->u.handle, conn_on_closed);
	if (c->x && exchange_has_begun(c->x))
		exchange_end(c->x);
}

void conn_wait(struct conn *c, enum conn_wait what, uint64_t ms)
{
	if (uv_is_closing(&c->u.handle))
		return;
	if (c->wait == CONN_WAIT_IDLE)
		c->proxy->stats->connections_idle--;
	if (what == CONN_WAIT_IDLE)
		c->proxy->stats->connections_idle++;
	c->wait = (uint8_t)what;
	if (what == CONN_WAIT_WRITE)
		c->unwritten = uv_stream_get_write_queue_size(&c->u.stream);
	if (what == CONN_WAIT_NONE || ms == 0)
		deadline_clear(&c->deadline);
	else
		deadline_set(c->proxy->deadlines, &c->deadline, ms);
}

static void conn_on_deadline(struct deadline *d)
{
	struct conn *c = container_of(d, struct conn, deadline);

	switch ((enum conn_wait)c->wait) {
	case CONN_WAIT_NONE:
		break;
	case CONN_WAIT_IDLE:
	case CONN_WAIT_LINGER:
		conn_close(c, false);
		break;
	case CONN_WAIT_WRITE:
		if (uv_stream_get_write_queue_size(&c->u.stream) < c->unwritten) {
			conn_wait(c, CONN_WAIT_WRITE, c->proxy->config->timeouts.write);
			break;
		}
		exchange_on_client_timeout(c->x);
		break;
	case CONN_WAIT_HEAD:
	case CONN_WAIT_BODY:
	case CONN_WAIT_TUNNEL:
		exchange_on_client_timeout(c->x);
		break;
	}
}

/* Where the next bytes go: the read buffer, or behind those of a head in the exchange's own.  Its
 * length is 0 when there is no room until the request in hand is done. */
static uv_buf_t conn_room(struct conn *c)
{
	char *buffer = c->proxy->rbufs.current->data;
	size_t room;

	if (c->lingering || !c->x || !exchange_has_begun(c->x))
		return uv_buf_init(buffer, RBUF_SIZE);
	if ((room = relay_request_room(c->x)))
		return uv_buf_init(buffer, (unsigned)room);
	char *at = exchange_in_room(c->x, &room);
	return uv_buf_init(at, (unsigned)room);
}

static void conn_on_read_end(struct conn *c, int status)
{
	conn_pause(c);
	c->eof = true;
	struct exchange *x = c->x;
	if (c->lingering || !x || !exchange_has_begun(x))
		conn_close(c, false);
	else
		exchange_on_client_end(x, status == UV_EOF ? 0 : status);
}

/* The first bytes of a request came into the read buffer.  The head moves into the exchange's own;
 * a long body behind it stays, to be sent on from there in the same write as the head. */
static void conn_on_first_read(struct conn *c, char *p, size_t n)
{
	if (c->wait == CONN_WAIT_IDLE)
		conn_wait(c, CONN_WAIT_NONE, 0);
	if (!c->x && !(c->x = exchange_take(c->proxy, c))) {
		conn_close(c, false);
		return;
	}
	size_t head = exchange_in_first(c->x, p, n);
	c->ahead = (struct str){ p + head, n - head };
	exchange_on_input(c->x);
	bool more = c->ahead.n > 0;
	conn_keep_ahead(c);
	if (more && c->x && c->x->state == EXCHANGE_HEAD && !uv_is_closing(&c->u.handle))
		exchange_on_input(c->x);
}

void conn_keep_ahead(struct conn *c)
{
	struct str ahead = c->ahead;

	c->ahead = (struct str){ NULL, 0 };
	if (ahead.n && c->x && exchange_in_append(c->x, ahead.p, ahead.n))
		conn_close(c, false);
}

static void conn_on_bytes(struct conn *c, char *p, size_t n)
{
	c->proxy->stats->bytes_received += n;
	if (c->lingering)
		return;
	if (!c->x || !exchange_has_begun(c->x)) {
		conn_on_first_read(c, p, n);
	} else if (rbufs_in_current(&c->proxy->rbufs, p)) {
		relay_request(c->x, p, n);
	} else {
		c->x->in_end += n;
		exchange_on_input(c->x);
	}
}

/* Reads once.  Whether there may be more to read now. */
static bool conn_read_once(struct conn *c)
{
	uv_buf_t room = conn_room(c);

	if (room.len == 0) {
		conn_pause(c);
		return false;
	}
	ssize_t n = socket_read(&c->u.stream, room.base, room.len);
	if (n == UV_EAGAIN)
		return false;
	if (n < 0) {
		conn_on_read_end(c, (int)n);
		return false;
	}
	conn_on_bytes(c, room.base, (size_t)n);
	return (size_t)n == room.len && c->reading && !uv_is_closing(&c->u.handle);
}

static void conn_on_readable(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = conn_from(stream->data);

	(void)buf;
	must(n == UV_ENOBUFS);
	c->proxy->upstream.heard++;
	for (int i = 0; i < SOCKET_READS_MAX && conn_read_once(c); i++)
		;
}

void conn_read(struct conn *c)
{
	if (c->reading || c->eof || uv_is_closing(&c->u.handle))
		return;
	c->reading = true;
	uv_read_start(&c->u.stream, socket_on_alloc, conn_on_readable);
}

void conn_pause(struct conn *c)
{
	if (!c->reading)
		return;
	c->reading = false;
	uv_read_stop(&c->u.stream);
}

static void conn_idle(struct conn *c)
{
	struct exchange *x = c->x;

	if (c->eof || (c->proxy->draining && !c->proxy->keep_idle && c->requests)) {
		conn_close(c, false);
		return;
	}
	c->x = NULL;
	if (x)
		exchange_give_back(x);
	conn_wait(c, CONN_WAIT_IDLE, c->proxy->config->timeouts.idle);
	conn_read(c);
}

void conn_next(struct conn *c, bool close)
{
	struct exchange *x = c->x;

	conn_keep_ahead(c);
	if (uv_is_closing(&c->u.handle))
		return;
	if (close) {
		if (!c->eof && (!x->body_done || x->in_pos < x->in_end))
			conn_linger(c);
		else
			conn_close(c, false);
		return;
	}
	if (x->in_pos == x->in_end) {
		conn_idle(c);
		return;
	}
	exchange_again(x);
	conn_read(c);
	/* Requests that were read together are run in a loop, not in a recursion. */
	c->again = true;
	if (c->running)
		return;
	while (c->again && c->x && !uv_is_closing(&c->u.handle)) {
		c->again = false;
		exchange_on_input(c->x);
	}
}

static void conn_on_shutdown(uv_shutdown_t *req, int status)
{
	struct conn *c = conn_from(req->handle->data);
	if (status < 0)
		conn_close(c, false);
}

void conn_linger(struct conn *c)
{
	if (uv_is_closing(&c->u.handle) || c->lingering)
		return;
	c->lingering = true;
	if (c->eof || !c->x || uv_shutdown(&c->x->shutdown, &c->u.stream, conn_on_shutdown)) {
		conn_close(c, false);
		return;
	}
	conn_wait(c, CONN_WAIT_LINGER, CONN_LINGER_MS);
	conn_read(c);
}

/* The client's address as text; empty for a unix socket. */
static void conn_name_peer(struct conn *c)
{
	struct sockaddr_storage address;
	int n = sizeof(address);

	if (c->u.handle.type != UV_TCP ||
	    uv_tcp_getpeername(&c->u.tcp, (struct sockaddr *)&address, &n))
		return;
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, c->peer,
			  sizeof(c->peer));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, c->peer,
			  sizeof(c->peer));
	c->peer_n = (uint8_t)strlen(c->peer);
}

/* Bytes that were not read would turn the close into a reset, which may overtake the answer
 * (RFC 9112, 9.6).  What comes later is not waited for: there is too much to do already. */
static void conn_discard(struct conn *c)
{
	uv_os_fd_t fd;
	ssize_t n = 1;

	if (uv_fileno(&c->u.handle, &fd))
		return;
	for (int i = 0; i < CONN_DISCARD_READS && n > 0; i++)
		n = recv(fd, c->proxy->rbufs.current->data, RBUF_SIZE, MSG_DONTWAIT);
}

/* A sixteenth of all descriptors is for connections to services: a client that is let in must be
 * served.  The kernel gives the lowest number that is free.  The limit may be another one each
 * time, since it can be set from outside (prlimit(2)). */
static bool conn_leaves_room(const struct conn *c)
{
	struct rlimit most;
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&c->u.stream, &fd) || getrlimit(RLIMIT_NOFILE, &most))
		return true;
	return (rlim_t)fd < most.rlim_cur - most.rlim_cur / 16;
}

/* Too many: says so in one write and closes. */
static void conn_shed(struct conn *c)
{
	uv_buf_t answer = uv_buf_init((char *)conn_shed_answer, sizeof(conn_shed_answer) - 1);

	c->proxy->stats->connections_shed++;
	uv_try_write(&c->u.stream, &answer, 1);
	conn_discard(c);
	conn_close(c, false);
}

void proxy_accept(struct proxy *p, uv_stream_t *listener)
{
	/* Not taken, it would stop the listener for good: better a new worker than a deaf one. */
	struct conn *c = xcalloc(1, sizeof(*c));
	const struct config_limits *limits = &p->config->limits;
	int r;

	p->upstream.heard++;
	c->magic = CONN_MAGIC;
	c->proxy = p;
	deadline_init(&c->deadline, conn_on_deadline);
	r = listener->type == UV_TCP ? uv_tcp_init(p->loop, &c->u.tcp) :
				       uv_pipe_init(p->loop, &c->u.pipe, 0);
	if (r) {
		free(c);
		return;
	}
	c->u.handle.data = c;
	list_push(&p->conns, &c->link);
	p->stats->connections_open++;
	if (uv_accept(listener, &c->u.stream)) {
		conn_close(c, false);
		return;
	}
	p->stats->connections_accepted++;
	conn_name_peer(c);
	if (p->stats->connections_open > limits->connections || !conn_leaves_room(c) ||
	    !conn_count_client(c, limits->connections_per_client)) {
		conn_shed(c);
		return;
	}
	conn_wait(c, CONN_WAIT_IDLE, p->config->timeouts.header);
	conn_read(c);
}
