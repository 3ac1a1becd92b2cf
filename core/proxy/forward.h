/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/forward.h -- the request's head as it goes to the service, written anew from its parts.
 * Called by: proxy/relay.  Never: copies a line as it was received. */
#ifndef GATEHOUSE_PROXY_FORWARD_H
#define GATEHOUSE_PROXY_FORWARD_H

struct exchange;

/* Builds it in proxy.head. */
void forward_build(struct exchange *);

#endif
