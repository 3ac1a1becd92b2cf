/* SPDX-License-Identifier: Apache-2.0 */
/* control/claims.h -- the routes that services in Consul ask for: followed while the gateway runs,
 * rolled out as generations of workers, at a pace, and kept on disk for the next start.
 * Called by: control, control/reload, control/diff, admin.  Never: decides which of them may be
 * (control/gather_claims does). */
#ifndef GATEHOUSE_CONTROL_CLAIMS_H
#define GATEHOUSE_CONTROL_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct claims;
struct control;
struct gateway_config;

struct claims_stats {
	bool on, reachable;
	size_t served, refused, pending;
	uint64_t rollouts; /* asked for */
};

/* Nothing is known, and Consul is not asked yet. */
struct claims *claims_open(struct control *);
/* Once, before the first generation: begins with what the gateway before has handed on, else with
 * what is on disk, beside the snapshot of discovery. */
void claims_begin(struct claims *, const struct gateway_config *);
/* What it would write to disk, for the gateway that takes over: a new reference. */
json_t *claims_save(struct claims *);
/* A generation serves: Consul is asked as its configuration says, or not any more. */
void claims_serve(struct claims *, const struct gateway_config *);
/* What is asked for now (discovery/claim.h): a new reference. */
json_t *claims_asked(const struct claims *);
/* What was asked for when a reload began that is done now, and what became of it
 * (control/gather_claims.h).  Logs what is news. */
void claims_taken(struct claims *, const json_t *asked, const json_t *results);
/* Whether the first answer, with what follows from it, is still to come. */
bool claims_missing(const struct claims *);
/* For /status: {"on", "reachable", "rollouts", "routes": [{"service", "origin", "path"?, "host"?,
 * "methods"?, "state": "served", "refused" or "pending", "why"?}]}: a new reference. */
json_t *claims_status(const struct claims *);
struct claims_stats claims_stats(const struct claims *);
/* Sets the pointer to NULL; the memory goes when the loop has let go of it.  NULL is harmless. */
void claims_close(struct claims **);

#endif
