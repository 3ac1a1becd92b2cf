/* SPDX-License-Identifier: Apache-2.0 */
/* Many servers, Consul's too, end a connection after 128 questions and leave the rest without an
 * answer.  c-ares puts all on one connection, and closes it when none is open: so questions come in
 * groups, and those of the next wait until the group has ended.
 *
 * Questions go over TCP unless the operator says otherwise: an answer comes whole then, however
 * many instances are in it.  Over UDP c-ares goes on to TCP by itself when a server says that it
 * has cut its answer; Consul, by default, cuts without saying so. */
#include "discovery/dns_client.h"

/* The functions that read and write c-ares's own records came with 1.22 only. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <stdlib.h>
#include <sys/time.h>

#include "base/list.h"
#include "base/log.h"
#include "config/gateway.h"

enum {
	DNS_CLIENT_MAGIC = 0x646e7363,
	DNS_TRIES = 2,
	DNS_CLASS_IN = 1,
	DNS_OPEN_MAX = 64, /* at the same time */
	DNS_GROUP_MAX = 100,
	/* c-ares 1.18 reads no more of a datagram; it asks over TCP for what is longer. */
	DNS_UDP_OLD = 4096,
	DNS_UDP = 8192,
	DNS_UDP_SINCE = 0x012200 /* 1.34 reads all of it */
};

struct dns_client {
	unsigned magic;
	uv_loop_t *loop;
	ares_channel channel;
	struct list sockets; /* of struct dns_socket */
	uv_timer_t timer;
	struct list waiting; /* of struct dns_question */
	uv_timer_t next;     /* asks those, outside of c-ares's callbacks */
	size_t open, asked;  /* questions now, and of this group */
	bool inside;         /* a callback of c-ares */
	bool closing;
	size_t handles; /* libuv handles that have not been closed */
	void (*on_closed)(void *arg);
	void *arg;
};

/* A socket of the channel's. */
struct dns_socket {
	struct list link;
	struct dns_client *client;
	ares_socket_t fd;
	uv_poll_t poll;
};

/* A question that waits or is on its way. */
struct dns_question {
	struct list link;
	struct dns_client *client;
	char *name;
	int type;
	dns_reply_cb done;
	void *arg;
};

static void dns_handle_closed(struct dns_client *c)
{
	void (*on_closed)(void *) = c->on_closed;
	void *arg = c->arg;

	if (--c->handles > 0)
		return;
	ares_library_cleanup();
	c->magic = 0;
	free(c);
	if (on_closed)
		on_closed(arg);
}

static void dns_on_timer_closed(uv_handle_t *handle)
{
	dns_handle_closed(container_of((uv_timer_t *)handle, struct dns_client, timer));
}

static void dns_on_next_closed(uv_handle_t *handle)
{
	dns_handle_closed(container_of((uv_timer_t *)handle, struct dns_client, next));
}

static void dns_on_socket_closed(uv_handle_t *handle)
{
	struct dns_socket *s = container_of((uv_poll_t *)handle, struct dns_socket, poll);
	struct dns_client *c = s->client;

	free(s);
	dns_handle_closed(c);
}

static void dns_on_timer(uv_timer_t *);

/* Wakes up when c-ares wants to: for a server that is silent. */
static void dns_arm(struct dns_client *c)
{
	struct timeval buf, *wait = ares_timeout(c->channel, NULL, &buf);

	if (!wait)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, dns_on_timer,
			       (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1,
			       0);
}

