/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/publish_watch.h -- what a watch makes of its source's answers becomes the service's
 * endpoints, and is said when it is out of the ordinary.
 * Called by: discovery/consul_service and dns.  Never: judges an instance; that is done. */
#ifndef GATEHOUSE_DISCOVERY_PUBLISH_WATCH_H
#define GATEHOUSE_DISCOVERY_PUBLISH_WATCH_H

#include <stddef.h>

struct publish;
struct watch;

/* What was logged last of a service, so that each change is logged once; all zero at first. */
struct publish_said {
	size_t holding, panicking; /* instances */
};

/* Publishes what the watch knows, and logs what of it is new: instances that are held, critical
 * ones that are tried. */
void publish_watch(struct publish *, struct watch *, struct publish_said *);

#endif
