/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul_key.h"

#include <stdio.h>
#include <stdlib.h>

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
	KEY_MAGIC = 0x6b767631,
	KEY_URL_MAX = 16 * 1024,
	KEY_VALUE_MAX = 4 * 1024 * 1024, /* Consul itself takes 512 KiB unless told otherwise */
	KEY_PAUSE_MS = 1000,             /* between two questions that were answered at once */
	KEY_BACKOFF_FIRST_MS = 1000,
	KEY_BACKOFF_MAX_MS = 30 * 1000,
	KEY_JITTER = 20 /* per cent */
};

struct consul_key {
	unsigned magic;
	struct gateway_config *config; /* a copy of its own: it outlives a generation */
	struct consul_settings settings;
	char *key;
	consul_key_cb cb;
	void *arg;
	struct fetcher *fetcher;
	struct fetch *fetch;
	struct rand rand;
	uv_timer_t timer;
	uint64_t index;      /* to ask with; 0: what is there now */
	uint64_t last_index; /* of the last answer */
	uint64_t asked_ms;
	uint64_t backoff_ms; /* 0: the last question was answered */
	bool answered;       /* once */
	bool exists;
	struct buf value; /* the last one that was told */
};

static struct consul_key *key_of(void *data)
{
	struct consul_key *k = data;

	must(k->magic == KEY_MAGIC);
	return k;
}

/* ---- answers ---- */

static void key_on_timer(uv_timer_t *timer);

static void key_later(struct consul_key *k, uint64_t ms)
{
	uv_timer_start(&k->timer, key_on_timer, ms, 0);
}

static void key_fail(struct consul_key *k, const struct fetch_result *r)
{
	if (k->backoff_ms == 0)
		log_warn("Consul does not tell the key of the configuration; what serves stays",
			 LOG_S("key", k->key), LOG_I("status", r->status),
			 LOG_S("error", r->error         ? r->error :
					r->status == 403 ? "the ACL token may not read it" :
							   "not an answer to the question"));
	k->backoff_ms = k->backoff_ms == 0 ? KEY_BACKOFF_FIRST_MS : k->backoff_ms * 2;
	if (k->backoff_ms > KEY_BACKOFF_MAX_MS)
		k->backoff_ms = KEY_BACKOFF_MAX_MS;
	/* Another agent, or one that lost everything, may answer next. */
	k->index = 0;
	key_later(k, rand_jitter(&k->rand, k->backoff_ms, KEY_JITTER));
}

/* An index that goes back is another past's: what is there now is asked for (discovery.md). */
static void key_take_index(struct consul_key *k, uint64_t index)
{
	uint64_t now = uv_now(k->timer.loop), passed = now - k->asked_ms;

	k->last_index = index;
	k->index = index < k->index ? 0 : index;
	key_later(k, passed < KEY_PAUSE_MS && k->index ? KEY_PAUSE_MS - passed : 0);
}

/* Whether it is another value than the last. */
static bool key_take_value(struct consul_key *k, bool exists, struct str value)
{
	bool same = k->answered && k->exists == exists && str_eq(buf_str(&k->value), value);

	k->answered = true;
	k->exists = exists;
	if (same)
		return false;
	buf_clear(&k->value);
	buf_str_append(&k->value, value);
	must(!k->value.failed);
	return true;
}

static void key_on_answer(void *arg, struct fetch *f, const struct fetch_result *r)
{
	struct consul_key *k = key_of(arg);
	struct str index_text = fetch_header(f, "X-Consul-Index");
	bool exists = r->status == 200;
	uint64_t index = 0;

	k->fetch = NULL;
	if ((r->status != 200 && r->status != 404) || !index_text.p ||
	    str_to_u64(index_text, UINT64_MAX, &index) < 0) {
		key_fail(k, r);
		return;
	}
	if (k->backoff_ms)
		log_info("Consul tells the key of the configuration again", LOG_S("key", k->key));
	k->backoff_ms = 0;
	key_take_index(k, index ? index : 1); /* 0 would not block, and so spin */
	if (key_take_value(k, exists, exists ? r->body : STR("")))
		k->cb(k->arg, !exists         ? (struct str){ NULL, 0 } :
			      k->value.n == 0 ? STR("") :
						buf_str(&k->value));
}

