/* SPDX-License-Identifier: Apache-2.0 */
/* config/scan.h -- walks a JSON text byte by byte: what is wrong with it, and where a value stands.
 * Called by: config/source.  Never: builds values (jansson does, but it keeps no places). */
#ifndef GATEHOUSE_CONFIG_SCAN_H
#define GATEHOUSE_CONFIG_SCAN_H

#include "base/str.h"

/* The first fault of a text. */
struct scan_error {
	const char *at; /* inside the text, or its end */
	char text[200]; /* what is wrong and what to do */
};

/* Whether text is exactly one JSON value (RFC 8259) nested at most max_depth deep; else *error. */
bool scan_check(struct str text, unsigned max_depth, struct scan_error *error);
/* Where the value that a JSON pointer (RFC 6901) names begins, or its nearest ancestor.  The text
 * must have passed scan_check(). */
const char *scan_find(struct str text, const char *pointer);
/* The whole value that begins at p, which scan_find() gave. */
struct str scan_value_text(struct str text, const char *p);

#endif
