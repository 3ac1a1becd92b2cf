/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/crowd.h -- the memory that all workers of a generation share: how much each of them has
 * in hand of each service, so that a limit holds for all of them together.
 * Called by: upstream/gate (counts), control (creates, shows).
 * Never: locks.  Each worker writes only its own cells; what another's code gone wild writes here
 * can make a limit wrong, and nothing else. */
#ifndef GATEHOUSE_METRICS_CROWD_H
#define GATEHOUSE_METRICS_CROWD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What is counted. */
enum crowd_kind {
	CROWD_REQUESTS,    /* in hand: admitted and not over */
	CROWD_CONNECTIONS, /* to the service, idle ones included */
	CROWD_WAITING,     /* requests that wait to be admitted */
	CROWD_KINDS
};

/* Of one worker and one service. */
struct crowd_cell {
	int32_t count[CROWD_KINDS];
	int32_t reserved;
	uint64_t oldest_ms; /* since when its first in the queue has waited; 0: nobody waits */
	uint64_t looked_ms; /* when it last looked whether that one may go on */
};

/* A view of the region; cells is all zero at first. */
struct crowd {
	int fd; /* -1 when it is another's */
	void *region;
	size_t bytes;
	uint32_t workers, services;
	struct crowd_cell *cells; /* those of a service stand together, by worker */
};

/* A new region for services in the order of the configuration.  0 or -1. */
int crowd_create(struct crowd *, uint32_t workers, uint32_t services, struct error *);
/* Maps what crowd_create() made elsewhere; checks its size.  0 or -1. */
int crowd_open(struct crowd *, int fd, struct error *);
/* Unmaps, and closes the descriptor when it is ours.  All zero (with fd -1) is allowed. */
void crowd_close(struct crowd *);
/* A worker has died: what it had in hand is nobody's. */
void crowd_renew(struct crowd *, uint32_t worker);
/* The cells of a service, one for each worker. */
struct crowd_cell *crowd_cells(const struct crowd *, uint32_t service);
/* How much all workers have, as far as can be seen from outside: never less than 0. */
int64_t crowd_sum(const struct crowd_cell *, uint32_t workers, enum crowd_kind);

#endif
