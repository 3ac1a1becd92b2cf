/* SPDX-License-Identifier: Apache-2.0 */
/* One service in Consul: a watch, a timer and at most one question on its way. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/consul_private.h"

/* Position in the choices of "on_all_critical". */
enum { CONSUL_PANIC = 0 };

enum { CONSUL_AGAIN_MS = 100 }; /* after an answer that is too old */

static const char *consul_fault_remedy(enum watch_fault fault)
{
	switch (fault) {
	case WATCH_LIMITED:
		return "raise limits.http_max_conns_per_client on the agent, or use fewer services";
	case WATCH_DENIED:
		return "give the ACL token service:read and node:read";
	case WATCH_UNREACHABLE:
	case WATCH_FAILED:
	case WATCH_GARBLED:
		break;
	}
	return "none here; what is known stays in use";
}

static void consul_say_fault(struct consul_service *s, int status, const char *error)
{
	static const char *const texts[] = {
		[WATCH_UNREACHABLE] = "Consul gives no answer about a service",
		[WATCH_LIMITED] = "Consul refuses a connection: it allows so many per client",
		[WATCH_DENIED] = "Consul denies access to a service",
		[WATCH_FAILED] = "Consul answers with an error about a service",
		[WATCH_GARBLED] = "Consul's answer about a service cannot be understood",
	};
	const struct watch *w = &s->watch;

	if (s->said_fault && s->fault_said == w->fault)
		return;
	s->said_fault = true;
	s->fault_said = w->fault;
	/* That the agent is gone is said once, not once for each service. */
	if (w->fault == WATCH_UNREACHABLE)
		log_debug(texts[w->fault], LOG_S("service", s->record->name),
			  LOG_S("error", error));
	else
		log_warn(texts[w->fault], LOG_S("service", s->record->name),
			 LOG_I("status", status), LOG_S("error", error ? error : ""),
			 LOG_S("remedy", consul_fault_remedy(w->fault)));
}

static void consul_on_skip(void *arg, const char *id, const char *reason)
{
	struct consul_service *s = arg;

	s->consul->stats.skipped++;
	skipped_say(&s->skipped, s->record->name, id, reason);
}

static void consul_count(struct consul *c, int status)
{
	if (status >= 200 && status < 300)
		c->stats.answers_2xx++;
	else if (status >= 400 && status < 500)
		c->stats.answers_4xx++;
	else if (status >= 500 && status < 600)
		c->stats.answers_5xx++;
	else if (status != 0)
		c->stats.answers_other++;
}

/* FNV-1a, over eight bytes at a time: a question that was answered as before costs no parsing. */
static uint64_t consul_digest(struct str body)
{
	uint64_t h = 0xcbf29ce484222325 ^ body.n, word;
	size_t i = 0;

	for (; body.n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, body.p + i, sizeof(word));
		h = (h ^ word) * 0x100000001b3;
		h ^= h >> 32;
	}
	for (; i < body.n; i++)
		h = (h ^ (unsigned char)body.p[i]) * 0x100000001b3;
	return h;
}

/* A 200: 0 when it was understood. */
static int consul_take(struct consul_service *s, struct watch_answer *a, struct str body,
		       struct error *error)
{
	uint64_t digest = consul_digest(body), now = uv_now(s->consul->loop);
	struct instance_set set;

	if (!s->has_digest || s->digest != digest) {
		s->has_digest = false;
		skipped_begin(&s->skipped);
		if (health_parse(body, &s->rules, &set, consul_on_skip, s, error))
			return -1;
		skipped_end(&s->skipped);
		a->set = &set;
		s->has_digest = true;
		s->digest = digest;
	}
	watch_answered(&s->watch, now, a);
	/* Another server may have answered than the one that told of the change. */
	if (a->index < s->wanted)
		watch_poke(&s->watch, now, now + CONSUL_AGAIN_MS);
	s->wanted = 0;
	s->record->index = a->index;
	s->record->confirmed_ms = clock_wall_us() / 1000;
	if (s->said_fault && s->fault_said != WATCH_UNREACHABLE)
		log_info("Consul answers about a service again", LOG_S("service", s->record->name));
	s->said_fault = false;
	return 0;
}

static void consul_fail(struct consul_service *s, enum watch_fault fault, int status,
			const char *error)
{
	struct consul *c = s->consul;

	watch_failed(&s->watch, uv_now(c->loop), fault);
	consul_say_fault(s, status, error);
	if (fault == WATCH_UNREACHABLE)
		c->stats.unreachable++;
	else if (fault == WATCH_LIMITED)
		c->stats.limited++;
	else if (fault == WATCH_GARBLED)
		c->stats.bad_answers++;
	if (fault == WATCH_UNREACHABLE || fault == WATCH_LIMITED)
		consul_suspect(c);
	if (fault == WATCH_DENIED && consul_reload_token(c)) {
		/* Another token deserves a try at once, and not for this service alone. */
		log_info("Consul's ACL token was read again");
		consul_renew_all(c);
	}
}