static void dns_on_timer(uv_timer_t *timer)
{
	struct dns_client *c = container_of(timer, struct dns_client, timer);

	must(c->magic == DNS_CLIENT_MAGIC);
	ares_process_fd(c->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	dns_arm(c);
}

static void dns_on_socket(uv_poll_t *poll, int status, int events)
{
	struct dns_socket *s = container_of(poll, struct dns_socket, poll);
	struct dns_client *c = s->client;
	ares_socket_t fd = s->fd;

	/* After an error c-ares finds out itself what it was, by reading and writing. */
	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	ares_process_fd(c->channel, events & UV_READABLE ? fd : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
	dns_arm(c);
}

static struct dns_socket *dns_find_socket(struct dns_client *c, ares_socket_t fd)
{
	list_each(at, &c->sockets)
	{
		struct dns_socket *s = container_of(at, struct dns_socket, link);

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

/* c-ares has opened a socket, waits for something else on it, or is about to close it. */
static void dns_on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_client *c = arg;
	struct dns_socket *s = dns_find_socket(c, fd);

	if (!s && (readable || writable)) {
		s = xcalloc(1, sizeof(*s));
		s->client = c;
		s->fd = fd;
		if (uv_poll_init_socket(c->loop, &s->poll, fd)) {
			/* Then the question ends as one that nobody answers. */
			free(s);
			return;
		}
		c->handles++;
		list_push(&c->sockets, &s->link);
	}
	if (!s)
		return;
	if (readable || writable) {
		uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
			      dns_on_socket);
		return;
	}
	list_remove(&s->link);
	uv_close((uv_handle_t *)&s->poll, dns_on_socket_closed);
}

static int dns_init_channel(struct dns_client *c, const struct config_dns *config, struct error *e)
{
	int version, status,
		mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		       ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ;
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 (config->transport == CONFIG_DNS_TCP ? ARES_FLAG_USEVC : ARES_FLAG_EDNS),
		.timeout = (int)config->timeout,
		.tries = DNS_TRIES,
		.sock_state_cb = dns_on_state,
		.sock_state_cb_data = c,
	};

	ares_version(&version);
	options.ednspsz = version >= DNS_UDP_SINCE ? DNS_UDP : DNS_UDP_OLD;
#ifdef ARES_OPT_QUERY_CACHE
	/* When to ask is for discovery to say, and nobody else keeps answers meanwhile. */
	mask |= ARES_OPT_QUERY_CACHE;
	options.qcache_max_ttl = 0;
#endif
	status = ares_init_options(&c->channel, &options, mask);
	if (status != ARES_SUCCESS)
		return error_set(e, "the resolver cannot be set up: %s", ares_strerror(status));
	if (!config->servers)
		return 0;
	status = ares_set_servers_ports_csv(c->channel, config->servers);
	if (status == ARES_SUCCESS)
		return 0;
	ares_destroy(c->channel);
	return error_set(e, "the DNS servers \"%s\" cannot be used: %s", config->servers,
			 ares_strerror(status));
}

struct dns_client *dns_client_new(uv_loop_t *loop, const struct config_dns *config, struct error *e)
{
	struct dns_client *c = xcalloc(1, sizeof(*c));

	c->magic = DNS_CLIENT_MAGIC;
	c->loop = loop;
	list_init(&c->sockets);
	list_init(&c->waiting);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		error_set(e, "c-ares cannot be set up");
		free(c);
		return NULL;
	}
	if (dns_init_channel(c, config, e)) {
		ares_library_cleanup();
		free(c);
		return NULL;
	}
	must(uv_timer_init(loop, &c->timer) == 0);
	must(uv_timer_init(loop, &c->next) == 0);
	c->handles = 2;
	return c;
}

static enum dns_outcome dns_outcome_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return DNS_ANSWERED;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
		return DNS_NOTHING;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return DNS_CLOSED;
	case ARES_ESERVFAIL:
	case ARES_EREFUSED:
	case ARES_ENOTIMP:
	case ARES_EFORMERR:
		return DNS_REFUSED;
	case ARES_EBADRESP:
	case ARES_EBADNAME:
		return DNS_UNREADABLE;
	default:
		return DNS_SILENT;
	}
}

static void dns_end(struct dns_question *q, const struct dns_reply *reply)
{
	dns_reply_cb done = q->done;
	void *arg = q->arg;

	free(q->name);
	free(q);
	done(arg, reply);
}

static void dns_on_next(uv_timer_t *timer);

static void dns_on_answer(void *arg, int status, int timeouts, unsigned char *message, int n)
{
	struct dns_question *q = arg;
	struct dns_client *c = q->client;
	struct dns_reply reply = {
		.outcome = dns_outcome_of(status),
		.message = { (const char *)message, n > 0 && message ? (size_t)n : 0 },
		.error = ares_strerror(status),
	};
	bool inside = c->inside;

	(void)timeouts;
	c->open--;
	c->inside = true;
	dns_end(q, &reply);
	c->inside = inside;
	if (!c->closing && !list_empty(&c->waiting))
		uv_timer_start(&c->next, dns_on_next, 0, 0);
}

/* Asks those that wait, as many as may be. */
static void dns_ask_waiting(struct dns_client *c)
{
	if (c->open == 0)
		c->asked = 0;
	while (!list_empty(&c->waiting) && c->open < DNS_OPEN_MAX && c->asked < DNS_GROUP_MAX) {
		struct dns_question *q = container_of(c->waiting.next, struct dns_question, link);

		list_remove(&q->link);
		c->open++;
		c->asked++;
		ares_query(c->channel, q->name, DNS_CLASS_IN, q->type, dns_on_answer, q);
	}
	dns_arm(c);
}

static void dns_on_next(uv_timer_t *timer)
{
	dns_ask_waiting(container_of(timer, struct dns_client, next));
}

void dns_client_ask(struct dns_client *c, const char *name, int type, dns_reply_cb done, void *arg)
{
	struct dns_question *q = xcalloc(1, sizeof(*q));

	must(c->magic == DNS_CLIENT_MAGIC && !c->closing);
	*q = (struct dns_question){
		.client = c, .name = xstrdup(name), .type = type, .done = done, .arg = arg
	};
	list_push(&c->waiting, &q->link);
	if (c->inside)
		uv_timer_start(&c->next, dns_on_next, 0, 0);
	else
		dns_ask_waiting(c);
}

void dns_client_close(struct dns_client *c, void (*on_closed)(void *arg), void *arg)
{
	static const struct dns_reply closed = { .outcome = DNS_CLOSED, .error = "closed" };

	must(c->magic == DNS_CLIENT_MAGIC);
	c->on_closed = on_closed;
	c->arg = arg;
	c->closing = true;
	ares_destroy(c->channel);
	while (!list_empty(&c->waiting)) {
		struct dns_question *q = container_of(c->waiting.next, struct dns_question, link);

		list_remove(&q->link);
		dns_end(q, &closed);
	}
	uv_close((uv_handle_t *)&c->timer, dns_on_timer_closed);
	uv_close((uv_handle_t *)&c->next, dns_on_next_closed);
}
