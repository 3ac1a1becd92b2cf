/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers of a generation say, and what they are told. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/generation.h"
#include "control/generation_private.h"
#include "control/lend.h"
#include "control/proc.h"
#include "discovery/discovery.h"
#include "discovery/guard.h"

enum { GENERATION_TOLD_MS = 1000 }; /* that a worker waits for fixed endpoints */

/* ---- services ---- */

/* What is not known yet is not told: a worker keeps what it was told before. */
static void generation_send_service(struct slot *s, const struct registry_service *service)
{
	if (!s->proc || !service->answered)
		return;
	json_t *message = registry_message(service);
	proc_send(s->proc, message);
	json_decref(message);
}

/* Fixed endpoints are known a turn later than they are asked for, names when they have been
 * looked up: a worker that listened at once would answer 503 to those who wait in the queue. */
static bool generation_knows_fixed(const struct generation *g)
{
	const struct registry *r = discovery_registry(g->discovery);

	for (size_t i = 0; i < g->config->service_count; i++) {
		const struct config_service *c = &g->config->services[i];
		const struct registry_service *s;

		if (c->discovery != CONFIG_STATIC || !map_get(&g->needs, str_from(c->name)))
			continue;
		s = map_get(&r->services, str_from(c->name));
		if (!s || !s->answered)
			return false;
	}
	return true;
}

/* Whether each worker of a generation that starts has got as far as to ask: one that listened
 * before could have requests in hand when another fails, and they would be lost with it. */
static bool generation_all_asked(const struct generation *g)
{
	if (g->state != GENERATION_STARTING)
		return true;
	for (uint32_t i = 0; i < g->slot_count; i++)
		if (!g->slots[i].has_asked)
			return false;
	return true;
}

void generation_tell(struct slot *s, uint64_t now_ns)
{
	if (!s->asked_ns || !s->proc || !generation_all_asked(s->generation) ||
	    (!generation_knows_fixed(s->generation) &&
	     now_ns - s->asked_ns < GENERATION_TOLD_MS * GENERATION_MS))
		return;
	s->asked_ns = 0;
	json_t *told = json_pack("{s:s}", "type", "told");
	proc_send(s->proc, told);
	json_decref(told);
}

void generation_on_change(void *arg, const struct registry_service *service)
{
	struct generation *g = arg;

	/* That Consul is gone changes the note of every service, and nothing for a worker. */
	if (!service->moved)
		return;
	log_info("endpoints changed", LOG_S("service", service->name),
		 LOG_S("state", registry_state_name(service->state)),
		 LOG_U("instances", service->endpoint_count), LOG_S("note", service->note));
	for (uint32_t i = 0; i < g->slot_count; i++)
		generation_send_service(&g->slots[i], service);
	for (uint32_t i = 0; i < g->slot_count; i++)
		generation_tell(&g->slots[i], clock_mono_ns());
}

/* Counts of another generation's endpoints would go to places that mean others here. */
static void generation_send_uncounted(struct slot *s, const struct registry_service *service)
{
	json_t *message, *endpoint;
	size_t i;

	if (!s->proc || !service->answered)
		return;
	message = registry_message(service);
	json_array_foreach(json_object_get(message, "endpoints"), i, endpoint)
		json_object_del(endpoint, "slot");
	proc_send(s->proc, message);
	json_decref(message);
}

void generation_send_all(struct slot *s, struct generation *from)
{
	struct registry *r = discovery_registry(from->discovery);
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&r->services, &i))) {
		if (from == s->generation)
			generation_send_service(s, e->value);
		else
			generation_send_uncounted(s, e->value);
	}
}

void generation_greet(struct slot *s)
{
	generation_send_all(s, s->generation);
}

static void generation_on_needs(struct slot *s, const json_t *message)
{
	struct generation *g = s->generation;
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(message, "services"), i, name)
	{
		const char *text = json_string_value(name);

		if (!text || !*text || map_get(&g->needs, str_from(text)))
			continue;
		char *copy = xstrdup(text);
		map_put(&g->needs, str_from(copy), copy);
		discovery_need(g->discovery, copy);
	}
	generation_send_all(s, g);
	s->asked_ns = clock_mono_ns();
	s->has_asked = true;
	/* The others may have waited for this one. */
	for (uint32_t k = 0; k < g->slot_count; k++)
		generation_tell(&g->slots[k], s->asked_ns);
}

/* ---- messages ---- */

static void generation_on_ready(struct slot *s, const json_t *message)
{
	struct generation *g = s->generation;

	if (s->state != SLOT_STARTING)
		return;
	s->state = SLOT_READY;
	json_decref(s->plugins);
	s->plugins = json_incref(json_object_get(message, "plugins"));
	log_info("worker ready", LOG_U("worker", s->index), LOG_I("pid", proc_pid(s->proc)),
		 LOG_U("generation", g->number),
		 LOG_U("after_ms", (clock_mono_ns() - s->spawned_ns) / GENERATION_MS));
	if (g->state == GENERATION_STARTING && generation_ready_count(g) == g->slot_count) {
		g->state = GENERATION_LIVE;
		discovery_keep(g->discovery, true);
		g->events->on_ready(g->arg, g);
	}
	lend_check(s, clock_mono_ns(), false);
	lend_greet(s);
}

static void generation_on_failed(struct slot *s, const json_t *message)
{
	struct generation *g = s->generation;
	const json_t *error;
	size_t i;

	json_array_foreach(json_object_get(message, "errors"), i, error)
	{
		const char *text = json_string_value(error);

		if (!text)
			continue;
		if (g->state == GENERATION_STARTING)
			generation_add_error(g, text);
		else if (!g->failed)
			log_error("worker cannot start", LOG_U("worker", s->index),
				  LOG_S("error", text));
	}
	if (g->state == GENERATION_STARTING)
		generation_give_up(g);
}

static void generation_on_look(struct slot *s, const json_t *message)
{
	const char *service = json_string_value(json_object_get(message, "service"));

	if (service)
		guard_look(s->generation->guard, service);
}

void generation_message(struct slot *s, const json_t *message)
{
	const char *type = json_string_value(json_object_get(message, "type"));
	struct str word = str_from(type);

	if (str_eq(word, STR("needs")))
		generation_on_needs(s, message);
	else if (str_eq(word, STR("ready")))
		generation_on_ready(s, message);
	else if (str_eq(word, STR("failed")))
		generation_on_failed(s, message);
	else if (str_eq(word, STR("look")))
		generation_on_look(s, message);
	else if (!str_eq(word, STR("drained")))
		log_warn("message of an unknown type", LOG_U("worker", s->index),
			 LOG_S("type", type ? type : ""));
}

void generation_hold(struct generation *g, const json_t *held)
{
	json_t *message = json_pack("{s:s, s:O}", "type", "hold", "plugins", held);

	must(message);
	for (uint32_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].proc)
			proc_send(g->slots[i].proc, message);
	json_decref(message);
}