static void consul_on_answer(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct consul_service *s = arg;
	struct consul_reply reply = {
		.status = result->status,
		.curl_code = result->curl_code,
		.total_ms = result->total_ms,
		.index = fetch_header(f, "X-Consul-Index"),
		.known_leader = fetch_header(f, "X-Consul-Knownleader"),
		.last_contact = fetch_header(f, "X-Consul-Lastcontact"),
	};
	struct watch_answer answer = { 0 };
	enum watch_fault fault;
	struct error error = { "no X-Consul-Index: something else than Consul answers" };

	must(s->magic == CONSUL_SERVICE_MAGIC);
	s->fetch = NULL;
	consul_count(s->consul, result->status);
	if (result->status && s->consul->down)
		consul_probe(s->consul);
	if (consul_query_read(&reply, &answer, &fault))
		consul_fail(s, fault, result->status,
			    fault == WATCH_GARBLED && result->status ? error.text : result->error);
	else if (consul_take(s, &answer, result->body, &error))
		consul_fail(s, WATCH_GARBLED, result->status, error.text);
	publish_watch(&s->publish, &s->watch, &s->said_of_watch);
	if (result->status && !result->multiplexed)
		consul_is_single(s->consul);
	consul_service_run(s);
}

static void consul_ask(struct consul_service *s)
{
	struct consul *c = s->consul;
	uint64_t now = uv_now(c->loop);
	struct buf url;

	buf_init(&url, 64 * 1024);
	consul_query_url(&url, &c->settings, &s->scope, s->name, s->watch.ask_index);
	buf_char(&url, '\0');
	watch_asked(&s->watch, now);
	if (!url.failed)
		s->fetch = consul_fetch(c, url.p,
					consul_query_deadline(&c->settings, s->watch.ask_index),
					CONSUL_ANSWER_MAX, consul_on_answer, s);
	if (!s->fetch)
		watch_failed(&s->watch, now, WATCH_UNREACHABLE);
	buf_fini(&url);
}

static void consul_on_timer(uv_timer_t *timer)
{
	struct consul_service *s = container_of(timer, struct consul_service, timer);

	must(s->magic == CONSUL_SERVICE_MAGIC);
	consul_service_run(s);
}

void consul_service_run(struct consul_service *s)
{
	uint64_t now = uv_now(s->consul->loop);
	uint64_t due;

	if (watch_tick(&s->watch, now) || s->restored) {
		s->restored = false;
		publish_watch(&s->publish, &s->watch, &s->said_of_watch);
	}
	if (!s->watch.asking && s->watch.ask_at_ms <= now)
		consul_ask(s);
	due = watch_due(&s->watch);
	if (due == UINT64_MAX)
		uv_timer_stop(&s->timer);
	else
		uv_timer_start(&s->timer, consul_on_timer, due > now ? due - now : 1, 0);
}

static void consul_service_declare(struct consul_service *s, const struct config_service *declared)
{
	s->scope = consul_scope_default(&s->consul->settings);
	if (!declared)
		return;
	if (declared->datacenter)
		s->scope.datacenter = declared->datacenter;
	if (declared->ns)
		s->scope.ns = declared->ns;
	if (declared->consistency >= 0)
		s->scope.consistency = declared->consistency;
	s->rules = (struct health_rules){
		.default_port = declared->default_port,
		.tags = declared->tags,
		.meta = declared->meta,
		.meta_count = declared->meta_count,
		.require_checks = declared->require_checks,
	};
}

struct consul_service *consul_service_new(struct consul *c, struct registry_service *record,
					  const struct config_service *declared)
{
	struct consul_service *s = xcalloc(1, sizeof(*s));
	struct watch_rules rules = {
		.wait_ms = c->settings.config->wait,
		.hold_ms = c->settings.config->hold,
		.panic = !declared || declared->on_all_critical == CONSUL_PANIC,
		.sweep_ms = WATCH_SWEEP_MS,
	};

	s->magic = CONSUL_SERVICE_MAGIC;
	s->consul = c;
	s->record = record;
	s->name = declared && declared->consul_name ? declared->consul_name : record->name;
	consul_service_declare(s, declared);
	s->key = consul_key(s->name, &s->scope, &s->rules);
	if (!consul_triggers_cover(s))
		rules.sweep_ms = WATCH_SWEEP_ALONE_MS;
	watch_init(&s->watch, &rules, &c->rand);
	publish_init(&s->publish, c->registry, record, c->resolver);
	must(uv_timer_init(c->loop, &s->timer) == 0);
	c->handles++;
	consul_remember(s);
	watch_start(&s->watch, uv_now(c->loop));
	uv_timer_start(&s->timer, consul_on_timer, 0, 0);
	return s;
}

void consul_service_renew(struct consul_service *s, uint64_t at_ms)
{
	fetch_cancel(s->fetch);
	s->fetch = NULL;
	watch_renew(&s->watch, at_ms);
	consul_service_run(s);
}

static void consul_on_service_closed(uv_handle_t *handle)
{
	struct consul_service *s = container_of((uv_timer_t *)handle, struct consul_service, timer);
	struct consul *c = s->consul;

	s->magic = 0;
	free(s->key);
	free(s);
	consul_handle_closed(c);
}

void consul_service_close(struct consul_service *s)
{
	list_remove(&s->link);
	s->fetch = NULL;
	publish_fini(&s->publish);
	watch_fini(&s->watch);
	skipped_fini(&s->skipped);
	uv_close((uv_handle_t *)&s->timer, consul_on_service_closed);
}
