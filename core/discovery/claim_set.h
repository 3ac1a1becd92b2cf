/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/claim_set.h -- the claims (discovery/claim.h) of all services, in the order in which
 * they were first seen: what came first keeps its route.
 * Called by: discovery/claim_watch.  Never: asks, reads a clock or logs.
 *
 * A claim goes when its service has instances, and none makes it any more, for hold_ms.  A service
 * without an instance keeps its claims: for keep_ms, or for ever. */
#ifndef GATEHOUSE_DISCOVERY_CLAIM_SET_H
#define GATEHOUSE_DISCOVERY_CLAIM_SET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { CLAIMS_MAX = 2000, CLAIMS_PER_SERVICE_MAX = 64 };

/* Where claims come from; each kind of a service's is updated by itself. */
enum claim_kind { CLAIM_TAG, CLAIM_META };

struct claim_entry {
	json_t *json;
	const char *service; /* in there */
	enum claim_kind kind;
	bool missing, absent; /* not made any more; its service has no instance */
	bool found;           /* while an update is made */
	uint64_t since_ms;    /* of missing or absent */
};

/* All zero is empty. */
struct claim_set {
	struct claim_entry *items;
	size_t count, cap;
	uint64_t dropped; /* claims for which there was no room */
};

void claim_set_fini(struct claim_set *);
/* What a service that has instances says now; trusted: what is not in there may be given up.
 * Whether anything is new. */
bool claim_set_update(struct claim_set *, const char *service, enum claim_kind, const json_t *found,
		      bool trusted, uint64_t now_ms);
/* The service is not listed: it has no instance. */
void claim_set_absent(struct claim_set *, const char *service, uint64_t now_ms);
/* Gives up what is over.  keep_ms 0: for ever.  Whether anything went. */
bool claim_set_tick(struct claim_set *, uint64_t hold_ms, uint64_t keep_ms, uint64_t now_ms);
/* When the next would be over; UINT64_MAX: none. */
uint64_t claim_set_due(const struct claim_set *, uint64_t hold_ms, uint64_t keep_ms);
/* All of them: a new array of the claims themselves. */
json_t *claim_set_json(const struct claim_set *);
/* The same to be kept on disk, and back into an empty set: all are absent until they are seen.
 * 0 or -1. */
json_t *claim_set_save(const struct claim_set *);
int claim_set_load(struct claim_set *, const json_t *, uint64_t now_ms);

#endif
