/* SPDX-License-Identifier: Apache-2.0 */
#include "control/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/control.h"
#include "control/pace.h"
#include "control/reload.h"
#include "discovery/claim_set.h"
#include "discovery/claim_watch.h"
#include "discovery/snapshot.h"

enum { CLAIMS_MAGIC = 0x636c616d, CLAIMS_VERSION = 1 };

static const char *const claims_format = "gatehouse-routes";

struct claims {
	unsigned magic;
	struct control *control;
	struct claim_set set;
	struct claim_watch *watch; /* NULL: off */
	struct snapshot snapshot;
	char *text; /* of the configuration that the watch was started for */
	uint64_t interval_ms, hold_ms, keep_ms;
	json_t *taken;    /* what was asked for, as the generation that serves has it */
	json_t *results;  /* and what became of it */
	uv_timer_t timer; /* a rollout, or something is over */
	struct pace pace;
	uint64_t rollout_ms; /* when one is due; 0: none */
	struct reload_ask *ask;
	uint64_t rollouts;
	bool settled; /* the first answer, or what was on disk, serves */
	size_t open;  /* parts that have not closed */
};

static struct claims *claims_of(void *data)
{
	struct claims *c = data;

	must(c->magic == CLAIMS_MAGIC);
	return c;
}

json_t *claims_asked(const struct claims *c)
{
	return claim_set_json(&c->set);
}

/* Whether what is asked for is not what serves. */
static bool claims_differ(const struct claims *c)
{
	json_t *asked = claims_asked(c);
	bool differ = !json_equal(asked, c->taken);

	json_decref(asked);
	return differ;
}

/* ---- rollouts ---- */

static void claims_schedule(struct claims *c);

static void claims_on_outcome(void *arg, const struct reload_outcome *outcome)
{
	struct claims *c = claims_of(arg);

	(void)outcome;
	c->ask = NULL;
	claims_schedule(c);
}

static void claims_roll_out(struct claims *c, uint64_t now)
{
	pace_took(&c->pace, c->interval_ms, now);
	c->rollout_ms = 0;
	c->rollouts++;
	c->ask = reload_ask(c->control->reload,
			    &(struct reload_request){ .who = "routes of services in Consul",
						      .same_text = true,
						      .only_if_changed = true,
						      .on_outcome = claims_on_outcome,
						      .arg = c });
}

static void claims_on_timer(uv_timer_t *timer)
{
	struct claims *c = claims_of(container_of(timer, struct claims, timer));
	uint64_t now = uv_now(&c->control->loop);

	if (claim_set_tick(&c->set, c->hold_ms, c->keep_ms, now))
		snapshot_touch(&c->snapshot);
	if (c->rollout_ms && c->rollout_ms <= now && !c->ask && claims_differ(c))
		claims_roll_out(c, now);
	claims_schedule(c);
}

/* Arms the timer for what is due next. */
static void claims_schedule(struct claims *c)
{
	uint64_t now = uv_now(&c->control->loop), due;

	if (!c->watch || c->control->stopping) {
		uv_timer_stop(&c->timer);
		return;
	}
	if (!claims_differ(c))
		c->rollout_ms = 0;
	else if (!c->rollout_ms)
		c->rollout_ms = pace_due(&c->pace, c->interval_ms, now);
	if (claim_watch_answered(c->watch) && !c->rollout_ms)
		c->settled = true;
	due = claim_set_due(&c->set, c->hold_ms, c->keep_ms);
	if (c->rollout_ms && !c->ask && c->rollout_ms < due)
		due = c->rollout_ms;
	if (due == UINT64_MAX)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, claims_on_timer, due > now ? due - now : 1, 0);
}

static void claims_on_watch(void *arg)
{
	struct claims *c = claims_of(arg);

	if (claims_differ(c))
		snapshot_touch(&c->snapshot);
	claims_schedule(c);
}

/* ---- what became of them ---- */

static bool claims_has(const json_t *list, const json_t *item)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (json_equal(one, item))
			return true;
	}
	return false;
}

