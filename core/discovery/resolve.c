/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

enum { RESOLVE_NAME_MAGIC = 0x6e616d65, RESOLVE_REFRESH_MS = 30000, RESOLVE_RETRY_MS = 1000 };

/* One name in use.  It outlives its last user until the loop has let go of it. */
struct resolve_name {
	unsigned magic;
	struct resolver *resolver;
	char *name;
	struct list users;
	size_t user_count;
	struct resolve_answer answer;
	uv_timer_t timer;
	uv_getaddrinfo_t lookup;
	bool looking, timer_open, dying;
	int refused; /* why no lookup could be begun */
	uint64_t retry_ms;
};

struct resolve_user {
	struct list link;
	struct resolve_name *name;
	resolve_cb on_change;
	void *arg;
};

void resolver_init(struct resolver *r, uv_loop_t *loop)
{
	*r = (struct resolver){
		.loop = loop,
		.refresh_ms = RESOLVE_REFRESH_MS,
		.retry_ms = RESOLVE_RETRY_MS,
	};
}

static void resolver_check_closed(struct resolver *r)
{
	if (r->closing && r->open == 0 && r->on_closed) {
		void (*on_closed)(void *) = r->on_closed;

		r->on_closed = NULL;
		map_fini(&r->names);
		on_closed(r->arg);
	}
}

static void resolve_name_free(struct resolve_name *n)
{
	struct resolver *r = n->resolver;

	if (n->looking || n->timer_open)
		return;
	n->magic = 0;
	free(n->answer.addresses);
	free(n->name);
	free(n);
	r->open--;
	resolver_check_closed(r);
}

static void resolve_on_timer_closed(uv_handle_t *handle)
{
	struct resolve_name *n = container_of((uv_timer_t *)handle, struct resolve_name, timer);

	n->timer_open = false;
	resolve_name_free(n);
}

static int resolve_by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The distinct addresses of a lookup, sorted. */
static void resolve_collect(const struct addrinfo *list, struct resolve_answer *out)
{
	size_t kept = 0;

	out->addresses = xcalloc(RESOLVE_ADDRESSES_MAX, sizeof(*out->addresses));
	out->count = 0;
	for (; list && out->count < RESOLVE_ADDRESSES_MAX; list = list->ai_next) {
		char *text = out->addresses[out->count];

		if ((list->ai_family == AF_INET || list->ai_family == AF_INET6) &&
		    getnameinfo(list->ai_addr, list->ai_addrlen, text, RESOLVE_ADDRESS_SIZE, NULL,
				0, NI_NUMERICHOST) == 0)
			out->count++;
	}
	qsort(out->addresses, out->count, sizeof(*out->addresses), resolve_by_text);
	for (size_t i = 0; i < out->count; i++)
		if (i == 0 || strcmp(out->addresses[i], out->addresses[kept - 1]) != 0)
			memmove(out->addresses[kept++], out->addresses[i], RESOLVE_ADDRESS_SIZE);
	out->count = kept;
}

static bool resolve_same(const struct resolve_answer *a, const struct resolve_answer *b)
{
	return a->count == b->count &&
	       (a->count == 0 ||
		memcmp(a->addresses, b->addresses, a->count * sizeof(*a->addresses)) == 0);
}

/* Takes what a lookup found; the last good addresses stay when it found none. */
static bool resolve_learn(struct resolve_name *n, int status, const struct addrinfo *list)
{
	struct resolve_answer found = { 0 };
	bool changed = !n->answer.tried;
	char error[sizeof(n->answer.error)] = "";

	n->answer.tried = true;
	if (status == 0)
		resolve_collect(list, &found);
	if (found.count > 0) {
		changed |= !resolve_same(&found, &n->answer);
		free(n->answer.addresses);
		n->answer.addresses = found.addresses;
		n->answer.count = found.count;
	} else {
		free(found.addresses);
		n->resolver->failures++;
		snprintf(error, sizeof(error), "%s", status ? uv_strerror(status) : "no address");
	}
	if (strcmp(error, n->answer.error) != 0) {
		changed = true;
		memcpy(n->answer.error, error, sizeof(error));
		if (error[0])
			log_warn("host name does not resolve", LOG_S("name", n->name),
				 LOG_S("error", error), LOG_U("addresses_kept", n->answer.count));
		else if (n->answer.tried)
			log_info("host name resolves", LOG_S("name", n->name),
				 LOG_U("addresses", n->answer.count));
	}
	return changed;
}

