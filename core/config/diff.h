/* SPDX-License-Identifier: Apache-2.0 */
/* config/diff.h -- what is different between two configurations as config/gateway_show shows them.
 * Called by: the command line (diff, in a child process).  Never: lets a secret into its answer.
 *
 * A change is {"change": "added", "removed", "changed" or "moved", "kind": "route", "service", ...,
 * "pointer": TEXT, "old": VALUE, "new": VALUE}; a route's has "route", which names it, too.  The
 * pointer is into the new configuration, of what was removed into the old one. */
#ifndef GATEHOUSE_CONFIG_DIFF_H
#define GATEHOUSE_CONFIG_DIFF_H

#include <jansson.h>

/* A configuration's routes as an array, for diff_routes(): {"pointer": TEXT, "rank": position in
 * match order, "route": the name for people, "value": config/gateway_show}. */

/* Appends what differs between two values at the pointer.  what: further members of each change,
 * or NULL. */
void diff_values(const json_t *old, const json_t *new, const char *pointer, const json_t *what,
		 json_t *changes);
/* Appends what differs between two arrays of routes.  Routes are the same that have the same path,
 * host, methods and headers; else, in their order, the same path and host.  "old" and "new" of one
 * that has moved are positions, from 1, in the match order of the routes that both have. */
void diff_routes(const json_t *old, const json_t *new, json_t *changes);

/* The value as it may be printed: without marks (config/option_show.h), "(secret)" for a secret
 * that is there.  A new reference. */
json_t *diff_clean(const json_t *value);

#endif
