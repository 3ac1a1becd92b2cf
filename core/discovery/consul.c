/* SPDX-License-Identifier: Apache-2.0 */
/* Each service has a watch, a timer and at most one question on its way.  Beside them a probe
 * asks the agent for a trifle every few seconds: a blocking query cannot tell a quiet agent from
 * a dead one.  When the agent answers again after it did not, every watch begins anew. */
#include "discovery/consul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "config/gateway.h"
#include "discovery/consul_query.h"
#include "discovery/consul_settings.h"
#include "discovery/discovery.h"
#include "discovery/health.h"
#include "discovery/publish.h"
#include "discovery/skipped.h"
#include "discovery/watch.h"
#include "net/fetch.h"

enum {
	CONSUL_MAGIC = 0x636f6e73,
	CONSUL_SERVICE_MAGIC = 0x636f6e74,
	CONSUL_CONNECT_MS = 2000,
	CONSUL_PROBE_MS = 5000,      /* between probes of an agent that answers */
	CONSUL_PROBE_DOWN_MS = 1000, /* and of one that does not */
	CONSUL_PROBE_LIMIT_MS = 5000,
	CONSUL_PROBE_ANSWER_MAX = 64 * 1024,
	CONSUL_ANSWER_MAX = 64 * 1024 * 1024,
	CONSUL_RENEW_SPREAD_MS = 200, /* all watches of an agent that is back ask within */
	CONSUL_PANIC = 0              /* position in the choices of "on_all_critical" */
};

struct consul {
	unsigned magic;
	uv_loop_t *loop;
	struct consul_settings settings;
	struct registry *registry;
	struct resolver *resolver;
	struct fetcher *fetcher;
	struct rand rand;
	struct list services;
	struct list inherited; /* of struct consul_memory */
	char *token_header;    /* "X-Consul-Token: ...", or NULL */
	uv_timer_t probe_timer;
	struct fetch *probe;
	bool down;
	bool single; /* https without HTTP/2: a connection carries one request */
	uint64_t probed_ms;
	struct discovery_stats stats;
	size_t handles;
	bool closing;
	void (*on_closed)(void *arg);
	void *arg;
};

/* What was logged last of a service, so that each change is logged once. */
struct consul_said {
	bool faulty;
	enum watch_fault fault;
	size_t holding, panicking;
};

struct consul_service {
	unsigned magic;
	struct list link;
	struct consul *consul;
	const char *name; /* in Consul */
	struct registry_service *record;
	struct health_rules rules;
	struct watch watch;
	struct publish publish;
	struct skipped skipped;
	bool restored; /* and not published yet */
	struct fetch *fetch;
	uv_timer_t timer;
	struct consul_said said;
};

/* What another discovery knew of a service. */
struct consul_memory {
	struct list link;
	char *name, *tag;
	uint16_t default_port;
	struct watch watch; /* never started */
};

static void consul_service_run(struct consul_service *);
static void consul_probe(struct consul *);

static void consul_read_token(struct consul *c)
{
	struct error error;
	char *token = consul_settings_token(&c->settings, &error);

	if (error.text[0])
		log_warn("Consul's ACL token cannot be read", LOG_S("error", error.text));
	free(c->token_header);
	c->token_header = NULL;
	if (token && asprintf(&c->token_header, "X-Consul-Token: %s", token) < 0)
		c->token_header = NULL;
	free(token);
}

struct consul *consul_new(uv_loop_t *loop, const struct config_consul *config,
			  struct registry *registry, struct resolver *resolver, struct error *error)
{
	struct consul *c = xcalloc(1, sizeof(*c));

	c->magic = CONSUL_MAGIC;
	c->loop = loop;
	c->registry = registry;
	c->resolver = resolver;
	list_init(&c->services);
	list_init(&c->inherited);
	if (consul_settings_init(&c->settings, config, error)) {
		free(c);
		return NULL;
	}
	c->fetcher = fetcher_new(loop);
	if (!c->fetcher) {
		error_set(error, "libcurl cannot be set up");
		consul_settings_fini(&c->settings);
		free(c);
		return NULL;
	}
	rand_seed_kernel(&c->rand);
	must(uv_timer_init(loop, &c->probe_timer) == 0);
	c->handles = 1;
	consul_read_token(c);
	return c;
}

