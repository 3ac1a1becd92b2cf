/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tunnel.h -- an upgraded connection (RFC 9110, 7.8): bytes both ways until both have ended.
 * Called by: proxy/response (begins), proxy/relay.  Never: looks into the bytes. */
#ifndef GATEHOUSE_PROXY_TUNNEL_H
#define GATEHOUSE_PROXY_TUNNEL_H

#include <stddef.h>

struct exchange;

/* After the 101 has gone to the client; rest: what the service sent behind it. */
void tunnel_begin(struct exchange *, char *rest, size_t n);
void tunnel_on_client_data(struct exchange *, char *p, size_t n);
void tunnel_on_upstream_data(struct exchange *, char *p, size_t n);
/* One side has ended: half-closes the other. */
void tunnel_on_client_end(struct exchange *);
void tunnel_on_upstream_end(struct exchange *, int status);
/* A held write is done. */
void tunnel_on_down(struct exchange *);
void tunnel_on_sent(struct exchange *);

#endif
