/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that are held are written as held, so that a loss which is not believed yet does not
 * become one by a restart. */
#include "discovery/memory.h"

#include <stdlib.h>
#include <string.h>

#include "config/hostname.h"
#include "discovery/health.h"

static const char *const memory_statuses[] = { "passing", "warning", "critical", "maintenance" };

struct memory *memory_new(struct list *list, const char *key)
{
	struct memory *m = xcalloc(1, sizeof(*m));

	m->key = xstrdup(key);
	list_push(list, &m->link);
	return m;
}

static void memory_free(struct memory *m)
{
	list_remove(&m->link);
	watch_fini(&m->watch);
	free(m->key);
	free(m);
}

bool memory_take(struct list *list, const char *key, struct watch *watch, uint64_t *confirmed_ms)
{
	list_each(at, list)
	{
		struct memory *m = container_of(at, struct memory, link);
		bool answered = m->watch.answered;

		if (strcmp(m->key, key) != 0)
			continue;
		watch_restore(watch, &m->watch);
		*confirmed_ms = m->confirmed_ms;
		memory_free(m);
		return answered;
	}
	return false;
}

void memory_forget(struct list *list)
{
	while (!list_empty(list))
		memory_free(container_of(list->next, struct memory, link));
}

/* ---- as JSON ---- */

static json_t *memory_instance_json(const struct instance *i)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:s}", "id", i->id, "host",
				 i->host, "port", (int)i->port, "weight", (int)i->weight, "status",
				 memory_statuses[i->status], "missing", (int)i->suspect, "why",
				 i->why);

	if (i->zone[0])
		json_object_set_new(json, "zone", json_string(i->zone));
	if (i->priority)
		json_object_set_new(json, "priority", json_integer(i->priority));
	return json;
}

json_t *memory_json(const char *service, const char *key, const struct watch *w,
		    uint64_t confirmed_ms)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->known.count; i++)
		json_array_append_new(list, memory_instance_json(&w->known.items[i]));
	return json_pack("{s:s, s:s, s:b, s:I, s:o}", "service", service, "read_by", key, "seen",
			 (int)w->seen, "confirmed_ms", (json_int_t)confirmed_ms, "instances", list);
}

static int memory_status_read(const char *text, enum instance_status *status)
{
	for (size_t i = 0; text && i < sizeof(memory_statuses) / sizeof(memory_statuses[0]); i++) {
		if (strcmp(text, memory_statuses[i]) != 0)
			continue;
		*status = (enum instance_status)i;
		return 0;
	}
	return -1;
}

/* Every text is looked at as if a stranger had sent it. */
static int memory_restore_instance(struct instance_set *set, const json_t *json, uint64_t now_ms)
{
	const char *id = NULL, *host = NULL, *status = NULL, *why = NULL, *zone = "";
	char read[HOSTNAME_SIZE];
	struct instance *item;
	enum instance_status is;
	int port, weight, missing, priority = 0;
	bool named;

	if (json_unpack((json_t *)json, "{s:s, s:s, s:i, s:i, s:s, s:b, s:s, s?s, s?i}", "id", &id,
			"host", &host, "port", &port, "weight", &weight, "status", &status,
			"missing", &missing, "why", &why, "zone", &zone, "priority", &priority))
		return -1;
	if (!*id || port < 1 || port > UINT16_MAX || weight < 0 || weight > HEALTH_WEIGHT_MAX ||
	    priority < 0 || priority > UINT16_MAX || memory_status_read(status, &is) ||
	    hostname_parse(str_from(host), read, &named))
		return -1;
	item = instance_set_add(set, id, read);
	item->named = named;
	item->port = (uint16_t)port;
	item->weight = (uint32_t)weight;
	item->priority = (uint16_t)priority;
	item->status = is;
	item->suspect = missing;
	item->lost_ms = now_ms;
	instance_text(item->zone, sizeof(item->zone), "%s", zone);
	instance_text(item->why, sizeof(item->why), "%s", why);
	return 0;
}

static int memory_restore_service(struct list *list, const json_t *json, uint64_t now_ms)
{
	const char *key = json_string_value(json_object_get(json, "read_by"));
	const json_t *instances = json_object_get(json, "instances"), *item;
	struct memory *m;
	size_t i;

	if (!key || !json_is_array(instances) || json_array_size(instances) > HEALTH_INSTANCES_MAX)
		return -1;
	m = memory_new(list, key);
	m->watch.answered = m->watch.restored = true;
	m->watch.seen = json_is_true(json_object_get(json, "seen"));
	m->confirmed_ms = (uint64_t)json_integer_value(json_object_get(json, "confirmed_ms"));
	json_array_foreach(instances, i, item)
	{
		if (memory_restore_instance(&m->watch.known, item, now_ms))
			return -1;
	}
	instance_set_sort(&m->watch.known);
	return 0;
}

int memory_restore(struct list *list, const json_t *services, uint64_t now_ms, struct error *e)
{
	const json_t *service;
	size_t i;

	json_array_foreach(services, i, service)
	{
		if (memory_restore_service(list, service, now_ms) == 0)
			continue;
		memory_forget(list);
		return error_set(e, "its service %zu cannot be understood", i);
	}
	return 0;
}