static struct fetch *consul_fetch(struct consul *c, const char *url, uint64_t timeout_ms,
				  size_t max_answer, fetch_cb done, void *arg)
{
	const struct config_consul *s = c->settings.config;
	const char *headers[] = { c->token_header, NULL };
	struct fetch_spec spec = {
		.url = url,
		.unix_socket = c->settings.unix_socket,
		.headers = headers,
		.timeout_ms = timeout_ms,
		.connect_timeout_ms = CONSUL_CONNECT_MS,
		.max_answer = max_answer,
		.compressed = true,
		.ca_file = s->ca_file,
		.ca_path = s->ca_path,
		.client_cert = s->client_cert,
		.client_key = s->client_key,
		.tls_server_name = s->tls_server_name,
		.userpwd = s->http_auth,
		.tls_insecure = !s->tls_verify,
	};

	return fetch_start(c->fetcher, &spec, done, arg);
}

/* Over HTTP/2 a question is a stream.  Without a limit libcurl opens a connection for each one
 * that finds the first connection full; over HTTP/1 each question must have its own. */
static void consul_limit(struct consul *c, unsigned watches)
{
	bool tls = strncmp(c->settings.base, "https:", 6) == 0;

	fetcher_limit(c->fetcher, tls && !c->single ? watches / FETCH_STREAMS_MAX + 2 : 0);
}

/* The agent answers again, and may know nothing of what it said before. */
static void consul_renew_all(struct consul *c)
{
	uint64_t now = uv_now(c->loop);

	list_each(at, &c->services)
	{
		struct consul_service *s = container_of(at, struct consul_service, link);

		fetch_cancel(s->fetch);
		s->fetch = NULL;
		watch_renew(&s->watch, now + rand_below(&c->rand, CONSUL_RENEW_SPREAD_MS));
		consul_service_run(s);
	}
}

static void consul_on_probe_timer(uv_timer_t *timer)
{
	struct consul *c = container_of(timer, struct consul, probe_timer);

	must(c->magic == CONSUL_MAGIC);
	consul_probe(c);
}

static void consul_on_probed(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct consul *c = arg;
	bool was_down = c->down;

	(void)f;
	c->probe = NULL;
	/* Any status will do: there is somebody. */
	c->down = result->status == 0;
	uv_timer_start(&c->probe_timer, consul_on_probe_timer,
		       rand_jitter(&c->rand, c->down ? CONSUL_PROBE_DOWN_MS : CONSUL_PROBE_MS, 10),
		       0);
	if (c->down && !was_down)
		log_warn("Consul does not answer; what is known stays in use",
			 LOG_S("address", c->settings.base), LOG_S("error", result->error));
	if (!c->down && was_down) {
		log_info("Consul answers again", LOG_S("address", c->settings.base));
		consul_renew_all(c);
	}
}

static void consul_probe(struct consul *c)
{
	char *url = NULL;

	if (c->probe)
		return;
	c->probed_ms = uv_now(c->loop);
	if (asprintf(&url, "%s/v1/status/leader", c->settings.base) >= 0)
		c->probe = consul_fetch(c, url, CONSUL_PROBE_LIMIT_MS, CONSUL_PROBE_ANSWER_MAX,
					consul_on_probed, c);
	free(url);
	if (!c->probe)
		uv_timer_start(&c->probe_timer, consul_on_probe_timer, CONSUL_PROBE_MS, 0);
}

/* A question has failed: find out soon whether the agent has. */
static void consul_suspect(struct consul *c)
{
	if (!c->down && uv_now(c->loop) - c->probed_ms >= CONSUL_PROBE_DOWN_MS)
		consul_probe(c);
}

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

	if (s->said.faulty && s->said.fault == w->fault)
		return;
	s->said.faulty = true;
	s->said.fault = w->fault;
	/* That the agent is gone is said once, not once for each service. */
	if (w->fault == WATCH_UNREACHABLE)
		log_debug(texts[w->fault], LOG_S("service", s->record->name),
			  LOG_S("error", error));
	else
		log_warn(texts[w->fault], LOG_S("service", s->record->name),
			 LOG_I("status", status), LOG_S("error", error ? error : ""),
			 LOG_S("remedy", consul_fault_remedy(w->fault)));
}

static void consul_say_changes(struct consul_service *s)
{
	const struct watch *w = &s->watch;
	const struct registry_service *record = s->record;
	struct consul_said now = s->said;

	now.holding = w->holding;
	now.panicking = w->panicking;
	if (now.holding && !s->said.holding)
		log_warn("Consul lists far fewer instances; holding the missing ones",
			 LOG_S("service", record->name), LOG_U("missing", now.holding),
			 LOG_U("for_ms", w->rules.hold_ms));
	if (!now.holding && s->said.holding)
		log_info("the hold has ended", LOG_S("service", record->name),
			 LOG_S("state", registry_state_name(record->state)));
	if (now.panicking && !s->said.panicking)
		log_warn("no instance is passing; trying critical ones",
			 LOG_S("service", record->name), LOG_U("instances", now.panicking));
	if (!now.panicking && s->said.panicking)
		log_info("no critical instance needs to be tried any more",
			 LOG_S("service", record->name));
	s->said = now;
}