/* ---- questions ---- */

static void key_ask(struct consul_key *k)
{
	/* What is served by is not taken from an agent that may be behind. */
	struct consul_scope scope = { k->config->consul.datacenter, k->config->consul.ns,
				      CONSUL_DEFAULT };
	struct error error = { "" };
	char *token = consul_settings_token(&k->settings, &error), *header = NULL;
	const char *headers[] = { NULL, NULL };
	struct fetch_spec spec = { .headers = headers,
				   .timeout_ms = consul_query_deadline(&k->settings, k->index),
				   .max_answer = KEY_VALUE_MAX,
				   .compressed = true };
	struct buf path, url;

	buf_init(&path, KEY_URL_MAX);
	buf_init(&url, KEY_URL_MAX);
	buf_lit(&path, "/v1/kv/");
	buf_url(&path, k->key);
	buf_char(&path, '\0');
	consul_query_path(&url, &k->settings, &scope, path.p, k->index);
	buf_printf(&url, "%craw", memchr(url.p, '?', url.n) ? '&' : '?');
	buf_char(&url, '\0');
	spec.url = url.p;
	consul_settings_spec(&k->settings, &spec);
	if (token && asprintf(&header, "X-Consul-Token: %s", token) >= 0)
		headers[0] = header;
	k->asked_ms = uv_now(k->timer.loop);
	if (!path.failed && !url.failed)
		k->fetch = fetch_start(k->fetcher, &spec, key_on_answer, k);
	if (!k->fetch)
		key_fail(k, &(struct fetch_result){ .error = "no memory" });
	buf_fini(&path);
	buf_fini(&url);
	free(token);
	free(header);
}

static void key_on_timer(uv_timer_t *timer)
{
	key_ask(key_of(container_of(timer, struct consul_key, timer)));
}

/* ---- beginning and end ---- */

static void key_free(struct consul_key *k)
{
	consul_settings_fini(&k->settings);
	gateway_config_free(k->config);
	buf_fini(&k->value);
	free(k->key);
	k->magic = 0;
	free(k);
}

struct consul_key *consul_key_start(const struct consul_key_spec *spec, struct error *e)
{
	struct config_errors errors = { 0 };
	struct consul_key *k = xcalloc(1, sizeof(*k));

	k->magic = KEY_MAGIC;
	k->key = xstrdup(spec->key);
	k->cb = spec->cb;
	k->arg = spec->arg;
	buf_init(&k->value, KEY_VALUE_MAX);
	rand_seed_kernel(&k->rand);
	k->config = gateway_config_load(spec->config->file, &spec->config->text, &errors);
	config_errors_fini(&errors);
	must(k->config); /* it was loaded before */
	if (consul_settings_init(&k->settings, &k->config->consul, e)) {
		key_free(k);
		return NULL;
	}
	if (!(k->fetcher = fetcher_new(spec->loop))) {
		error_set(e, "libcurl cannot be set up");
		key_free(k);
		return NULL;
	}
	must(uv_timer_init(spec->loop, &k->timer) == 0);
	key_later(k, 0);
	return k;
}

struct consul_key_state consul_key_state(const struct consul_key *k)
{
	return (struct consul_key_state){ .key = k->key,
					  .reachable = k->answered && k->backoff_ms == 0,
					  .exists = k->exists,
					  .index = k->last_index };
}

static void key_on_closed(uv_handle_t *handle)
{
	key_free(container_of((uv_timer_t *)handle, struct consul_key, timer));
}

void consul_key_close(struct consul_key **k)
{
	struct consul_key *old = *k;

	*k = NULL;
	if (!old)
		return;
	fetcher_close(old->fetcher);
	old->fetch = NULL;
	uv_close((uv_handle_t *)&old->timer, key_on_closed);
}
