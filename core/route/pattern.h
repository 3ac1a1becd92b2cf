/* SPDX-License-Identifier: Apache-2.0 */
/* route/pattern.h -- a route's path pattern, taken apart into segments.
 * Called by: route/table.  Never: sees a request. */
#ifndef GATEHOUSE_ROUTE_PATTERN_H
#define GATEHOUSE_ROUTE_PATTERN_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "route/table.h"

enum { PATTERN_SEGMENTS_MAX = 64 };

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST };

/* One segment; text is the literal, or the parameter's name, inside the pattern. */
struct segment {
	enum segment_kind kind;
	struct str text;
};

struct pattern {
	struct segment *segments; /* on the heap */
	size_t count, params;
};

/* "/users" "/users/{id}" "/files/" + "*": 0, or -1 and what is wrong with it and what to write. */
int pattern_parse(const char *text, struct pattern *, struct error *);
/* Frees what pattern_parse() took, whether it succeeded or not. */
void pattern_fini(struct pattern *);
/* Most specific first: negative when a goes before b; 0 when the shapes are the same. */
int pattern_compare(const struct pattern *a, const struct pattern *b);

#endif