static void consul_service_publish(struct consul_service *s)
{
	struct instance_set view = watch_view(&s->watch);
	char note[200];

	watch_note(&s->watch, note, sizeof(note));
	s->publish.answered = s->watch.answered;
	publish_set(&s->publish, &view, s->watch.seen, note);
	consul_say_changes(s);
}

static void consul_on_skip(void *arg, const char *id, const char *reason)
{
	struct consul_service *s = arg;

	s->consul->stats.skipped++;
	if (skipped_add(&s->skipped, id, reason))
		log_warn("instance left out", LOG_S("service", s->record->name),
			 LOG_S("instance", id), LOG_S("reason", reason));
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

/* A 200: 0 when it was understood. */
static int consul_take(struct consul_service *s, struct watch_answer *a, struct str body,
		       struct error *error)
{
	struct instance_set set;
	int rc;

	skipped_begin(&s->skipped);
	rc = health_parse(body, &s->rules, &set, consul_on_skip, s, error);
	if (rc)
		return rc;
	skipped_end(&s->skipped);
	a->set = &set;
	watch_answered(&s->watch, uv_now(s->consul->loop), a);
	s->record->index = a->index;
	s->record->confirmed_ms = clock_wall_us() / 1000;
	if (s->said.faulty && s->said.fault != WATCH_UNREACHABLE)
		log_info("Consul answers about a service again", LOG_S("service", s->record->name));
	s->said.faulty = false;
	return 0;
}

static void consul_fail(struct consul_service *s, enum watch_fault fault, int status,
			const char *error)
{
	struct consul *c = s->consul;
	char *old;

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
	if (fault != WATCH_DENIED || !c->settings.config->token_file)
		return;
	old = c->token_header;
	c->token_header = NULL;
	consul_read_token(c);
	/* Another token deserves a try at once, though not one a millisecond. */
	if (c->token_header && (!old || strcmp(old, c->token_header) != 0)) {
		log_info("Consul's ACL token was read again");
		watch_renew(&s->watch, uv_now(c->loop) + WATCH_BACKOFF_FIRST_MS);
	}
	free(old);
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
	if (result->status && !result->multiplexed && !s->consul->single) {
		s->consul->single = true;
		consul_limit(s->consul, 0);
	}
	if (result->status && s->consul->down)
		consul_probe(s->consul);
	if (consul_query_read(&reply, &answer, &fault))
		consul_fail(s, fault, result->status,
			    fault == WATCH_GARBLED && result->status ? error.text : result->error);
	else if (consul_take(s, &answer, result->body, &error))
		consul_fail(s, WATCH_GARBLED, result->status, error.text);
	consul_service_publish(s);
	consul_service_run(s);
}

static void consul_ask(struct consul_service *s)
{
	struct consul *c = s->consul;
	uint64_t now = uv_now(c->loop);
	struct buf url;

	buf_init(&url, 64 * 1024);
	consul_query_url(&url, &c->settings, s->name, s->watch.ask_index);
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

/* Does what is due, and arms the timer for what is due next. */
static void consul_service_run(struct consul_service *s)
{
	uint64_t now = uv_now(s->consul->loop);
	uint64_t due;

	if (watch_tick(&s->watch, now) || s->restored) {
		s->restored = false;
		consul_service_publish(s);
	}
	if (!s->watch.asking && s->watch.ask_at_ms <= now)
		consul_ask(s);
	due = watch_due(&s->watch);
	if (due == UINT64_MAX)
		uv_timer_stop(&s->timer);
	else
		uv_timer_start(&s->timer, consul_on_timer, due > now ? due - now : 1, 0);
}

static bool consul_text_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool consul_same_agent(const struct consul_settings *a, const struct consul_settings *b)
{
	return consul_text_same(a->base, b->base) &&
	       consul_text_same(a->unix_socket, b->unix_socket) &&
	       consul_text_same(a->config->datacenter, b->config->datacenter) &&
	       consul_text_same(a->config->ns, b->config->ns);
}

void consul_inherit(struct consul *c, const struct consul *from)
{
	if (!consul_same_agent(&c->settings, &from->settings))
		return;
	list_each(at, &from->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);
		struct consul_memory *m = xcalloc(1, sizeof(*m));

		m->name = xstrdup(s->name);
		m->tag = s->rules.tag ? xstrdup(s->rules.tag) : NULL;
		m->default_port = s->rules.default_port;
		watch_restore(&m->watch, &s->watch);
		list_push(&c->inherited, &m->link);
	}
}

static void consul_memory_free(struct consul_memory *m)
{
	list_remove(&m->link);
	watch_fini(&m->watch);
	free(m->name);
	free(m->tag);
	free(m);
}

/* Takes over what is remembered of the service, if it is read by the same rules. */
static void consul_remember(struct consul_service *s)
{
	list_each(at, &s->consul->inherited)
	{
		struct consul_memory *m = container_of(at, struct consul_memory, link);

		if (!consul_text_same(m->name, s->name) ||
		    !consul_text_same(m->tag, s->rules.tag) ||
		    m->default_port != s->rules.default_port)
			continue;
		watch_restore(&s->watch, &m->watch);
		s->restored = m->watch.answered;
		consul_memory_free(m);
		return;
	}
}

void consul_watch(struct consul *c, struct registry_service *record,
		  const struct config_service *declared)
{
	struct consul_service *s = xcalloc(1, sizeof(*s));
	struct watch_rules rules = {
		.wait_ms = c->settings.config->wait,
		.hold_ms = c->settings.config->hold,
		.panic = !declared || declared->on_all_critical == CONSUL_PANIC,
	};

	s->magic = CONSUL_SERVICE_MAGIC;
	s->consul = c;
	s->record = record;
	s->name = declared && declared->consul_name ? declared->consul_name : record->name;
	if (declared)
		s->rules = (struct health_rules){ declared->default_port, declared->tag };
	watch_init(&s->watch, &rules, &c->rand);
	publish_init(&s->publish, c->registry, record, c->resolver);
	must(uv_timer_init(c->loop, &s->timer) == 0);
	c->handles++;
	consul_limit(c, (unsigned)c->handles);
	if (list_empty(&c->services))
		uv_timer_start(&c->probe_timer, consul_on_probe_timer, 0, 0);
	list_push(&c->services, &s->link);
	consul_remember(s);
	watch_start(&s->watch, uv_now(c->loop));
	uv_timer_start(&s->timer, consul_on_timer, 0, 0);
}

void consul_stats(const struct consul *c, struct discovery_stats *stats)
{
	*stats = c->stats;
	stats->consul_used = !list_empty(&c->services);
	stats->consul_reachable = stats->consul_used && !c->down && c->probed_ms > 0;
	list_each(at, &c->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);

		stats->watches++;
		stats->holding += s->watch.holding > 0;
		stats->panicking += s->watch.panicking > 0;
		stats->index_resets += s->watch.index_resets;
		stats->throttled += s->watch.throttled;
	}
}