static const json_t *claims_result(const json_t *results, const json_t *claim)
{
	const json_t *one;
	size_t i;

	json_array_foreach(results, i, one)
	{
		if (json_equal(json_object_get(one, "claim"), claim))
			return one;
	}
	return NULL;
}

static const char *claims_text(const json_t *claim, const char *key)
{
	const char *text = json_string_value(json_object_get(claim, key));

	return text ? text : "";
}

static void claims_log(const json_t *result, bool gone)
{
	const json_t *claim = json_object_get(result, "claim");
	const char *why = json_string_value(json_object_get(result, "why"));
	const char *service = claims_text(claim, "service");

	if (gone)
		log_info("a service's route is given up", LOG_S("service", service),
			 LOG_S("path", claims_text(claim, "path")),
			 LOG_S("host", claims_text(claim, "host")));
	else if (why)
		log_warn("a service's route is not served", LOG_S("service", service),
			 LOG_S("origin", claims_text(claim, "origin")),
			 LOG_S("path", claims_text(claim, "path")),
			 LOG_S("host", claims_text(claim, "host")), LOG_S("why", why));
	else
		log_info("a service's route is served", LOG_S("service", service),
			 LOG_S("path", claims_text(claim, "path")),
			 LOG_S("host", claims_text(claim, "host")));
}

void claims_taken(struct claims *c, const json_t *asked, const json_t *results)
{
	const json_t *one;
	size_t i;

	json_array_foreach(results, i, one)
	{
		if (!claims_has(c->results, one))
			claims_log(one, false);
	}
	json_array_foreach(c->results, i, one)
	{
		if (!json_object_get(one, "why") &&
		    !claims_result(results, json_object_get(one, "claim")))
			claims_log(one, true);
	}
	json_decref(c->taken);
	json_decref(c->results);
	c->taken = json_copy((json_t *)(uintptr_t)asked);
	c->results = json_copy((json_t *)(uintptr_t)results);
	c->settled |= json_array_size(results) > 0;
	claims_schedule(c);
}

/* ---- asking Consul ---- */

static bool claims_wanted(const struct claims *c, const struct gateway_config *config)
{
	return config->consul.routes.on && !c->control->stopping;
}

void claims_serve(struct claims *c, const struct gateway_config *config)
{
	struct claim_watch_spec spec = { .loop = &c->control->loop,
					 .config = config,
					 .set = &c->set,
					 .cb = claims_on_watch,
					 .arg = c };
	struct error e = { "" };
	bool wanted = claims_wanted(c, config);

	if (wanted && c->watch && c->text && str_eq(config->text, str_from(c->text)))
		return;
	claim_watch_close(&c->watch);
	free(c->text);
	c->text = NULL;
	c->interval_ms = config->consul.routes.interval;
	c->keep_ms = config->consul.routes.keep;
	c->hold_ms = config->consul.hold;
	snapshot_enable(&c->snapshot, wanted);
	if (wanted) {
		c->watch = claim_watch_start(&spec, &e);
		c->text = str_dup(config->text);
		if (!c->watch)
			log_error("Consul cannot be asked for routes", LOG_S("error", e.text));
	} else {
		claim_set_fini(&c->set);
	}
	claims_schedule(c);
}

/* ---- on disk ---- */

static json_t *claims_snapshot(void *arg)
{
	const struct claims *c = claims_of(arg);

	return json_pack("{s:s, s:i, s:o}", "format", claims_format, "version", CLAIMS_VERSION,
			 "routes", claim_set_save(&c->set));
}

json_t *claims_save(struct claims *c)
{
	return claims_snapshot(c);
}

/* From disk, or from a gateway that this one takes over from. */
static void claims_restore(struct claims *c, const char *path, const json_t *handed)
{
	struct error e = { "" };
	json_t *json = handed ? json_incref((json_t *)(uintptr_t)handed) : snapshot_read(path, &e);
	const char *format = json_string_value(json_object_get(json, "format"));

	if (json &&
	    (!format || strcmp(format, claims_format) != 0 ||
	     json_integer_value(json_object_get(json, "version")) != CLAIMS_VERSION ||
	     claim_set_load(&c->set, json_object_get(json, "routes"), uv_now(&c->control->loop))))
		error_set(&e, "it is something else, or of another version of gatehouse");
	if (e.text[0])
		log_warn("the snapshot of routes is ignored", LOG_S("path", path),
			 LOG_S("error", e.text));
	json_decref(json);
}

