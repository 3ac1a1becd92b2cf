/* SPDX-License-Identifier: Apache-2.0 */
/* config/option.h -- fills a structure from a JSON object by a table of gh_option rows.
 * Called by: config/gateway (the core's tables), plugin/chain (plugins' tables), schema.
 * Never: knows what a setting means. */
#ifndef GATEHOUSE_CONFIG_OPTION_H
#define GATEHOUSE_CONFIG_OPTION_H

#include <gatehouse/plugin.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/errors.h"

/* A table: rows are option_size bytes apart, as the plugin was built. */
struct option_table {
	const struct gh_option *rows;
	uint32_t count;
	uint32_t row_size;
};

/* Flags that only the core's own tables may use, for members of more than one shape. */
enum {
	/* A numeric kind: the word in choices stands for 0 ("auto", "unlimited"). */
	OPTION_WORD = 0x10000u,
	/* GH_OPT_STRINGS: one string alone is an array of one.  GH_OPT_LIST, GH_OPT_MAP: a
	 * string in the place of an object is the value of its first row. */
	OPTION_SHORTHAND = 0x20000u,
	/* GH_OPT_SIZE, GH_OPT_DURATION: absent is UINT64_MAX, so that 0 can be written. */
	OPTION_ABSENT_MAX = 0x40000u,
	OPTION_ABI_FLAGS = GH_OPT_REQUIRED | GH_OPT_SECRET,
	/* Levels of sub tables. */
	OPTION_DEPTH_MAX = 8
};

/* Called for each value of kind GH_OPT_SERVICE that was read.  Returns the text to be stored: it,
 * or an equal one that lives as long. */
typedef const char *(*option_service_cb)(void *arg, const char *service);

struct option_context {
	struct arena *arena;                /* where strings and lists go */
	const struct config_source *source; /* for places; may be NULL */
	struct config_errors *errors;
	option_service_cb on_service; /* may be NULL */
	void *arg;
};

/* Fills out (zeroed by the caller) from object; every unknown member, wrong type, bad unit,
 * value out of bounds, missing required member is one error under pointer.  Defaults are
 * parsed by the same rules.  A member that is required inside an optional object is required
 * only when that object is given.  0, or -1 when any error was added. */
int option_parse(const struct option_context *, const struct option_table *, const json_t *object,
		 const char *pointer, void *out);
/* Row i of a table whose rows may be larger than ours. */
const struct gh_option *option_row(const struct option_table *, uint32_t i);
/* The table of the rows inside a row. */
struct option_table option_sub(const struct option_table *, const struct gh_option *row);
/* What a value of that row looks like, as in "must be ..."; in arena. */
const char *option_expects(const struct gh_option *row, struct arena *);
/* The bounds of a numeric row, "1ms to 24h"; NULL when it has none; in arena. */
const char *option_range(const struct gh_option *row, struct arena *);
/* The choice at that position of "a|b|c"; absent past the end. */
struct str option_choice(const char *choices, size_t i);
/* The default of a row as JSON (a new reference), its references expanded, or NULL and the
 * reason; "" when the row has none. */
json_t *option_default(const struct gh_option *row, struct error *);
/* Whether the default may be printed: not that of a secret, but where to set it may. */
bool option_default_shown(const struct gh_option *row);
/* Appends a member's name to a JSON pointer; in arena. */
char *option_pointer(struct arena *, const char *pointer, const char *name);

/* option_schema.c */
/* The JSON Schema (draft 2020-12) of an object with these rows: a new reference. */
json_t *option_schema(const struct option_table *);

/* option_check.c */
/* Checks a table of a plugin: kinds known, offsets inside size bytes, sub tables sane.  Returns
 * NULL or the text of what is wrong, which names the row. */
const char *option_table_check(const struct option_table *, uint32_t size, struct arena *);

#endif
