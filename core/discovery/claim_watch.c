/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim_watch.h"

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
#include "discovery/claim.h"
#include "discovery/claim_set.h"
#include "discovery/consul_query.h"
#include "discovery/consul_settings.h"
#include "net/fetch.h"

enum {
	CLAIM_WATCH_MAGIC = 0x636c6d77,
	CLAIM_ASKS = 4, /* at the same time, of a sweep */
	CLAIM_ANSWER_MAX = 16 * 1024 * 1024,
	CLAIM_PAUSE_MS = 1000,
	CLAIM_PAUSE_SERVICE_MS = 20,
	CLAIM_BACKOFF_MAX_MS = 30 * 1000,
	CLAIM_JITTER = 20 /* per cent */
};

/* Consul picks the instances that have it: of a thousand that do not, nothing is sent. */
static const char claim_filter[] = "\"gatehouse-path\" in ServiceMeta";

struct claim_ask {
	struct claim_watch *watch;
	struct fetch *fetch; /* NULL: free */
	const char *service;
};

struct claim_watch {
	unsigned magic;
	struct gateway_config *config; /* a copy of its own: it outlives a generation */
	struct consul_settings settings;
	struct claim_set *set;
	claim_watch_cb cb;
	void *arg;
	struct fetcher *fetcher;
	struct fetch *listing;
	struct claim_ask asks[CLAIM_ASKS];
	struct rand rand;
	uv_timer_t timer;
	uint64_t index; /* to ask with; 0: what is there now */
	uint64_t asked_ms, backoff_ms;
	json_t *services;   /* SWEEP: {NAME: [TAG, ...]} */
	const char **names; /* SWEEP: its keys */
	size_t name_count, next, open;
	bool incomplete;   /* SWEEP: some service could not be asked about */
	bool answered;     /* once */
	bool said_partial; /* that some cannot be asked about was logged */
};

static struct claim_watch *claim_watch_of(void *data)
{
	struct claim_watch *w = data;

	must(w->magic == CLAIM_WATCH_MAGIC);
	return w;
}

static void claim_watch_on_timer(uv_timer_t *timer);

static void claim_watch_later(struct claim_watch *w, uint64_t ms)
{
	uv_timer_start(&w->timer, claim_watch_on_timer, ms, 0);
}

/* ---- asking ---- */

static struct fetch *claim_watch_fetch(struct claim_watch *w, const struct buf *url, uint64_t index,
				       fetch_cb done, void *arg)
{
	struct error error = { "" };
	char *token = consul_settings_token(&w->settings, &error), *header = NULL;
	const char *headers[] = { NULL, NULL };
	struct fetch_spec spec = { .headers = headers,
				   .url = url->p,
				   .timeout_ms = consul_query_deadline(&w->settings, index),
				   .max_answer = CLAIM_ANSWER_MAX,
				   .compressed = !consul_settings_local(&w->settings) };
	struct fetch *fetch = NULL;

	consul_settings_spec(&w->settings, &spec);
	if (token && asprintf(&header, "X-Consul-Token: %s", token) >= 0)
		headers[0] = header;
	if (!url->failed)
		fetch = fetch_start(w->fetcher, &spec, done, arg);
	free(token);
	free(header);
	return fetch;
}

static int claim_watch_read(struct fetch *f, const struct fetch_result *r, struct watch_answer *a)
{
	struct consul_reply reply = {
		.status = r->status,
		.curl_code = r->curl_code,
		.total_ms = r->total_ms,
		.index = fetch_header(f, "X-Consul-Index"),
		.known_leader = fetch_header(f, "X-Consul-Knownleader"),
		.last_contact = fetch_header(f, "X-Consul-Lastcontact"),
	};
	enum watch_fault fault;

	return consul_query_read(&reply, a, &fault);
}

static bool claim_watch_trusts(const struct watch_answer *a)
{
	return a->known_leader && a->last_contact_ms <= WATCH_CONTACT_MAX_MS;
}

static void claim_watch_fail(struct claim_watch *w, const char *error, int status)
{
	if (w->backoff_ms == 0)
		log_warn("Consul does not tell which routes its services ask for; they stay",
			 LOG_I("status", status), LOG_S("error", error ? error : ""));
	w->backoff_ms = w->backoff_ms ? w->backoff_ms * 2 : CLAIM_PAUSE_MS;
	if (w->backoff_ms > CLAIM_BACKOFF_MAX_MS)
		w->backoff_ms = CLAIM_BACKOFF_MAX_MS;
	/* Another agent, or one that lost everything, may answer next. */
	w->index = 0;
	claim_watch_later(w, rand_jitter(&w->rand, w->backoff_ms, CLAIM_JITTER));
}

