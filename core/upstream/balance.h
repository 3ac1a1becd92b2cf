/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/balance.h -- which of some endpoints takes the next try.
 * Called by: upstream/service.  Never: looks at a clock, a socket or the configuration: what it
 * goes by comes in, so that a simulation can drive it. */
#ifndef GATEHOUSE_UPSTREAM_BALANCE_H
#define GATEHOUSE_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "upstream/endpoint.h"

struct rand;

/* In the order of the choices of "balance". */
enum balance_policy {
	BALANCE_ROUND_ROBIN,    /* in turn, by weight */
	BALANCE_LEAST_REQUESTS, /* fewest requests for its weight; ties in turn */
	BALANCE_TWO_CHOICES,    /* two drawn by weight, the one with fewer requests of these */
	BALANCE_RANDOM,         /* drawn by weight */
	BALANCE_HASH,           /* by a key of the request, with bounded load */
};

enum { PICK_TRIED_MAX = 8 };

/* Which endpoints a request has tried. */
struct pick_tried {
	const struct endpoint *tried[PICK_TRIED_MAX];
	unsigned count;
};

/* What a pick goes by besides the endpoints. */
struct balance_ask {
	const struct pick_tried *tried;
	struct rand *rand;
	uint64_t now_ms; /* any clock that does not go back */
	uint64_t key;    /* balance_key() of the request, when keyed */
	bool keyed;
};

/* Some endpoints of a service, and whose turn it is.  items is the owner's. */
struct balance_set {
	struct endpoint **items;
	size_t count, next;
	uint64_t *sums; /* of shares up to and with each */
	bool equal;     /* all shares are the same */
};

/* After items, count or any share has changed.  Aborts when out of memory. */
void balance_prepare(struct balance_set *);
/* Frees sums, and leaves items to their owner. */
void balance_fini(struct balance_set *);
/* The endpoint for the next try, never one that was tried; NULL when there is none.  load: for
 * BALANCE_HASH, how many times its fair share of the requests in hand an endpoint may have before
 * the key's next one is taken; 0: any number. */
struct endpoint *balance_pick(enum balance_policy, double load, struct balance_set *,
			      const struct balance_ask *);
/* A hash that is the same in every process and for ever. */
uint64_t balance_key(struct str);

#endif
