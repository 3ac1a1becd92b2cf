/* SPDX-License-Identifier: Apache-2.0 */
/* control/gather_claims.h -- from the routes that services in Consul ask for (discovery/claim.h) to
 * those that they may have.
 * Called by: control/gather.  Never: finds out whether two routes can be told apart. */
#ifndef GATEHOUSE_CONTROL_GATHER_CLAIMS_H
#define GATEHOUSE_CONTROL_GATHER_CLAIMS_H

#include <jansson.h>

struct gateway_config;

/* Appends a route (config/handed.h) to routes for each claim that the configuration lets through.
 * no_relay: why there is no plugin to relay with; NULL: there is one.  excluded: why routes at
 * "/registry/SERVICE/INDEX", or those of a plugin, are left out.  The result is an array, in the
 * order of the claims, of {"claim": CLAIM, "state": "served" or "refused", "why": TEXT?}; empty
 * when the configuration wants none: a new reference. */
json_t *gather_claims(const struct gateway_config *, const json_t *claims, const json_t *excluded,
		      const char *no_relay, json_t *routes);
/* Routes that were left out after all, each with its "why". */
void gather_claims_left(json_t *results, const json_t *left);

#endif
