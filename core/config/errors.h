/* SPDX-License-Identifier: Apache-2.0 */
/* config/errors.h -- all errors of one configuration, each with its place in the file.
 * Called by: config/, plugin/chain (plugins' options), command line.  Never: prints by itself. */
#ifndef GATEHOUSE_CONFIG_ERRORS_H
#define GATEHOUSE_CONFIG_ERRORS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct config_source;

enum { CONFIG_ERRORS_MAX = 100 };

/* One error; text is complete: what is wrong and what to do. */
struct config_error {
	char *pointer;
	char *text;
	unsigned line, column; /* 1-based; 0: not in the file */
};

/* All zero is empty.  At most CONFIG_ERRORS_MAX are kept; the rest are counted. */
struct config_errors {
	struct config_error *items;
	size_t count, dropped;
};

/* Adds one; the place is looked up in source (may be NULL) by the pointer, or its
 * nearest existing ancestor. */
__attribute__((format(printf, 4, 5))) void config_errors_add(struct config_errors *,
							     const struct config_source *source,
							     const char *pointer,
							     const char *format, ...);
/* Adds one whose place is known: a fault of the text itself, which no pointer names. */
__attribute__((format(printf, 4, 5))) void config_errors_add_at(struct config_errors *,
								unsigned line, unsigned column,
								const char *format, ...);
/* How many there were, the dropped ones included. */
static inline size_t config_errors_total(const struct config_errors *e)
{
	return e->count + e->dropped;
}

/* Brings the items into the order of the file; those without a place come last. */
void config_errors_sort(struct config_errors *);
/* "FILE:LINE:COLUMN: POINTER: TEXT", without what is not known; the caller's to free(). */
char *config_error_line(const struct config_error *, const char *file);
/* "FILE:LINE:COLUMN: POINTER: TEXT" lines, in the order of the file. */
void config_errors_print(const struct config_errors *, const char *file, FILE *);
void config_errors_fini(struct config_errors *);

#endif
