/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/static.h"

#include <stdio.h>

#include "base/error.h"
#include "config/gateway.h"
#include "config/hostname.h"
#include "discovery/instance.h"
#include "discovery/publish.h"

void static_publish(struct publish *p, const struct config_service *service)
{
	struct instance_set set = { 0 };

	for (size_t i = 0; i < service->endpoint_count; i++) {
		const struct config_endpoint *e = &service->endpoints[i];
		char id[32], host[HOSTNAME_SIZE];
		struct instance *item;
		bool named;

		must(!hostname_parse(str_from(e->host), host, &named)); /* as config/address has */
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
