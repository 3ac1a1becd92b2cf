/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of all services as JSON, and back into memory: without any index, since that is
 * the agent's of the moment.  Instances that are held are written as held, so that a loss which is
 * not believed yet does not become one by a restart. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/hostname.h"
#include "discovery/consul.h"
#include "discovery/consul_private.h"

static const char *const consul_statuses[] = { "passing", "warning", "critical", "maintenance" };

static json_t *consul_instance_json(const struct instance *i)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:s}", "id", i->id, "host", i->host,
			 "port", (int)i->port, "weight", (int)i->weight, "status",
			 consul_statuses[i->status], "missing", (int)i->suspect, "why", i->why);
}

static json_t *consul_service_json(const struct consul_service *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->watch.known.count; i++)
		json_array_append_new(list, consul_instance_json(&s->watch.known.items[i]));
	return json_pack("{s:s, s:s, s:b, s:I, s:o}", "service", s->record->name, "read_by", s->key,
			 "seen", (int)s->watch.seen, "confirmed_ms",
			 (json_int_t)s->record->confirmed_ms, "instances", list);
}

json_t *consul_snapshot(const struct consul *c)
{
	json_t *list = json_array();

	list_each(at, &c->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);

		if (s->watch.answered)
			json_array_append_new(list, consul_service_json(s));
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:o}", "agent", c->settings.base, "unix_socket",
			 c->settings.unix_socket ? c->settings.unix_socket : "", "services", list);
}

static int consul_status_read(const char *text, enum instance_status *status)
{
	for (size_t i = 0; text && i < sizeof(consul_statuses) / sizeof(consul_statuses[0]); i++) {
		if (strcmp(text, consul_statuses[i]) != 0)
			continue;
		*status = (enum instance_status)i;
		return 0;
	}
	return -1;
}

/* Every text is looked at as if a stranger had sent it. */
static int consul_restore_instance(struct instance_set *set, const json_t *json, uint64_t now_ms)
{
	const char *id = NULL, *host = NULL, *status = NULL, *why = NULL;
	char read[HOSTNAME_SIZE];
	struct instance *item;
	enum instance_status is;
	int port, weight, missing;
	bool named;

	if (json_unpack((json_t *)json, "{s:s, s:s, s:i, s:i, s:s, s:b, s:s}", "id", &id, "host",
			&host, "port", &port, "weight", &weight, "status", &status, "missing",
			&missing, "why", &why))
		return -1;
	if (!*id || port < 1 || port > UINT16_MAX || weight < 0 || weight > HEALTH_WEIGHT_MAX ||
	    consul_status_read(status, &is) || hostname_parse(str_from(host), read, &named))
		return -1;
	item = instance_set_add(set, id, read);
	item->named = named;
	item->port = (uint16_t)port;
	item->weight = (uint32_t)weight;
	item->status = is;
	item->suspect = missing;
	item->lost_ms = now_ms;
	instance_text(item->why, sizeof(item->why), "%s", why);
	return 0;
}

static int consul_restore_service(struct consul *c, const json_t *json)
{
	const char *key = json_string_value(json_object_get(json, "read_by"));
	const json_t *list = json_object_get(json, "instances"), *item;
	struct consul_memory *m;
	size_t i;

	if (!key || !json_is_array(list) || json_array_size(list) > HEALTH_INSTANCES_MAX)
		return -1;
	m = consul_memory_new(c, key);
	m->watch.answered = m->watch.restored = true;
	m->watch.seen = json_is_true(json_object_get(json, "seen"));
	m->confirmed_ms = (uint64_t)json_integer_value(json_object_get(json, "confirmed_ms"));
	json_array_foreach(list, i, item)
	{
		if (consul_restore_instance(&m->watch.known, item, uv_now(c->loop)))
			return -1;
	}
	instance_set_sort(&m->watch.known);
	return 0;
}

int consul_restore(struct consul *c, const json_t *json, struct error *e)
{
	const char *agent = json_string_value(json_object_get(json, "agent"));
	const char *path = json_string_value(json_object_get(json, "unix_socket"));
	const json_t *services = json_object_get(json, "services"), *service;
	size_t i;

	if (!agent || !path || !json_is_array(services))
		return error_set(e, "it is not a snapshot of Consul's services");
	if (strcmp(agent, c->settings.base) != 0 ||
	    strcmp(path, c->settings.unix_socket ? c->settings.unix_socket : "") != 0)
		return error_set(e, "it is of another agent, %s%s", agent, path);
	json_array_foreach(services, i, service)
	{
		if (consul_restore_service(c, service) == 0)
			continue;
		consul_forget_all(c);
		return error_set(e, "its service %zu cannot be understood", i);
	}
	return 0;
}
