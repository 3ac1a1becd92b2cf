/* SPDX-License-Identifier: Apache-2.0 */
/* Over HTTP/1 a blocking query holds a connection, and an agent allows 200 of them per client.
 * With many services none of their questions blocks; two others do.  The one for all checks tells
 * which services have changed, by comparing its answers.  The one for the catalogue wakes when any
 * instance comes or goes, also one without checks, and does not tell of which service: then all
 * are asked about, at a pace. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/gateway.h"
#include "discovery/consul_private.h"
#include "discovery/consul_query.h"
#include "discovery/health_diff.h"

/* An answer for all checks of 1,000 services is a megabyte: a burst is let through, and then so
 * many a second as to keep the cost of a service that never rests at a few per cent of a core. */
enum {
	CONSUL_TRIGGER_COST = 1000,
	CONSUL_TRIGGER_PER_MS = 8,
	CONSUL_TRIGGER_ALLOWANCE_MAX = 10 * CONSUL_TRIGGER_COST,
	CONSUL_TRIGGER_RETRY_MS = 1000, /* after a failure; doubled up to 16 s */
	/* Asking about a service costs a fifth of a millisecond: a twentieth of the time. */
	CONSUL_SWEEP_PER_SERVICE_MS = 4,
	CONSUL_SWEEP_MIN_MS = 1000,
	CONSUL_SWEEP_SPREAD = 2 /* questions a millisecond */
};

static void consul_trigger_ask(struct consul_trigger *);

static void consul_poke(struct consul_service *s, uint64_t now, uint64_t after_ms)
{
	watch_poke(&s->watch, now, now + after_ms);
	consul_service_run(s);
}

/* ---- all ---- */

static void consul_on_sweep(uv_timer_t *timer)
{
	struct consul *c = container_of(timer, struct consul, sweep);
	uint64_t now = uv_now(c->loop), n = 0;

	c->swept_ms = now;
	list_each(at, &c->services)
	{
		consul_poke(container_of(at, struct consul_service, link), now,
			    n++ / CONSUL_SWEEP_SPREAD);
	}
}

static void consul_sweep(struct consul *c)
{
	uint64_t pace = c->service_count * CONSUL_SWEEP_PER_SERVICE_MS;
	uint64_t now = uv_now(c->loop), due;

	if (pace < CONSUL_SWEEP_MIN_MS)
		pace = CONSUL_SWEEP_MIN_MS;
	due = c->swept_ms ? c->swept_ms + pace : now;
	if (!uv_is_active((uv_handle_t *)&c->sweep))
		uv_timer_start(&c->sweep, consul_on_sweep, due > now ? due - now : 0, 0);
}

/* ---- those that have changed ---- */

static bool consul_on_node(const struct consul_service *s, const char *node)
{
	size_t n = strlen(node);

	for (size_t i = 0; i < s->watch.known.count; i++) {
		const char *id = s->watch.known.items[i].id;

		if (strncmp(id, node, n) == 0 && id[n] == '/')
			return true;
	}
	return false;
}

static void consul_on_difference(void *arg, const char *node, const char *service, uint64_t index)
{
	struct consul *c = arg;
	uint64_t now = uv_now(c->loop), n = 0;

	list_each(at, &c->services)
	{
		struct consul_service *s = container_of(at, struct consul_service, link);

		if (*service ? strcmp(s->name, service) != 0 : !consul_on_node(s, node))
			continue;
		if (*service && index > s->wanted)
			s->wanted = index;
		/* Not at once: the same change is told twice, as it was and as it is. */
		consul_poke(s, now, 1 + n++ / CONSUL_SWEEP_SPREAD);
	}
}

/* Finds out what has changed, and keeps the body for the next time. */
static void consul_trigger_compare(struct consul_trigger *t, struct str body)
{
	if (t->body.n == 0 || health_diff(buf_str(&t->body), body, consul_on_difference, t->consul))
		consul_sweep(t->consul);
	buf_clear(&t->body);
	buf_str_append(&t->body, body);
	if (t->body.failed)
		buf_clear(&t->body);
}

/* ---- asking ---- */

static void consul_on_trigger_timer(uv_timer_t *timer)
{
	consul_trigger_ask(container_of(timer, struct consul_trigger, timer));
}

static void consul_trigger_later(struct consul_trigger *t, uint64_t ms)
{
	uv_timer_start(&t->timer, consul_on_trigger_timer, ms, 0);
}

