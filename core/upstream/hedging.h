/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/hedging.h -- which requests to a service may soon get a second try.
 * Called by: upstream/service (makes), proxy/hedge (the rest).  Never: knows what a request is. */
#ifndef GATEHOUSE_UPSTREAM_HEDGING_H
#define GATEHOUSE_UPSTREAM_HEDGING_H

#include <stdint.h>

#include "base/list.h"

/* Of one service in one worker. */
struct hedging {
	uint64_t after_ms;   /* without a byte of an answer */
	struct list waiting; /* the first is due first, since all wait for as long */
	struct list link;    /* the owner's, while anybody waits */
};

#endif
