/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/attempt.h -- asks one endpoint once whether it is there: a connection, or a request.
 * Called by: discovery/guard_run.  Never: judges what the answer means. */
#ifndef GATEHOUSE_DISCOVERY_ATTEMPT_H
#define GATEHOUSE_DISCOVERY_ATTEMPT_H

#include <stdint.h>
#include <uv.h>

struct attempt;
struct fetcher;

/* All texts are copied. */
struct attempt_spec {
	const char *address; /* IPv4 or IPv6 */
	uint16_t port;
	uint64_t timeout_ms;
	const char *path; /* NULL: a connection is enough */
	const char *host; /* NULL: the address */
	unsigned status_min, status_max;
};

enum { ATTEMPT_BODY_MAX = 1024 * 1024 };

/* wrong: NULL when it went well, else why not, for people. */
typedef void (*attempt_cb)(void *arg, const char *wrong);

/* The callback comes exactly once, and not before this returns.  NULL: it could not be begun, for
 * a reason that is not the endpoint's; no callback. */
struct attempt *attempt_start(uv_loop_t *, struct fetcher *, const struct attempt_spec *,
			      attempt_cb, void *arg);
/* Ends it without its callback. */
void attempt_cancel(struct attempt *);

#endif
