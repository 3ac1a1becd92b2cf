/* SPDX-License-Identifier: Apache-2.0 */
/* config/option.h -- fills a structure from a JSON object by a table of gh_option rows.
 * Called by: config/gateway (the core's tables), plugin/chain (plugins' tables), schema.
 * Never: knows what a setting means. */
#ifndef GATEHOUSE_CONFIG_OPTION_H
#define GATEHOUSE_CONFIG_OPTION_H

#include <gatehouse/plugin.h>
#include <jansson.h>

#include "base/arena.h"
#include "config/errors.h"

/* A table: rows are option_size bytes apart, as the plugin was built. */
struct option_table {
	const struct gh_option *rows;
	uint32_t count;
	uint32_t row_size;
};

/* Called for each value of kind GH_OPT_SERVICE that was read. */
typedef void (*option_service_cb)(void *arg, const char *service);

struct option_context {
	struct arena *arena;               /* where strings and lists go */
	const struct config_source *source;/* for places; may be NULL */
	struct config_errors *errors;
	option_service_cb on_service;      /* may be NULL */
	void *arg;
};

/* Fills out (zeroed by the caller) from object; every unknown member, wrong type, bad unit,
 * value out of bounds, missing required member is one error under pointer.  Defaults are
 * parsed by the same rules.  0, or -1 when any error was added. */
int option_parse(const struct option_context *, const struct option_table *, const json_t *object,
		 const char *pointer, void *out);
/* The JSON Schema (draft 2020-12) of an object with these rows: a new reference. */
json_t *option_schema(const struct option_table *);
/* Checks a table of a plugin: kinds known, offsets inside size bytes, sub tables sane.  Returns
 * NULL or the text of what is wrong, which names the row. */
const char *option_table_check(const struct option_table *, uint32_t size, struct arena *);
/* Row i of a table whose rows may be larger than ours. */
const struct gh_option *option_row(const struct option_table *, uint32_t i);

#endif
