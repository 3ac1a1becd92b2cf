/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/pick.h -- what a try at an endpoint is made of, for the second one that proxy/hedge makes.
 * Called by: proxy/hedge.  Never: used for the first one, which is exchange_pick(). */
#ifndef GATEHOUSE_PROXY_PICK_H
#define GATEHOUSE_PROXY_PICK_H

#include "metrics/end_reason.h"
#include "upstream/upconn.h"

struct endpoint;
struct exchange;
struct pick_tried;

/* What the connection of an exchange tells it. */
extern const struct upconn_events pick_events;

/* The endpoint for a try, other than those if there is one; NULL: the service has none. */
struct endpoint *pick_endpoint(struct exchange *, const struct pick_tried *);
/* What it means that no connection came about: a negative UV_E*. */
enum end_reason pick_connect_reason(int status);

#endif
