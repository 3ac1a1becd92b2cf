/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/queue.h -- requests that wait until their service may have one more in hand.
 * Called by: proxy/pick, proxy/exchange.  Never: counts; that is upstream/gate. */
#ifndef GATEHOUSE_PROXY_QUEUE_H
#define GATEHOUSE_PROXY_QUEUE_H

#include <stdbool.h>

struct exchange;
struct proxy;

void queue_init(struct proxy *);
void queue_close(struct proxy *);
/* Takes a place at its service for the request.  False: it waits, and exchange_pick_admitted()
 * follows; or it was refused. */
bool queue_admit(struct exchange *);
/* Another worker took the connection that there was room for: it waits on, as the first. */
void queue_again(struct exchange *);
/* Gives back its place, or the one in the queue; nothing when it has none. */
void queue_leave(struct exchange *);

#endif
