/* SPDX-License-Identifier: Apache-2.0 */
/* check_options -- one option of most kinds, a word on standard output, and a fault of its own. */
#include <gatehouse/plugin.h>
#include <stdio.h>

struct check_options_item {
	const char *name;
	int64_t weight;
};

struct check_options_route {
	const char *greeting, *service, *secret;
	int loud, mode;
	uint64_t pause, most;
	double rate;
	struct gh_strings words;
	struct gh_list items;
};

static const struct gh_option check_options_items[] = {
	GH_INT(struct check_options_item, weight, "1", 1, 9, "Weight."),
};

static const struct gh_option check_options_rows[] = {
	GH_STRING(struct check_options_route, greeting, "hello", "What to say."),
	{ GH_ROW_(struct check_options_route, service, const char *, GH_OPT_SERVICE, NULL,
		  "Where to relay to."),
	  .flags = GH_OPT_REQUIRED },
	{ GH_ROW_(struct check_options_route, secret, const char *, GH_OPT_STRING, "s3cret",
		  "A secret."),
	  .flags = GH_OPT_SECRET },
	GH_BOOL(struct check_options_route, loud, "false", "In capitals."),
	GH_ENUM(struct check_options_route, mode, "fast|slow", "fast", "How."),
	GH_DURATION(struct check_options_route, pause, "1s", "Before it."),
	GH_SIZE(struct check_options_route, most, "16KiB", "At most."),
	GH_RATE(struct check_options_route, rate, "10/s", "How often."),
	GH_STRINGS(struct check_options_route, words, "Words."),
	GH_MAP(struct check_options_route, items, check_options_items, struct check_options_item,
	       "Items by name."),
};

static int check_options_route_open(struct gh_route *rt)
{
	const struct check_options_route *o = gh_open_options(rt, struct check_options_route);

	puts("{\"not\": \"a report\"}");
	fflush(stdout);
	gh_log(NULL, GH_WARN, "route_open with %s", o->greeting);
	if (gh_str_eq(gh_str(o->greeting), "goodbye"))
		gh_config_error(rt, "/greeting", "must not be a farewell");
	return 0;
}

GH_PLUGIN(.name = "check_options", .version = "2.1", .summary = "For tests.",
	  GH_OPTIONS(check_options_rows, struct check_options_route),
	  .route_open = check_options_route_open);