static void resolve_lookup(struct resolve_name *);

static void resolve_on_timer(uv_timer_t *timer)
{
	resolve_lookup(container_of(timer, struct resolve_name, timer));
}

static void resolve_later(struct resolve_name *n)
{
	uint64_t wait = n->resolver->refresh_ms;

	if (n->answer.error[0]) {
		wait = n->retry_ms < wait ? n->retry_ms : wait;
		n->retry_ms = wait * 2;
	} else {
		n->retry_ms = n->resolver->retry_ms;
	}
	uv_timer_start(&n->timer, resolve_on_timer, wait, 0);
}

/* A callback may begin and release uses of any name, this one among them. */
static void resolve_tell(struct resolve_name *n)
{
	struct list todo;

	list_init(&todo);
	while (!list_empty(&n->users)) {
		struct list *at = n->users.next;

		list_remove(at);
		list_push(&todo, at);
	}
	while (!list_empty(&todo)) {
		struct resolve_user *u = container_of(todo.next, struct resolve_user, link);

		list_remove(&u->link);
		list_push(&n->users, &u->link);
		u->on_change(u->arg);
	}
}

static void resolve_ended(struct resolve_name *n, int status, const struct addrinfo *list)
{
	bool changed = resolve_learn(n, status, list);

	resolve_later(n);
	if (changed)
		resolve_tell(n);
}

static void resolve_on_answer(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
	struct resolve_name *n = container_of(lookup, struct resolve_name, lookup);

	must(n->magic == RESOLVE_NAME_MAGIC);
	n->looking = false;
	if (n->dying)
		resolve_name_free(n);
	else
		resolve_ended(n, status, list);
	uv_freeaddrinfo(list);
}

static void resolve_on_refused(uv_timer_t *timer)
{
	struct resolve_name *n = container_of(timer, struct resolve_name, timer);

	resolve_ended(n, n->refused, NULL);
}

static void resolve_lookup(struct resolve_name *n)
{
	/* Of a family that this machine has no address of, no address can be reached. */
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};

	n->resolver->lookups++;
	n->refused = uv_getaddrinfo(n->resolver->loop, &n->lookup, resolve_on_answer, n->name, NULL,
				    &hints);
	/* Not told at once: this may be inside resolve_use(). */
	if (n->refused)
		uv_timer_start(&n->timer, resolve_on_refused, 0, 0);
	else
		n->looking = true;
}

static struct resolve_name *resolve_name_new(struct resolver *r, const char *name)
{
	struct resolve_name *n = xcalloc(1, sizeof(*n));

	n->magic = RESOLVE_NAME_MAGIC;
	n->resolver = r;
	n->name = xstrdup(name);
	n->retry_ms = r->retry_ms;
	list_init(&n->users);
	must(uv_timer_init(r->loop, &n->timer) == 0);
	n->timer_open = true;
	r->open++;
	map_put(&r->names, str_from(n->name), n);
	resolve_lookup(n);
	return n;
}

struct resolve_user *resolve_use(struct resolver *r, const char *name, resolve_cb on_change,
				 void *arg)
{
	struct resolve_user *u = xcalloc(1, sizeof(*u));

	must(!r->closing);
	u->name = map_get(&r->names, str_from(name));
	if (!u->name)
		u->name = resolve_name_new(r, name);
	u->on_change = on_change;
	u->arg = arg;
	list_push(&u->name->users, &u->link);
	u->name->user_count++;
	return u;
}

void resolve_release(struct resolve_user *u)
{
	struct resolve_name *n;

	if (!u)
		return;
	n = u->name;
	list_remove(&u->link);
	free(u);
	if (--n->user_count > 0)
		return;
	map_remove(&n->resolver->names, str_from(n->name));
	n->dying = true;
	if (n->looking)
		uv_cancel((uv_req_t *)&n->lookup);
	uv_timer_stop(&n->timer);
	uv_close((uv_handle_t *)&n->timer, resolve_on_timer_closed);
}

const struct resolve_answer *resolve_known(const struct resolve_user *u)
{
	return &u->name->answer;
}

void resolver_close(struct resolver *r, void (*on_closed)(void *arg), void *arg)
{
	must(r->names.count == 0);
	r->closing = true;
	r->on_closed = on_closed;
	r->arg = arg;
	resolver_check_closed(r);
}
