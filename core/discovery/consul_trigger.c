/* SPDX-License-Identifier: Apache-2.0 */
/* Over HTTP/1 a blocking query holds a connection, and an agent allows 200 of them per client.
 * With many services none of their questions blocks; two others do, and tell that some service
 * or some check has changed, though not which. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/gateway.h"
#include "discovery/consul_private.h"
#include "discovery/consul_query.h"

/* Between two questions, so that changes without rest cost no more than that. */
enum { CONSUL_TRIGGER_MS = 1000 };

static void consul_trigger_ask(struct consul_trigger *);

static void consul_on_trigger_timer(uv_timer_t *timer)
{
	consul_trigger_ask(container_of(timer, struct consul_trigger, timer));
}

static void consul_trigger_later(struct consul_trigger *t, uint64_t ms)
{
	uv_timer_start(&t->timer, consul_on_trigger_timer, ms, 0);
}

/* The rules for the index are those of discovery/watch.c. */
static void consul_trigger_take(struct consul_trigger *t, uint64_t index)
{
	uint64_t now = uv_now(t->consul->loop);
	uint64_t wait = t->consul->settings.config->wait;
	bool early = now - t->asked_ms < wait - wait / 20;
	bool odd = t->index > 0 && (index < t->index || (index == t->index && early));
	bool changed = t->last > 0 && index != t->last;

	t->faults = 0;
	t->last = index;
	t->index = odd ? 0 : index;
	if (changed || odd)
		consul_poke_all(t->consul);
	consul_trigger_later(t, now - t->asked_ms < CONSUL_TRIGGER_MS ?
					CONSUL_TRIGGER_MS - (now - t->asked_ms) :
					0);
}

static void consul_trigger_fail(struct consul_trigger *t)
{
	uint64_t ms = (uint64_t)CONSUL_TRIGGER_MS << (t->faults < 4 ? t->faults : 4);

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
		consul_trigger_take(t, answer.index ? answer.index : 1);
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
	if (!url.failed)
		t->fetch = consul_fetch(c, url.p, consul_query_deadline(&c->settings, t->index),
					CONSUL_ANSWER_MAX, consul_on_triggered, t);
	if (!t->fetch)
		consul_trigger_fail(t);
	buf_fini(&url);
}

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
		must(uv_timer_init(c->loop, &t->timer) == 0);
		c->handles++;
		consul_trigger_later(t, 0);
	}
}

static void consul_on_trigger_closed(uv_handle_t *handle)
{
	consul_handle_closed(
		container_of((uv_timer_t *)handle, struct consul_trigger, timer)->consul);
}

void consul_triggers_close(struct consul *c)
{
	for (size_t i = 0; c->polled && i < CONSUL_TRIGGERS; i++)
		uv_close((uv_handle_t *)&c->triggers[i].timer, consul_on_trigger_closed);
}