/* ---- the sweep ---- */

static void claim_watch_end_sweep(struct claim_watch *w)
{
	uint64_t pause = w->name_count * CLAIM_PAUSE_SERVICE_MS;
	uint64_t passed = uv_now(w->timer.loop) - w->asked_ms;

	json_decref(w->services);
	free(w->names);
	w->services = NULL;
	w->names = NULL;
	if (w->incomplete && !w->said_partial)
		log_warn("Consul does not tell the metadata of some services; their routes stay");
	w->said_partial = w->incomplete;
	w->answered = true;
	if (pause < CLAIM_PAUSE_MS)
		pause = CLAIM_PAUSE_MS;
	claim_watch_later(w, passed < pause ? pause - passed : 0);
	w->cb(w->arg);
}

static void claim_watch_take_meta(struct claim_watch *w, const char *service, struct str body,
				  bool trusted)
{
	json_t *instances = json_loadb(body.p, body.n, 0, NULL), *found = json_array();
	const json_t *instance;
	size_t i;

	if (!json_is_array(instances))
		w->incomplete = true;
	json_array_foreach(instances, i, instance)
	{
		json_t *claims = json_array(), *claim;
		size_t k, n;

		claim_of_meta(claims, service, json_object_get(instance, "ServiceMeta"));
		/* Most instances of a service say the same. */
		json_array_foreach(claims, k, claim)
		{
			for (n = 0; n < json_array_size(found); n++)
				if (json_equal(json_array_get(found, n), claim))
					break;
			if (n == json_array_size(found) && n <= CLAIMS_PER_SERVICE_MAX)
				json_array_append(found, claim);
		}
		json_decref(claims);
	}
	if (json_is_array(instances))
		claim_set_update(w->set, service, CLAIM_META, found, trusted,
				 uv_now(w->timer.loop));
	json_decref(instances);
	json_decref(found);
}

static void claim_watch_sweep(struct claim_watch *w);

static void claim_watch_on_meta(void *arg, struct fetch *f, const struct fetch_result *r)
{
	struct claim_ask *ask = arg;
	struct claim_watch *w = claim_watch_of(ask->watch);
	struct watch_answer answer = { 0 };

	ask->fetch = NULL;
	w->open--;
	if (claim_watch_read(f, r, &answer) == 0)
		claim_watch_take_meta(w, ask->service, r->body, claim_watch_trusts(&answer));
	else
		w->incomplete = true;
	claim_watch_sweep(w);
}

static void claim_watch_ask_meta(struct claim_watch *w, struct claim_ask *ask, const char *service)
{
	struct consul_scope scope = consul_scope_default(&w->settings);
	struct buf path, url;

	buf_init(&path, 4096);
	buf_init(&url, 8192);
	buf_lit(&path, "/v1/catalog/service/");
	buf_url(&path, service);
	buf_char(&path, '\0');
	consul_query_path(&url, &w->settings, &scope, path.failed ? "" : path.p, 0);
	if (!url.failed)
		buf_printf(&url, "%cfilter=", memchr(url.p, '?', url.n) ? '&' : '?');
	buf_url(&url, claim_filter);
	buf_char(&url, '\0');
	ask->watch = w;
	ask->service = service;
	if (!path.failed)
		ask->fetch = claim_watch_fetch(w, &url, 0, claim_watch_on_meta, ask);
	w->open += ask->fetch != NULL;
	w->incomplete |= ask->fetch == NULL;
	buf_fini(&path);
	buf_fini(&url);
}

static void claim_watch_sweep(struct claim_watch *w)
{
	for (size_t i = 0; i < CLAIM_ASKS; i++)
		while (!w->asks[i].fetch && w->next < w->name_count)
			claim_watch_ask_meta(w, &w->asks[i], w->names[w->next++]);
	if (w->open == 0)
		claim_watch_end_sweep(w);
}

/* ---- the list ---- */

static void claim_watch_take_tags(struct claim_watch *w, const char *service, const json_t *tags,
				  bool trusted)
{
	const char *prefix = w->config->consul.routes.tag_prefix;
	json_t *found = json_array();
	const json_t *tag;
	size_t i;

	json_array_foreach(tags, i, tag)
	{
		struct str text = str_from(json_string_value(tag));

		if (!prefix || !text.p || !str_starts(text, str_from(prefix)) ||
		    json_array_size(found) > CLAIMS_PER_SERVICE_MAX)
			continue;
		claim_of_tag(found, service, text.p,
			     (struct str){ text.p + strlen(prefix), text.n - strlen(prefix) });
	}
	claim_set_update(w->set, service, CLAIM_TAG, found, trusted, uv_now(w->timer.loop));
	json_decref(found);
}

