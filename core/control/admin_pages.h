/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_pages.h -- what the admin listener answers.
 * Called by: control/admin.  Never: sees a socket, shows a secret. */
#ifndef GATEHOUSE_CONTROL_ADMIN_PAGES_H
#define GATEHOUSE_CONTROL_ADMIN_PAGES_H

#include <jansson.h>

#include "base/buf.h"

struct control;

struct admin_reply {
	int status;
	const char *content_type;
	const char *allow; /* NULL but with 405 */
	struct buf body;   /* the caller's to free */
};

/* Answers GET on a path. */
void admin_page(struct control *, struct str path, struct admin_reply *);
/* Fills the reply with application/problem+json (RFC 9457). */
void admin_problem(struct admin_reply *, int status, const char *title, const char *detail);
/* Sets the reply's type and appends the JSON text; takes the reference. */
void admin_json(struct admin_reply *, json_t *);

/* control/admin_status: everything, for people and their tools: a new reference. */
json_t *admin_status(struct control *);
/* Why the gateway is not ready, an empty array when it is: a new reference. */
json_t *admin_missing(struct control *);
/* The services that are known from the snapshot on disk only: a new reference. */
json_t *admin_restored(struct control *);
/* control/admin_bounds: adds to each service in the list what it has in hand, where that is
 * limited, and the state of its breaker, where it has one. */
void admin_bounds(const struct control *, json_t *services);
/* control/admin_metrics: Prometheus text. */
void admin_metrics(struct control *, struct buf *);

#endif