static void consul_on_handle_closed(struct consul *c)
{
	void (*on_closed)(void *) = c->on_closed;
	void *arg = c->arg;

	if (--c->handles > 0)
		return;
	consul_settings_fini(&c->settings);
	free(c->token_header);
	c->magic = 0;
	free(c);
	if (on_closed)
		on_closed(arg);
}

static void consul_on_service_closed(uv_handle_t *handle)
{
	struct consul_service *s = container_of((uv_timer_t *)handle, struct consul_service, timer);
	struct consul *c = s->consul;

	s->magic = 0;
	free(s);
	consul_on_handle_closed(c);
}

static void consul_on_probe_closed(uv_handle_t *handle)
{
	consul_on_handle_closed(container_of((uv_timer_t *)handle, struct consul, probe_timer));
}

void consul_close(struct consul *c, void (*on_closed)(void *arg), void *arg)
{
	must(!c->closing);
	c->closing = true;
	c->on_closed = on_closed;
	c->arg = arg;
	fetcher_close(c->fetcher);
	while (!list_empty(&c->services)) {
		struct consul_service *s = container_of(c->services.next, struct consul_service,
							link);

		list_remove(&s->link);
		publish_fini(&s->publish);
		watch_fini(&s->watch);
		skipped_fini(&s->skipped);
		uv_close((uv_handle_t *)&s->timer, consul_on_service_closed);
	}
	while (!list_empty(&c->inherited))
		consul_memory_free(container_of(c->inherited.next, struct consul_memory, link));
	uv_close((uv_handle_t *)&c->probe_timer, consul_on_probe_closed);
}
