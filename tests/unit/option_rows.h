/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/option_rows.h -- a structure with every kind of option, and parsing into it.
 * Called by: tests/unit/test_option*.c.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_OPTION_ROWS_H
#define GATEHOUSE_TESTS_OPTION_ROWS_H

#include "config/option.h"
#include "config/source.h"
#include "config_text.h"

struct inner {
	const char *name; /* of a member of a map */
	const char *host;
	int64_t port;
};

struct all {
	const char *text;
	int flag;
	int64_t count;
	double share;
	uint64_t wait, size;
	double rate;
	int mode;
	struct gh_strings names;
	const char *service;
	struct inner one;
	struct gh_list many, map;
	const char *any;
};

static const struct gh_option inner_rows[] = {
	{ GH_ROW_(struct inner, host, const char *, GH_OPT_STRING, NULL, "Host."),
	  .flags = GH_OPT_REQUIRED },
	GH_INT(struct inner, port, "80", 1, 65535, "Port."),
};

static const struct gh_option all_rows[] = {
	GH_STRING(struct all, text, "hello", "Text."),
	GH_BOOL(struct all, flag, "true", "Flag."),
	GH_INT(struct all, count, "-3", -10, 10, "Count."),
	GH_NUMBER(struct all, share, "0.25", "Share."),
	GH_DURATION(struct all, wait, "15s", "Wait."),
	GH_SIZE(struct all, size, "16KiB", "Size."),
	GH_RATE(struct all, rate, "30/m", "Rate."),
	GH_ENUM(struct all, mode, "fast|slow", "slow", "Mode."),
	GH_STRINGS(struct all, names, "Names."),
	GH_SERVICE(struct all, service, "users", "Service."),
	GH_OBJECT(struct all, one, inner_rows, "One."),
	GH_LIST(struct all, many, inner_rows, struct inner, "Many."),
	GH_MAP(struct all, map, inner_rows, struct inner, "Map."),
	GH_JSON(struct all, any, "Any."),
};

static const struct option_table all_table = { all_rows, sizeof(all_rows) / sizeof(all_rows[0]),
					       sizeof(struct gh_option) };

static struct arena arena;
static struct config_errors errors;
static const char *seen_service;

/* Gives its own copy of every "users". */
static inline const char *see_service(void *arg, const char *service)
{
	(void)arg;
	seen_service = strcmp(service, "users") == 0 ? "users" : service;
	return seen_service;
}

/* Parses a text by the table; out lives in the arena. */
static inline int parse(const struct option_table *table, const char *text, void *out)
{
	struct config_source *s = config_source_parse("f", str_from(text), &errors);
	struct option_context ctx = {
		.arena = &arena, .source = s, .errors = &errors, .on_service = see_service
	};
	int rc;

	ck_assert_msg(s != NULL, "%s", text);
	rc = option_parse(&ctx, table, config_source_root(s), "", out);
	config_source_free(s);
	return rc;
}

static inline void refused(const char *text, const char *expected)
{
	struct all out = { 0 };

	ck_assert_int_eq(parse(&all_table, text, &out), -1);
	ck_errors(&errors, expected);
}

#endif
