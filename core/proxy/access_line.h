/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/access_line.h -- the line of the access log for a finished exchange: one JSON object.
 * Called by: proxy/access_log.  Never: writes it anywhere. */
#ifndef GATEHOUSE_PROXY_ACCESS_LINE_H
#define GATEHOUSE_PROXY_ACCESS_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct exchange;

/* Members that are the same for all lines of a route, each formatted when it is first needed: on
 * the heap. */
struct access_routes {
	struct str *texts; /* by position in the configuration's routes; absent: not yet needed */
	size_t count;
};

void access_routes_fini(struct access_routes *);
/* The most bytes that the line of this exchange can have: it mostly has fewer, since few bytes are
 * to be escaped. */
size_t access_line_room(struct access_routes *, const struct exchange *);
/* Writes it, with its LF, and returns its end.  us: how long the exchange took; wall_us: what to
 * add to the monotonic clock for the wall clock's microseconds. */
char *access_line_put(char *to, struct access_routes *, const struct exchange *, uint64_t us,
		      int64_t wall_us);

#endif