/* Services that are not listed have no instance.  Some agents say so when they have lost all. */
static void claim_watch_mark_absent(struct claim_watch *w)
{
	for (size_t i = 0; i < w->set->count; i++)
		if (!json_object_get(w->services, w->set->items[i].service))
			claim_set_absent(w->set, w->set->items[i].service, uv_now(w->timer.loop));
}

static void claim_watch_take_list(struct claim_watch *w, json_t *services,
				  const struct watch_answer *answer)
{
	const char *name;
	json_t *tags;

	w->services = services;
	w->names = xcalloc(json_object_size(services) + 1, sizeof(*w->names));
	w->name_count = w->next = 0;
	w->incomplete = false;
	json_object_foreach(services, name, tags)
	{
		if (w->name_count == CLAIM_SERVICES_MAX) {
			w->incomplete = true;
			break;
		}
		w->names[w->name_count++] = name;
		claim_watch_take_tags(w, name, tags, claim_watch_trusts(answer));
	}
	claim_watch_mark_absent(w);
	claim_watch_sweep(w);
}

static void claim_watch_on_list(void *arg, struct fetch *f, const struct fetch_result *r)
{
	struct claim_watch *w = claim_watch_of(arg);
	struct watch_answer answer = { 0 };
	json_t *services = NULL;

	w->listing = NULL;
	if (claim_watch_read(f, r, &answer) == 0)
		services = json_loadb(r->body.p, r->body.n, 0, NULL);
	if (!json_is_object(services)) {
		json_decref(services);
		claim_watch_fail(w, r->error ? r->error : "not an answer to the question",
				 r->status);
		return;
	}
	if (w->backoff_ms)
		log_info("Consul tells again which routes its services ask for");
	w->backoff_ms = 0;
	/* An index that goes back is another past's; 0 would not block, and so spin. */
	answer.index = answer.index ? answer.index : 1;
	w->index = answer.index < w->index ? 0 : answer.index;
	claim_watch_take_list(w, services, &answer);
}

static void claim_watch_on_timer(uv_timer_t *timer)
{
	struct claim_watch *w = claim_watch_of(container_of(timer, struct claim_watch, timer));
	struct consul_scope scope = consul_scope_default(&w->settings);
	struct buf url;

	buf_init(&url, 8192);
	consul_query_path(&url, &w->settings, &scope, "/v1/catalog/services", w->index);
	buf_char(&url, '\0');
	w->asked_ms = uv_now(w->timer.loop);
	w->listing = claim_watch_fetch(w, &url, w->index, claim_watch_on_list, w);
	if (!w->listing)
		claim_watch_fail(w, "no memory", 0);
	buf_fini(&url);
}

/* ---- beginning and end ---- */

static void claim_watch_free(struct claim_watch *w)
{
	consul_settings_fini(&w->settings);
	gateway_config_free(w->config);
	json_decref(w->services);
	free(w->names);
	w->magic = 0;
	free(w);
}

struct claim_watch *claim_watch_start(const struct claim_watch_spec *spec, struct error *e)
{
	struct config_errors errors = { 0 };
	struct claim_watch *w = xcalloc(1, sizeof(*w));

	w->magic = CLAIM_WATCH_MAGIC;
	w->set = spec->set;
	w->cb = spec->cb;
	w->arg = spec->arg;
	rand_seed_kernel(&w->rand);
	w->config = gateway_config_load(spec->config->file, &spec->config->text, &errors);
	config_errors_fini(&errors);
	must(w->config); /* it was loaded before */
	if (consul_settings_init(&w->settings, &w->config->consul, e)) {
		gateway_config_free(w->config);
		free(w);
		return NULL;
	}
	if (!(w->fetcher = fetcher_new(spec->loop))) {
		error_set(e, "libcurl cannot be set up");
		claim_watch_free(w);
		return NULL;
	}
	must(uv_timer_init(spec->loop, &w->timer) == 0);
	claim_watch_later(w, 0);
	return w;
}

bool claim_watch_reachable(const struct claim_watch *w)
{
	return w->answered && w->backoff_ms == 0;
}

bool claim_watch_answered(const struct claim_watch *w)
{
	return w->answered;
}

static void claim_watch_on_closed(uv_handle_t *handle)
{
	claim_watch_free(container_of((uv_timer_t *)handle, struct claim_watch, timer));
}

void claim_watch_close(struct claim_watch **w)
{
	struct claim_watch *old = *w;

	*w = NULL;
	if (!old)
		return;
	fetcher_close(old->fetcher);
	uv_close((uv_handle_t *)&old->timer, claim_watch_on_closed);
}
