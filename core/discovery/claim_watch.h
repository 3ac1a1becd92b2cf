/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/claim_watch.h -- follows what services in Consul ask for: their tags, which one answer
 * has for all, and the metadata of their instances, which is asked for one service after the other.
 * Called by: control/claims.  Never: gives up a claim because Consul has a fault.
 *
 *	LIST --200--> SWEEP --all asked--> LIST, after a second at the earliest (20 ms for each
 *	 |  ^                              service), for what is later than that
 *	fault '-- after 1 s, twice as long each time, at most 30 s
 */
#ifndef GATEHOUSE_DISCOVERY_CLAIM_WATCH_H
#define GATEHOUSE_DISCOVERY_CLAIM_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct claim_set;
struct claim_watch;
struct gateway_config;

/* So many services are asked about. */
enum { CLAIM_SERVICES_MAX = 5000 };

/* The set is up to date, and perhaps another one.  Must not close it. */
typedef void (*claim_watch_cb)(void *arg);

struct claim_watch_spec {
	uv_loop_t *loop;
	const struct gateway_config *config; /* how Consul is reached; may go before the watch */
	struct claim_set *set;               /* the owner's */
	claim_watch_cb cb;
	void *arg;
};

/* Goes on asking for ever.  NULL and the reason when it cannot begin. */
struct claim_watch *claim_watch_start(const struct claim_watch_spec *, struct error *);
/* Whether the last question was answered; whether all were, once. */
bool claim_watch_reachable(const struct claim_watch *);
bool claim_watch_answered(const struct claim_watch *);
/* Sets *w to NULL; the memory goes when the loop has let go of it.  NULL is harmless. */
void claim_watch_close(struct claim_watch **w);

#endif
