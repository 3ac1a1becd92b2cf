/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/crowd.h -- the memory that all workers of a generation share: how much each of them has
 * in hand of each service, so that a limit holds for all of them together, and what the control
 * process says of the service.
 * Called by: upstream/gate and trial (count, ask), discovery/guard (says), control (creates,
 * shows).
 * Never: locks.  Each worker writes only its own cells, and takes tickets; what another's code gone
 * wild writes here can make a limit or a breaker wrong, and nothing else. */
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
	/* What the trials of that epoch came to. */
	uint64_t trial_epoch;
	uint32_t trial_ok, trial_failed;
};

/* As enum breaker_state of discovery/breaker.h. */
enum crowd_breaker { CROWD_CLOSED, CROWD_OPEN, CROWD_HALF_OPEN };

/* Of one service: said by the control process to all workers. */
struct crowd_rule {
	_Alignas(64) uint32_t breaker; /* enum crowd_breaker: written last */
	uint32_t trials;               /* of all workers at a time */
	uint32_t limit;    /* of CROWD_REQUESTS, where it is learnt; 0: nothing is known yet */
	uint64_t until_ms; /* when the control process will have said something else */
	uint64_t tickets;  /* CROWD_HALF_OPEN: of trials; epoch and number in one, since both are
			    * taken at once */
};

enum { CROWD_TICKETS_MAX = 0xffff };

static inline uint64_t crowd_tickets(uint64_t epoch, uint32_t left)
{
	return epoch << 16 | (left < CROWD_TICKETS_MAX ? left : CROWD_TICKETS_MAX);
}

static inline uint32_t crowd_tickets_left(uint64_t tickets)
{
	return tickets & CROWD_TICKETS_MAX;
}

static inline uint64_t crowd_tickets_epoch(uint64_t tickets)
{
	return tickets >> 16;
}

/* A view of the region; rules and cells are all zero at first. */
struct crowd {
	int fd; /* -1 when it is another's */
	void *region;
	size_t bytes;
	uint32_t workers, services;
	struct crowd_rule *rules; /* by service */
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
/* What trials of that epoch came to in all workers. */
void crowd_trials(const struct crowd *, uint32_t service, uint64_t epoch, uint64_t *ok,
		  uint64_t *failed);
/* How much all workers have, as far as can be seen from outside: never less than 0. */
int64_t crowd_sum(const struct crowd_cell *, uint32_t workers, enum crowd_kind);

#endif
