/* SPDX-License-Identifier: Apache-2.0 */
/*	REGISTERING --200--> BEATING --leave--> GONE
 *	     ^  |               |
 *	     |  '-- again after 5 s
 *	     '---- 404, 500: Consul does not know the check any more
 *
 * A heartbeat that fails in another way changes nothing: the next one is due in 5 s, and the check
 * lasts three of them. */
#include "discovery/registration.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "discovery/consul_query.h"
#include "discovery/consul_settings.h"
#include "net/fetch.h"

enum {
	REGISTRATION_MAGIC = 0x72656773,
	REGISTRATION_BEAT_MS = 5000,
	REGISTRATION_JITTER = 20, /* per cent */
	REGISTRATION_LIMIT_MS = 2000,
	REGISTRATION_ANSWER_MAX = 64 * 1024
};

struct registration {
	unsigned magic;
	uv_loop_t *loop;
	struct gateway_config *config; /* a copy of its own: it outlives a generation */
	struct consul_settings settings;
	char *id;   /* the instance's */
	char *body; /* that registers it */
	struct fetcher *fetcher;
	struct fetch *fetch;
	struct rand rand;
	uv_timer_t timer;
	bool known;   /* Consul has it, as far as is known */
	bool failing; /* that it cannot be registered was logged */
	bool leaving;
	registration_cb gone;
	void *arg;
};

/* ---- what is said ---- */

static json_t *registration_tags(const struct config_register *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->tags.n; i++)
		json_array_append_new(list, json_string(c->tags.items[i]));
	return list;
}

static json_t *registration_meta(const struct config_register *c)
{
	json_t *object = json_object();

	for (size_t i = 0; i < c->meta_count; i++)
		json_object_set_new(object, c->meta[i].name,
				    json_string(c->meta[i].value ? c->meta[i].value : ""));
	return object;
}