static uint64_t consul_trigger_pause(struct consul_trigger *t, uint64_t now)
{
	t->allowance += (now - t->refilled_ms) * CONSUL_TRIGGER_PER_MS;
	t->refilled_ms = now;
	if (t->allowance > CONSUL_TRIGGER_ALLOWANCE_MAX)
		t->allowance = CONSUL_TRIGGER_ALLOWANCE_MAX;
	if (t->allowance >= CONSUL_TRIGGER_COST)
		return 0;
	return (CONSUL_TRIGGER_COST - t->allowance) / CONSUL_TRIGGER_PER_MS + 1;
}

/* The rules for the index are those of discovery/watch.c. */
static void consul_trigger_take(struct consul_trigger *t, uint64_t index, struct str body)
{
	uint64_t now = uv_now(t->consul->loop);
	uint64_t wait = t->consul->settings.config->wait;
	bool early = now - t->asked_ms < wait - wait / 20;
	bool odd = t->index > 0 && (index < t->index || (index == t->index && early));
	bool changed = t->last > 0 && index != t->last;

	t->faults = 0;
	t->last = index;
	t->index = odd ? 0 : index;
	if (t->tells)
		consul_trigger_compare(t, body);
	else if (changed || odd)
		consul_sweep(t->consul);
	consul_trigger_later(t, consul_trigger_pause(t, now));
}

static void consul_trigger_fail(struct consul_trigger *t)
{
	uint64_t ms = (uint64_t)CONSUL_TRIGGER_RETRY_MS << (t->faults < 4 ? t->faults : 4);

	t->faults++;
	t->index = 0;
	consul_trigger_later(t, rand_jitter(&t->consul->rand, ms, WATCH_BACKOFF_JITTER));
}

static void consul_on_triggered(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct consul_trigger *t = arg;
	struct consul_reply reply = {
		.status = result->status,
		.curl_code = result->curl_code,
		.total_ms = result->total_ms,
		.index = fetch_header(f, "X-Consul-Index"),
	};
	struct watch_answer answer = { 0 };
	enum watch_fault fault;

	t->fetch = NULL;
	if (consul_query_read(&reply, &answer, &fault))
		consul_trigger_fail(t);
	else
		consul_trigger_take(t, answer.index ? answer.index : 1, result->body);
}

static void consul_trigger_ask(struct consul_trigger *t)
{
	struct consul *c = t->consul;
	struct consul_scope scope = consul_scope_default(&c->settings);
	struct buf url;

	buf_init(&url, 64 * 1024);
	consul_query_path(&url, &c->settings, &scope, t->path, t->index);
	buf_char(&url, '\0');
	t->asked_ms = uv_now(c->loop);
	t->allowance -= t->allowance < CONSUL_TRIGGER_COST ? t->allowance : CONSUL_TRIGGER_COST;
	if (!url.failed)
		t->fetch = consul_fetch(c, url.p, consul_query_deadline(&c->settings, t->index),
					CONSUL_ANSWER_MAX, consul_on_triggered, t);
	if (!t->fetch)
		consul_trigger_fail(t);
	buf_fini(&url);
}

/* ---- beginning and end ---- */

static bool consul_trigger_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool consul_triggers_cover(const struct consul_service *s)
{
	const struct config_consul *config = s->consul->settings.config;

	return consul_trigger_same(s->scope.datacenter, config->datacenter) &&
	       consul_trigger_same(s->scope.ns, config->ns);
}

void consul_triggers_start(struct consul *c)
{
	static const char *const paths[CONSUL_TRIGGERS] = { "/v1/catalog/services",
							    "/v1/health/state/any" };

	for (size_t i = 0; i < CONSUL_TRIGGERS; i++) {
		struct consul_trigger *t = &c->triggers[i];

		t->consul = c;
		t->path = paths[i];
		t->tells = i == 1;
		buf_init(&t->body, 0);
		t->refilled_ms = uv_now(c->loop);
		t->allowance = CONSUL_TRIGGER_ALLOWANCE_MAX;
		must(uv_timer_init(c->loop, &t->timer) == 0);
		c->handles++;
		consul_trigger_later(t, 0);
	}
	must(uv_timer_init(c->loop, &c->sweep) == 0);
	c->handles++;
}

static void consul_on_trigger_closed(uv_handle_t *handle)
{
	consul_handle_closed(
		container_of((uv_timer_t *)handle, struct consul_trigger, timer)->consul);
}

static void consul_on_sweep_closed(uv_handle_t *handle)
{
	consul_handle_closed(container_of((uv_timer_t *)handle, struct consul, sweep));
}

void consul_triggers_close(struct consul *c)
{
	if (!c->polled)
		return;
	for (size_t i = 0; i < CONSUL_TRIGGERS; i++) {
		buf_fini(&c->triggers[i].body);
		uv_close((uv_handle_t *)&c->triggers[i].timer, consul_on_trigger_closed);
	}
	uv_close((uv_handle_t *)&c->sweep, consul_on_sweep_closed);
}
