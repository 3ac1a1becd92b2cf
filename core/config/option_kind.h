/* SPDX-License-Identifier: Apache-2.0 */
/* config/option_kind.h -- one value into one field, for each kind of option.
 * Called by: config/option, which walks objects and calls back for those inside.
 * Never: used outside config/. */
#ifndef GATEHOUSE_CONFIG_OPTION_KIND_H
#define GATEHOUSE_CONFIG_OPTION_KIND_H

#include "config/option.h"

/* One value on its way into one field. */
struct option_slot {
	const struct option_context *ctx;
	const struct option_table *table; /* the row's */
	const struct gh_option *row;
	const char *pointer;
	bool is_default;
};

/* Checks the value and stores it in the field; adds an error and leaves the field else. */
void option_value(const struct option_slot *, const json_t *, void *field);
/* Adds "must be X, not Y". */
void option_bad(const struct option_slot *, const json_t *);

/* option.c */
/* Adds an error at the slot's pointer. */
__attribute__((format(printf, 2, 3))) void option_error(const struct option_slot *,
							const char *format, ...);
/* Fills a structure from an object; NULL: nothing was given, so that only defaults count. */
void option_fill(const struct option_context *, const struct option_table *, const json_t *object,
		 const char *pointer, void *out);

#endif
