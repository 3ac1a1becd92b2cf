/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/admit.h -- whether the breaker of a service lets a request through, and what it learns.
 * Called by: proxy/pick, queue, response, exchange.  Never: judges; that is discovery/breaker. */
#ifndef GATEHOUSE_PROXY_ADMIT_H
#define GATEHOUSE_PROXY_ADMIT_H

#include <stdbool.h>

struct exchange;
struct service;

/* Whether the request may go to that service; a further try at the same one may. */
bool admit_enter(struct exchange *, const struct service *);
/* Whether it may be tried again: not at a service that has come to be left alone. */
bool admit_allows_retry(const struct exchange *);
/* Whether it waits for a service that has come to be left alone. */
bool admit_is_shut(const struct exchange *);
/* A try has ended: the service did its work, or failed. */
void admit_result(struct exchange *, bool ok);
/* Ends the request with 503 breaker_open and the time after which to ask again. */
void admit_refuse(struct exchange *);
/* Nothing more will be learnt from it. */
void admit_leave(struct exchange *);

#endif
