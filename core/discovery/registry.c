/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

void registry_init(struct registry *r, registry_cb on_change, void *arg)
{
	*r = (struct registry){ .on_change = on_change, .arg = arg };
}

static void registry_endpoints_free(struct registry_endpoint *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(endpoints[i].id);
		free(endpoints[i].checks);
	}
	free(endpoints);
}

void registry_fini(struct registry *r)
{
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&r->services, &i))) {
		struct registry_service *s = e->value;

		registry_endpoints_free(s->endpoints, s->endpoint_count);
		free(s->name);
		free(s);
	}
	map_fini(&r->services);
}

static uint64_t registry_now_ms(void)
{
	return clock_wall_us() / 1000;
}

struct registry_service *registry_service(struct registry *r, const char *name, const char *source)
{
	struct registry_service *s = map_get(&r->services, str_from(name));

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	s->source = source;
	s->changed_ms = registry_now_ms();
	map_put(&r->services, str_from(s->name), s);
	return s;
}

static int registry_by_id(const void *a, const void *b)
{
	const struct registry_endpoint *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static bool registry_endpoint_same(const struct registry_endpoint *a,
				   const struct registry_endpoint *b)
{
	return a->port == b->port && a->weight == b->weight && a->priority == b->priority &&
	       a->usable == b->usable && strcmp(a->id, b->id) == 0 &&
	       strcmp(a->address, b->address) == 0 && strcmp(a->zone, b->zone) == 0 &&
	       strcmp(a->why, b->why) == 0 && strcmp(a->out, b->out) == 0 && a->slot == b->slot;
}

/* Both sorted by id: keeps "since" where usable is as it was; whether anything differs. */
static bool registry_compare(const struct registry_service *s, struct registry_endpoint *now,
			     size_t count, uint64_t at_ms)
{
	bool differs = count != s->endpoint_count;
	size_t old = 0;

	for (size_t i = 0; i < count; i++) {
		const struct registry_endpoint *was = NULL;

		while (old < s->endpoint_count && strcmp(s->endpoints[old].id, now[i].id) < 0)
			old++;
		if (old < s->endpoint_count && strcmp(s->endpoints[old].id, now[i].id) == 0)
			was = &s->endpoints[old];
		if (was)
			now[i].since_ms = was->usable == now[i].usable ? was->since_ms : at_ms;
		else if (now[i].since_ms == 0)
			now[i].since_ms = at_ms;
		differs |= !was || !registry_endpoint_same(was, &now[i]);
	}
	return differs;
}

/* What a source has said, as the filter leaves it; the state that follows. */
static enum registry_state registry_filter(struct registry *r, const struct registry_service *s,
					   enum registry_state state,
					   struct registry_endpoint *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct registry_endpoint *e = &endpoints[i];

		e->offered = e->usable;
		e->out[0] = '\0';
		e->health = "in";
		e->check = "off";
		e->slot = -1;
	}
	if (!r->filter)
		return state;
	r->filter(r->filter_arg, s, endpoints, count);
	for (size_t i = 0; i < count; i++)
		if (endpoints[i].usable)
			return REGISTRY_LIVE;
	return state == REGISTRY_LIVE ? REGISTRY_EMPTY : state;
}

void registry_publish(struct registry *r, struct registry_service *s, enum registry_state state,
		      struct registry_endpoint *endpoints, size_t count, const char *note)
{
	char cut[sizeof(s->note)];
	uint64_t now = registry_now_ms();
	bool moved;

	snprintf(cut, sizeof(cut), "%s", note ? note : "");
	if (count)
		qsort(endpoints, count, sizeof(*endpoints), registry_by_id);
	state = registry_filter(r, s, state, endpoints, count);
	moved = registry_compare(s, endpoints, count, now);
	moved |= state != s->state || s->told != s->answered;
	registry_endpoints_free(s->endpoints, s->endpoint_count);
	s->endpoints = endpoints;
	s->endpoint_count = count;
	if (!moved && strcmp(cut, s->note) == 0)
		return;
	s->moved = moved;
	s->state = state;
	s->told = s->answered;
	memcpy(s->note, cut, sizeof(cut));
	s->version++;
	s->changed_ms = now;
	if (r->on_change)
		r->on_change(r->arg, s);
}