/* It passes from the beginning: it is made when the gateway serves. */
static char *registration_body(const struct registration *r)
{
	const struct config_register *c = &r->config->consul.self;
	json_t *json = json_pack(
		"{s:s, s:s, s:i, s:o, s:o, s:{s:s, s:s, s:s}}", "ID", r->id, "Name", c->name,
		"Port", (int)c->port, "Tags", registration_tags(c), "Meta", registration_meta(c),
		"Check", "TTL", "15s", "Status", "passing", "DeregisterCriticalServiceAfter", "1m");
	char *text;

	if (json && c->address)
		json_object_set_new(json, "Address", json_string(c->address));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

static struct fetch *registration_put(struct registration *r, const char *path, const char *id,
				      const char *arguments, const char *body, fetch_cb done)
{
	struct error error = { "" };
	char *token = consul_settings_token(&r->settings, &error), *header = NULL;
	const char *headers[] = { NULL, NULL };
	struct fetch_spec spec = {
		.method = "PUT",
		.headers = headers,
		.body = body ? body : "",
		.body_size = body ? strlen(body) : 0,
		.timeout_ms = REGISTRATION_LIMIT_MS,
		.max_answer = REGISTRATION_ANSWER_MAX,
	};
	struct fetch *f = NULL;
	struct buf url;

	buf_init(&url, 64 * 1024);
	buf_printf(&url, "%s%s", r->settings.base, path);
	buf_url(&url, id);
	buf_str_append(&url, str_from(arguments));
	if (r->config->consul.ns) {
		buf_printf(&url, "%cns=", *arguments ? '&' : '?');
		buf_url(&url, r->config->consul.ns);
	}
	buf_char(&url, '\0');
	spec.url = url.p;
	consul_settings_spec(&r->settings, &spec);
	if (token && asprintf(&header, "X-Consul-Token: %s", token) >= 0)
		headers[0] = header;
	if (!url.failed)
		f = fetch_start(r->fetcher, &spec, done, r);
	buf_fini(&url);
	free(token);
	free(header);
	return f;
}

/* ---- when ---- */

static void registration_on_timer(uv_timer_t *);

static void registration_later(struct registration *r)
{
	uv_timer_start(&r->timer, registration_on_timer,
		       rand_jitter(&r->rand, REGISTRATION_BEAT_MS, REGISTRATION_JITTER), 0);
}

static const char *registration_remedy(int status)
{
	if (status == 403)
		return "give the ACL token service:write for this name";
	return status ? "look at discovery.consul.register" : "look at the agent";
}

static void registration_on_registered(void *arg, struct fetch *f,
				       const struct fetch_result *result)
{
	struct registration *r = arg;
	char body[200];

	(void)f;
	r->fetch = NULL;
	r->known = result->status == 200;
	snprintf(body, sizeof(body), "%.*s", STR_ARGS(result->body));
	if (r->known)
		log_info("registered in Consul", LOG_S("id", r->id));
	else if (!r->failing)
		log_warn("cannot register in Consul; it is tried again", LOG_S("id", r->id),
			 LOG_I("status", result->status),
			 LOG_S("error", result->error ? result->error : body),
			 LOG_S("remedy", registration_remedy(result->status)));
	r->failing = !r->known;
	registration_later(r);
}

static void registration_register(struct registration *r)
{
	r->known = false;
	r->fetch = registration_put(r, "/v1/agent/service/register", "",
				    "?replace-existing-checks=true", r->body,
				    registration_on_registered);
	if (!r->fetch)
		registration_later(r);
}

static void registration_on_beat(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct registration *r = arg;

	(void)f;
	r->fetch = NULL;
	if (result->status == 403) {
		/* Without its check kept alive it will be critical: that it cannot is said. */
		registration_register(r);
	} else if (result->status == 404 || result->status == 500) {
		log_info("Consul does not know this gateway any more: registering again",
			 LOG_S("id", r->id));
		registration_register(r);
	} else {
		registration_later(r);
	}
}

static void registration_on_timer(uv_timer_t *timer)
{
	struct registration *r = container_of(timer, struct registration, timer);

	must(r->magic == REGISTRATION_MAGIC);
	if (!r->known) {
		registration_register(r);
		return;
	}
	r->fetch = registration_put(r, "/v1/agent/check/pass/service:", r->id, "", NULL,
				    registration_on_beat);
	if (!r->fetch)
		registration_later(r);
}

/* ---- beginning and end ---- */

static void registration_free(struct registration *r)
{
	consul_settings_fini(&r->settings);
	gateway_config_free(r->config);
	free(r->id);
	free(r->body);
	free(r);
}

struct registration *registration_start(uv_loop_t *loop, const struct gateway_config *config,
					struct error *e)
{
	const struct config_register *c = &config->consul.self;
	struct config_errors errors = { 0 };
	struct registration *r;

	e->text[0] = '\0';
	if (!c->name)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->magic = REGISTRATION_MAGIC;
	r->loop = loop;
	r->config = gateway_config_load(config->file, &config->text, &errors);
	config_errors_fini(&errors);
	if (!r->config || consul_settings_init(&r->settings, &r->config->consul, e) ||
	    !(r->fetcher = fetcher_new(loop))) {
		if (!e->text[0])
			error_set(e, "libcurl cannot be set up");
		registration_free(r);
		return NULL;
	}
	c = &r->config->consul.self;
	if (c->id)
		r->id = xstrdup(c->id);
	else if (asprintf(&r->id, "%s-%u", c->name, c->port) < 0)
		error_abort(__FILE__, __LINE__, "memory");
	r->body = registration_body(r);
	must(r->body);
	rand_seed_kernel(&r->rand);
	must(uv_timer_init(loop, &r->timer) == 0);
	uv_timer_start(&r->timer, registration_on_timer, 0, 0);
	return r;
}

bool registration_same(const struct registration *a, const struct registration *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->settings.base, b->settings.base) == 0;
}

static void registration_gone(struct registration *r)
{
	r->known = false;
	r->gone(r->arg);
}

static void registration_on_gone(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct registration *r = arg;

	(void)f;
	r->fetch = NULL;
	if (result->status == 200 || result->status == 404)
		log_info("taken out of Consul", LOG_S("id", r->id));
	else
		log_warn("cannot be taken out of Consul", LOG_S("id", r->id),
			 LOG_I("status", result->status),
			 LOG_S("error", result->error ? result->error : ""));
	registration_gone(r);
}

static void registration_on_no_memory(uv_timer_t *timer)
{
	registration_gone(container_of(timer, struct registration, timer));
}

void registration_leave(struct registration *r, registration_cb gone, void *arg)
{
	must(!r->leaving);
	r->leaving = true;
	r->gone = gone;
	r->arg = arg;
	fetch_cancel(r->fetch);
	uv_timer_stop(&r->timer);
	/* Also when it is not known to be there: an answer may have been lost. */
	r->fetch = registration_put(r, "/v1/agent/service/deregister/", r->id, "", NULL,
				    registration_on_gone);
	if (!r->fetch)
		uv_timer_start(&r->timer, registration_on_no_memory, 0, 0);
}

static void registration_on_closed(uv_handle_t *handle)
{
	registration_free(container_of((uv_timer_t *)handle, struct registration, timer));
}

void registration_close(struct registration **r)
{
	struct registration *old = *r;

	*r = NULL;
	if (!old)
		return;
	fetcher_close(old->fetcher);
	old->fetch = NULL;
	uv_close((uv_handle_t *)&old->timer, registration_on_closed);
}
