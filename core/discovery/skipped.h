/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/skipped.h -- which faulty instances were spoken of, so that each fault is logged once
 * and not with every answer.
 * Called by: discovery/consul_service and dns.  Never: grows with what an agent sends. */
#ifndef GATEHOUSE_DISCOVERY_SKIPPED_H
#define GATEHOUSE_DISCOVERY_SKIPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

enum { SKIPPED_MAX = 1000 };

/* All zero is empty. */
struct skipped {
	struct map said;
	uint64_t round;
};

void skipped_fini(struct skipped *);
/* An answer begins: skipped_add() for each fault in it, then skipped_end(). */
void skipped_begin(struct skipped *);
/* Whether this fault of this instance is new, and thus to be logged. */
bool skipped_add(struct skipped *, const char *id, const char *reason);
/* The same, and logs it when it is new. */
void skipped_say(struct skipped *, const char *service, const char *id, const char *reason);
/* Forgets the faults that were not in this answer. */
void skipped_end(struct skipped *);

#endif
