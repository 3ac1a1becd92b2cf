/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/static.h -- a service whose endpoints stand in the configuration.
 * Called by: discovery.  Never: checks whether they are alive. */
#ifndef GATEHOUSE_DISCOVERY_STATIC_H
#define GATEHOUSE_DISCOVERY_STATIC_H

struct config_service;
struct publish;

/* Publishes the endpoints written for the service; host names follow when they resolve. */
void static_publish(struct publish *, const struct config_service *);

#endif
