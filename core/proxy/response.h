/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/response.h -- the head of the response: read, judged, shown to plugins, passed on.
 * Called by: proxy/pick (as events of the connection), proxy/hooks (after a wait). */
#ifndef GATEHOUSE_PROXY_RESPONSE_H
#define GATEHOUSE_PROXY_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/end_reason.h"

struct exchange;

/* The request has gone out: expects a head. */
void response_expect(struct exchange *);
/* The same for a connection on which it has been sent before. */
void response_expect_asked(struct exchange *);
/* Events of the connection to the service. */
void response_on_data(void *x, char *p, size_t n);
void response_on_end(void *x, int status);
/* The service's answer is no good: counts it against the service and ends the request. */
void response_bad(struct exchange *, enum end_reason, const char *why);
/* The response hooks are through: sends the head and what there is of the body. */
void response_begin(struct exchange *);
/* Arms the deadline for the response's head, which runs once the service has all it can take. */
void response_wait(struct exchange *);
/* Waits for the head, as long as the route, or else the service, allows. */
void response_wait_head(struct exchange *);
/* The client holds its body back until the service says 100, and the service has not. */
bool response_owes_continue(const struct exchange *);
/* Goes on with bytes that were held while the client took an interim response. */
void response_resume(struct exchange *);

#endif