/* ---- the whole ---- */

struct claims *claims_open(struct control *control)
{
	struct claims *c = xcalloc(1, sizeof(*c));

	c->magic = CLAIMS_MAGIC;
	c->control = control;
	c->taken = json_array();
	c->results = json_array();
	must(uv_timer_init(&control->loop, &c->timer) == 0);
	return c;
}

void claims_begin(struct claims *c, const struct gateway_config *config)
{
	const json_t *handed = takeover_claims(&c->control->takeover);
	bool on = config->consul.routes.on;
	char *path = NULL;

	if (config->snapshot && on && asprintf(&path, "%s.routes", config->snapshot) < 0)
		path = NULL;
	if (on && (path || handed))
		claims_restore(c, path ? path : "", handed);
	snapshot_init(&c->snapshot, &c->control->loop, path, claims_snapshot, c);
	free(path);
}

bool claims_missing(const struct claims *c)
{
	return c->watch && !c->settled;
}

static json_t *claims_status_route(const struct claims *c, const json_t *claim)
{
	const json_t *result = claims_result(c->results, claim);
	const char *why = json_string_value(json_object_get(claim, "why"));
	json_t *out = json_copy((json_t *)(uintptr_t)claim);

	if (!why)
		why = json_string_value(json_object_get(result, "why"));
	json_object_set_new(out, "state",
			    json_string(why    ? "refused" :
					result ? "served" :
						 "pending"));
	if (why)
		json_object_set_new(out, "why", json_string(why));
	return out;
}

/* What is asked for, and behind it what is served and not asked for any more. */
static json_t *claims_routes(const struct claims *c)
{
	json_t *asked = claims_asked(c), *out = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(asked, i, one) json_array_append_new(out, claims_status_route(c, one));
	json_array_foreach(c->results, i, one)
	{
		const json_t *claim = json_object_get(one, "claim");

		if (!claims_has(asked, claim) && !json_object_get(one, "why"))
			json_array_append_new(out, claims_status_route(c, claim));
	}
	json_decref(asked);
	return out;
}

json_t *claims_status(const struct claims *c)
{
	return json_pack("{s:b, s:b, s:I, s:o}", "on", c->watch != NULL, "reachable",
			 c->watch && claim_watch_reachable(c->watch), "rollouts",
			 (json_int_t)c->rollouts, "routes", claims_routes(c));
}

struct claims_stats claims_stats(const struct claims *c)
{
	struct claims_stats s = { .on = c->watch != NULL,
				  .reachable = c->watch && claim_watch_reachable(c->watch),
				  .rollouts = c->rollouts };
	json_t *routes = claims_routes(c);
	const json_t *one;
	size_t i;

	json_array_foreach(routes, i, one)
	{
		const char *state = claims_text(one, "state");

		s.served += strcmp(state, "served") == 0;
		s.refused += strcmp(state, "refused") == 0;
		s.pending += strcmp(state, "pending") == 0;
	}
	json_decref(routes);
	return s;
}

static void claims_part_closed(void *arg)
{
	struct claims *c = claims_of(arg);

	if (--c->open > 0)
		return;
	c->magic = 0;
	free(c);
}

static void claims_on_timer_closed(uv_handle_t *handle)
{
	claims_part_closed(container_of((uv_timer_t *)handle, struct claims, timer));
}

void claims_close(struct claims **where)
{
	struct claims *c = *where;

	*where = NULL;
	if (!c)
		return;
	if (c->ask)
		reload_forget(c->ask);
	claim_watch_close(&c->watch);
	claim_set_fini(&c->set);
	json_decref(c->taken);
	json_decref(c->results);
	free(c->text);
	c->open = 2;
	snapshot_close(&c->snapshot, claims_part_closed, c);
	uv_close((uv_handle_t *)&c->timer, claims_on_timer_closed);
}
