/* SPDX-License-Identifier: Apache-2.0 */
/* control/bound.h -- the addresses of the first generation, bound while this process is root.
 * Called by: control.  Never: binds when there is nobody else to become. */
#ifndef GATEHOUSE_CONTROL_BOUND_H
#define GATEHOUSE_CONTROL_BOUND_H

#include <stddef.h>

#include "base/error.h"

struct gateway_config;
struct listen_set;
struct listener;
struct privilege;

/* Listeners that are used once more than by generations. */
struct bound {
	struct listener **items;
	size_t count;
};

/* When somebody else is to be become: opens all that the configuration listens on, gives the files
 * of unix sockets, that of the admin listener too, to that user, and becomes it.  0 or -1 and the
 * reason; bound_drop() in both cases. */
int bound_leave_root(struct bound *, struct listen_set *, const struct gateway_config *,
		     const struct privilege *, struct error *);
/* A generation uses them now, or none will.  Again is harmless. */
void bound_drop(struct bound *, struct listen_set *);

#endif
