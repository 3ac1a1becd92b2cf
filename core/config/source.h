/* SPDX-License-Identifier: Apache-2.0 */
/* config/source.h -- a JSON text and the place (line, column) of every value in it.
 * Called by: config/gateway, config/errors.  Never: judges the contents. */
#ifndef GATEHOUSE_CONFIG_SOURCE_H
#define GATEHOUSE_CONFIG_SOURCE_H

#include <jansson.h>

#include "base/str.h"
#include "config/errors.h"

struct config_source;

enum { CONFIG_SOURCE_DEPTH = 64, CONFIG_SOURCE_MAX = 64 * 1024 * 1024 };

/* Parses text (which is copied): strict JSON, duplicate members are errors (RFC 8259, 4), at most
 * 64 levels and 64 MiB.  A UTF-8 byte order mark is skipped.  NULL after an error. */
struct config_source *config_source_parse(const char *file, struct str text,
					  struct config_errors *);
void config_source_free(struct config_source *);
const char *config_source_file(const struct config_source *);
/* The text as it was given, byte order mark and all; borrowed. */
struct str config_source_text(const struct config_source *);
/* The root, borrowed. */
json_t *config_source_root(const struct config_source *);
/* Place of the value that the JSON pointer names, or of its nearest ancestor; 1-based.  Columns
 * count bytes. */
void config_source_place(const struct config_source *, const char *pointer, unsigned *line,
			 unsigned *column);
/* The value that the pointer names as it is written; there must be one.  Borrowed, and a part of
 * config_source_text(). */
struct str config_source_raw(const struct config_source *, const char *pointer);
/* Whether the value that the pointer names is a string written with a ${reference}: only then may
 * its text stand for a number or a boolean. */
bool config_source_is_reference(const struct config_source *, const char *pointer);

#endif
