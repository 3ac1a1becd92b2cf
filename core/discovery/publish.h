/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/publish.h -- from the instances of one service to its endpoints in the registry: host
 * names become addresses, and change with them.
 * Called by: discovery/publish_watch, consul_service, dns and static.  Never: judges an instance;
 * that is done. */
#ifndef GATEHOUSE_DISCOVERY_PUBLISH_H
#define GATEHOUSE_DISCOVERY_PUBLISH_H

#include <stdbool.h>

#include "base/map.h"
#include "discovery/instance.h"
#include "discovery/registry.h"

struct resolver;

/* Embedded, one per service. */
struct publish {
	struct registry *registry;
	struct registry_service *service;
	struct resolver *resolver;
	struct instance_set instances; /* as last given */
	struct map names;              /* of struct publish_name: the host names among them */
	bool known;                    /* the service was seen: EMPTY rather than NEVER */
	bool answered;                 /* by the source; set it before publish_set() */
	char note[200];
};

void publish_init(struct publish *, struct registry *, struct registry_service *,
		  struct resolver *);
/* Lets go of all names; the registry keeps what was published. */
void publish_fini(struct publish *);
/* Publishes a set, which is taken.  known: whether the service was ever seen.  The service counts
 * as answered for when its source has answered and each name has been looked up once. */
void publish_set(struct publish *, struct instance_set *, bool known, const char *note);

#endif
