/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul.h -- follows services in Consul: asks what discovery/watch wants asked and
 * publishes what it makes of the answers.
 * Called by: discovery.  Never: decides what an answer is worth, or follows a redirect. */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_H
#define GATEHOUSE_DISCOVERY_CONSUL_H

#include <jansson.h>
#include <stdint.h>
#include <uv.h>

struct config_consul;
struct config_service;
struct consul;
struct discovery_stats;
struct error;
struct registry;
struct registry_service;
struct resolver;

/* Asks nothing yet.  NULL when the settings make no sense. */
struct consul *consul_new(uv_loop_t *, const struct config_consul *, struct registry *,
			  struct resolver *, struct error *);
/* Services that are followed from now on begin with what the other knows of them, if both ask the
 * same agent; nothing is shared afterwards. */
void consul_inherit(struct consul *, const struct consul *from);
/* The same from what consul_snapshot() gave to an earlier process.  0, or -1 and what is wrong:
 * then nothing is taken over. */
int consul_restore(struct consul *, const json_t *, struct error *);
/* What is known, to be kept on disk: a new reference, NULL while no service was answered for. */
json_t *consul_snapshot(const struct consul *);
/* Begins to follow a service.  declared may be NULL: then it is called in Consul as it is here.
 * What is published comes later, never before this returns. */
void consul_watch(struct consul *, struct registry_service *,
		  const struct config_service *declared);
/* Adds its figures. */
void consul_stats(const struct consul *, struct discovery_stats *);
/* Ends all questions and lets go of all host names at once; then on_closed. */
void consul_close(struct consul *, void (*on_closed)(void *arg), void *arg);

#endif
