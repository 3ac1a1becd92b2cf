/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of all services as JSON, and back into memory: without any index, since that is
 * the agent's of the moment. */
#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "discovery/consul.h"
#include "discovery/consul_private.h"

json_t *consul_snapshot(const struct consul *c)
{
	json_t *list = json_array();

	list_each(at, &c->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);

		if (s->watch.answered)
			json_array_append_new(list, memory_json(s->record->name, s->key, &s->watch,
								s->record->confirmed_ms));
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:o}", "agent", c->settings.base, "unix_socket",
			 c->settings.unix_socket ? c->settings.unix_socket : "", "services", list);
}

int consul_restore(struct consul *c, const json_t *json, struct error *e)
{
	const char *agent = json_string_value(json_object_get(json, "agent"));
	const char *path = json_string_value(json_object_get(json, "unix_socket"));
	const json_t *services = json_object_get(json, "services");

	if (!agent || !path || !json_is_array(services))
		return error_set(e, "it is not a snapshot of Consul's services");
	if (strcmp(agent, c->settings.base) != 0 ||
	    strcmp(path, c->settings.unix_socket ? c->settings.unix_socket : "") != 0)
		return error_set(e, "it is of another agent, %s%s", agent, path);
	return memory_restore(&c->inherited, services, uv_now(c->loop), e);
}