void registry_refresh(struct registry *r, struct registry_service *s)
{
	struct registry_endpoint *copy = xcalloc(s->endpoint_count + 1, sizeof(*copy));
	enum registry_state state = s->state == REGISTRY_NEVER ? REGISTRY_NEVER : REGISTRY_EMPTY;
	char note[sizeof(s->note)];

	for (size_t i = 0; i < s->endpoint_count; i++) {
		copy[i] = s->endpoints[i];
		copy[i].id = xstrdup(s->endpoints[i].id);
		if (copy[i].checks)
			copy[i].checks = xstrdup(copy[i].checks);
		copy[i].usable = s->endpoints[i].offered;
		if (copy[i].usable)
			state = REGISTRY_LIVE;
	}
	memcpy(note, s->note, sizeof(note));
	registry_publish(r, s, state, copy, s->endpoint_count, note);
}

bool registry_ready(const struct registry *r)
{
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&r->services, &i)))
		if (!((const struct registry_service *)e->value)->answered)
			return false;
	return true;
}

const char *registry_state_name(enum registry_state state)
{
	static const char *const names[] = { "never", "empty", "live" };

	return names[state];
}

static json_t *registry_endpoint_json(const struct registry_endpoint *e)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:i}", "id", e->id, "address", e->address, "port",
				 (int)e->port, "weight", (int)e->weight);

	if (e->zone[0])
		json_object_set_new(json, "zone", json_string(e->zone));
	if (e->slot >= 0)
		json_object_set_new(json, "slot", json_integer(e->slot));
	return json;
}

/* What an operator reads: the source's word, and what is wrong with it all the same. */
static json_t *registry_why(const struct registry_endpoint *e)
{
	if (!e->out[0])
		return json_string(e->why);
	return e->usable ?
		       json_sprintf("used all the same, as there is no better one: %s", e->out) :
		       json_string(e->out);
}

json_t *registry_message(const struct registry_service *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->endpoint_count; i++)
		if (s->endpoints[i].usable)
			json_array_append_new(list, registry_endpoint_json(&s->endpoints[i]));
	return json_pack("{s:s, s:s, s:s, s:o}", "type", "endpoints", "service", s->name, "state",
			 registry_state_name(s->state), "endpoints", list);
}

static json_t *registry_service_json(const struct registry_service *s, uint64_t now)
{
	uint64_t age = s->confirmed_ms && now > s->confirmed_ms ? now - s->confirmed_ms : 0;
	json_t *list = json_array();

	for (size_t i = 0; i < s->endpoint_count; i++) {
		const struct registry_endpoint *e = &s->endpoints[i];
		json_t *json = registry_endpoint_json(e);

		if (e->priority)
			json_object_set_new(json, "priority", json_integer(e->priority));
		json_object_set_new(json, "usable", json_boolean(e->usable));
		json_object_set_new(json, "why", registry_why(e));
		json_object_set_new(json, "source_why", json_string(e->why));
		json_object_set_new(json, "health", json_string(e->health));
		json_object_set_new(json, "check", json_string(e->check));
		json_object_set_new(json, "since", json_integer((json_int_t)e->since_ms));
		if (e->checks)
			json_object_set_new(json, "checks", json_loads(e->checks, 0, NULL));
		json_array_append_new(list, json);
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:o, s:s, s:o}", "name", s->name,
			 "source", s->source, "state", registry_state_name(s->state), "answered",
			 (int)s->answered, "restored", (int)s->restored, "index",
			 (json_int_t)s->index, "version", (json_int_t)s->version, "age_ms",
			 s->confirmed_ms ? json_integer((json_int_t)age) : json_null(), "note",
			 s->note, "endpoints", list);
}

static int registry_by_name(const void *a, const void *b)
{
	const struct registry_service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

json_t *registry_status(const struct registry *r)
{
	struct registry_service **sorted = xcalloc(r->services.count + 1,
						   sizeof(struct registry_service *));
	json_t *list = json_array();
	uint64_t now = registry_now_ms();
	struct map_entry *e;
	size_t i = 0, n = 0;

	while ((e = map_next(&r->services, &i)))
		sorted[n++] = e->value;
	qsort(sorted, n, sizeof(struct registry_service *), registry_by_name);
	for (i = 0; i < n; i++)
		json_array_append_new(list, registry_service_json(sorted[i], now));
	free(sorted);
	return list;
}
