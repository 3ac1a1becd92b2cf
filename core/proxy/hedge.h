/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hedge.h -- a request whose answer is slow to come is sent to a second endpoint, and whoever
 * answers first is believed.
 * Called by: proxy/pick, response, exchange.  Never: sends what is not safe to send twice. */
#ifndef GATEHOUSE_PROXY_HEDGE_H
#define GATEHOUSE_PROXY_HEDGE_H

#include <stdbool.h>

#include "metrics/end_reason.h"

struct exchange;
struct proxy;

void hedge_init(struct proxy *);
void hedge_close(struct proxy *);
/* The request was sent, and its answer is waited for; of a service with hedging. */
void hedge_wait(struct exchange *);
/* A byte of the answer has come, or nothing more will: the second try, if there is one, is
 * dropped.  Not for exchanges without a hedge. */
void hedge_drop(struct exchange *);
/* The first try has failed (and was not yet counted): the second one is the request now.  False:
 * there is none.  Not for exchanges without a hedge. */
bool hedge_stands_in(struct exchange *, enum end_reason);
/* Frees what an exchange keeps for its hedges. */
void hedge_free(struct exchange *);

#endif
