/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/dns.h -- follows services in DNS: asks when a TTL is over and publishes what
 * discovery/watch makes of the answers.
 * Called by: discovery.  Never: gives up what is known since a question fails. */
#ifndef GATEHOUSE_DISCOVERY_DNS_H
#define GATEHOUSE_DISCOVERY_DNS_H

#include <jansson.h>
#include <uv.h>

#include "base/error.h"

struct config_service;
struct discovery_stats;
struct dns;
struct gateway_config;
struct registry;
struct registry_service;
struct resolver;

/* Asks nothing yet.  NULL when the resolver cannot be set up, which is tried only when a service of
 * the configuration is in DNS. */
struct dns *dns_new(uv_loop_t *, const struct gateway_config *, struct registry *,
		    struct resolver *, struct error *);
/* Services that are followed from now on begin with what the other knows of them. */
void dns_inherit(struct dns *, const struct dns *from);
/* The same from what dns_snapshot() gave to an earlier process.  0, or -1 and what is wrong: then
 * nothing is taken over. */
int dns_restore(struct dns *, const json_t *, struct error *);
/* What is known, to be kept on disk: a new reference, NULL while no service was answered for. */
json_t *dns_snapshot(const struct dns *);
/* Begins to follow a service.  What is published comes later, never before this returns. */
void dns_watch(struct dns *, struct registry_service *, const struct config_service *);
/* Sets the figures that are its own. */
void dns_stats(const struct dns *, struct discovery_stats *);
/* Ends all questions; then on_closed. */
void dns_close(struct dns *, void (*on_closed)(void *arg), void *arg);

#endif
