/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/consul_private.h"

enum {
	CONSUL_RENEW_SPREAD_MS = 200, /* all watches of an agent that is back ask within */
	CONSUL_BLOCKING_MAX = 100,    /* more watches over HTTP/1 are polled */
	CONSUL_POLL_CONNECTIONS = 32  /* and share so many connections */
};

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

bool consul_reload_token(struct consul *c)
{
	char *old = c->token_header;
	bool differs;

	c->token_header = NULL;
	consul_read_token(c);
	differs = c->token_header && (!old || strcmp(old, c->token_header) != 0);
	free(old);
	return differs;
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
	/* In the clear there is no HTTP/2; over TLS the first answer tells. */
	c->single = strncmp(c->settings.base, "https:", 6) != 0;
	c->local = consul_settings_local(&c->settings);
	rand_seed_kernel(&c->rand);
	must(uv_timer_init(loop, &c->probe_timer) == 0);
	c->handles = 1;
	consul_read_token(c);
	return c;
}

struct fetch *consul_fetch(struct consul *c, const char *url, uint64_t timeout_ms,
			   size_t max_answer, fetch_cb done, void *arg)
{
	const char *headers[] = { c->token_header, NULL };
	struct fetch_spec spec = {
		.url = url,
		.headers = headers,
		.timeout_ms = timeout_ms,
		.max_answer = max_answer,
		/* Within a machine it would cost time on both sides and save nothing. */
		.compressed = !c->local,
	};

	consul_settings_spec(&c->settings, &spec);
	return fetch_start(c->fetcher, &spec, done, arg);
}

/* Over HTTP/2 a question is a stream.  Without a limit libcurl opens a connection for each one
 * that finds the first connection full; over HTTP/1 each question that blocks must have its own. */
static void consul_limit(struct consul *c)
{
	unsigned limit = 0;

	if (c->polled)
		limit = CONSUL_POLL_CONNECTIONS;
	else if (!c->single)
		limit = (unsigned)c->service_count / FETCH_STREAMS_MAX + 2;
	fetcher_limit(c->fetcher, limit);
}

/* Goes over to polling when there are too many services for a connection each. */
static void consul_choose(struct consul *c)
{
	uint64_t now = uv_now(c->loop);

	if (!c->polled && c->single && c->service_count > CONSUL_BLOCKING_MAX) {
		log_info("many services over HTTP/1: Consul is asked for changes of any of them",
			 LOG_U("services", c->service_count));
		c->polled = true;
		list_each(at, &c->services)
		{
			struct consul_service *s = container_of(at, struct consul_service, link);

			watch_poll(&s->watch, now);
			consul_service_renew(s, now + rand_below(&c->rand, CONSUL_RENEW_SPREAD_MS));
		}
		consul_triggers_start(c);
	}
	consul_limit(c);
}

void consul_is_single(struct consul *c)
{
	if (c->single)
		return;
	c->single = true;
	consul_choose(c);
}

void consul_renew_all(struct consul *c)
{
	uint64_t now = uv_now(c->loop);

	list_each(at, &c->services)
	{
		consul_service_renew(container_of(at, struct consul_service, link),
				     now + rand_below(&c->rand, CONSUL_RENEW_SPREAD_MS));
	}
}

void consul_watch(struct consul *c, struct registry_service *record,
		  const struct config_service *declared)
{
	struct consul_service *s = consul_service_new(c, record, declared);

	if (list_empty(&c->services))
		consul_probe_start(c);
	list_push(&c->services, &s->link);
	c->service_count++;
	if (c->polled)
		watch_poll(&s->watch, uv_now(c->loop));
	consul_choose(c);
}

void consul_stats(const struct consul *c, struct discovery_stats *stats)
{
	*stats = c->stats;
	stats->consul_used = !list_empty(&c->services);
	stats->consul_reachable = stats->consul_used && c->probed && !c->down;
	list_each(at, &c->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);

		stats->watches++;
		stats->restored += s->watch.restored;
		stats->holding += s->watch.holding > 0;
		stats->panicking += s->watch.panicking > 0;
		stats->index_resets += s->watch.index_resets;
		stats->throttled += s->watch.throttled;
	}
}

void consul_handle_closed(struct consul *c)
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

static void consul_on_probe_closed(uv_handle_t *handle)
{
	consul_handle_closed(container_of((uv_timer_t *)handle, struct consul, probe_timer));
}

void consul_close(struct consul *c, void (*on_closed)(void *arg), void *arg)
{
	must(!c->closing);
	c->closing = true;
	c->on_closed = on_closed;
	c->arg = arg;
	fetcher_close(c->fetcher);
	while (!list_empty(&c->services))
		consul_service_close(container_of(c->services.next, struct consul_service, link));
	consul_triggers_close(c);
	memory_forget(&c->inherited);
	uv_close((uv_handle_t *)&c->probe_timer, consul_on_probe_closed);
}
