/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/static.h"

#include <stdio.h>

#include "base/log.h"
#include "config/gateway.h"
#include "discovery/instance.h"
#include "discovery/publish.h"

void static_publish(struct publish *p, const struct config_service *service)
{
	struct instance_set set = { 0 };

	for (size_t i = 0; i < service->endpoint_count; i++) {
		const struct config_endpoint *e = &service->endpoints[i];
		char id[32], host[INSTANCE_HOST_SIZE];
		struct instance *item;
		const char *wrong;
		bool named;

		wrong = instance_host(str_from(e->host), host, &named);
		if (wrong) {
			log_error("endpoint left out", LOG_S("service", service->name),
				  LOG_S("address", e->host), LOG_S("reason", wrong));
			continue;
		}
		snprintf(id, sizeof(id), "static/%zu", i);
		item = instance_set_add(&set, id, host);
		item->named = named;
		item->port = e->port;
		item->weight = e->weight;
		item->usable = e->weight > 0;
		instance_text(item->zone, sizeof(item->zone), "%s", e->zone ? e->zone : "");
		instance_text(item->why, sizeof(item->why), "%s",
			      item->usable ? "static" : "weight 0");
	}
	p->answered = true;
	publish_set(p, &set, true, "");
}
