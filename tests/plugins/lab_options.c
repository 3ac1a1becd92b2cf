/* SPDX-License-Identifier: Apache-2.0 */
/* lab_options -- every kind of option, and a check of them when the route is opened. */
#include <gatehouse/plugin.h>
#include <stdio.h>
#include <stdlib.h>

struct part {
	const char *name;
	int64_t size;
};

struct named {
	const char *key;
	const char *value;
};

struct inner {
	int on;
	uint64_t every;
};

struct all_route {
	const char *text, *service, *json, *secret;
	int flag, choice;
	int64_t number;
	double share, rate;
	uint64_t pause, room;
	struct gh_strings words;
	struct inner inner;
	struct gh_list parts, names;
};

static const struct gh_option part_rows[] = {
	GH_STRING(struct part, name, NULL, "The part's name."),
	GH_INT(struct part, size, "1", 1, 9, "Its size."),
};

static const struct gh_option named_rows[] = {
	GH_STRING(struct named, value, "", "What stands under the name."),
};

static const struct gh_option inner_rows[] = {
	GH_BOOL(struct inner, on, "true", "Whether it is on."),
	GH_DURATION(struct inner, every, "1m", "How often."),
};

static const struct gh_option all_options[] = {
	GH_STRING(struct all_route, text, "a text", "Any text."),
	GH_BOOL(struct all_route, flag, "false", "Yes or no."),
	GH_INT(struct all_route, number, "-3", -10, 10, "A whole number."),
	GH_NUMBER(struct all_route, share, "0.5", "A share."),
	GH_DURATION(struct all_route, pause, "250ms", "A while."),
	GH_SIZE(struct all_route, room, "16KiB", "So much."),
	GH_RATE(struct all_route, rate, "30/m", "So often."),
	GH_ENUM(struct all_route, choice, "red|green|blue", "green", "One of three."),
	GH_STRINGS(struct all_route, words, "Some words."),
	GH_SERVICE(struct all_route, service, "lab-service", "A service."),
	GH_OBJECT(struct all_route, inner, inner_rows, "What is inside."),
	GH_LIST(struct all_route, parts, part_rows, struct part, "Some parts."),
	GH_MAP(struct all_route, names, named_rows, struct named, "Values by name."),
	GH_JSON(struct all_route, json, "Anything."),
	{ GH_ROW_(struct all_route, secret, const char *, GH_OPT_STRING, NULL, "Never shown."),
	  .flags = GH_OPT_SECRET },
};

/* Two faults at once are both reported. */
static int all_route_open(struct gh_route *rt)
{
	const struct all_route *o = gh_open_options(rt, struct all_route);
	const struct part *parts = o->parts.items;
	int wrong = 0;

	if (strcmp(o->text, "refuse") == 0) {
		gh_config_error(rt, "/text", "cannot be \"refuse\"");
		wrong = 1;
	}
	for (size_t i = 0; i < o->parts.n; i++)
		if (!parts[i].name || strcmp(parts[i].name, "bad") == 0) {
			char pointer[64];
			snprintf(pointer, sizeof(pointer), "/parts/%zu/name", i);
			gh_config_error(rt, pointer, "is a bad part");
			wrong = 1;
		}
	if (strcmp(o->text, "silent") == 0)
		return -1;
	return wrong ? -1 : 0;
}

static enum gh_verdict all_on_request(struct gh_request *r)
{
	const struct all_route *o = gh_route_options(r, struct all_route);
	const struct part *parts = o->parts.items;
	const struct named *names = o->names.items;
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "text=%s flag=%d number=%lld share=%g pause=%llu room=%llu rate=%g "
			 "choice=%d service=%s json=%s secret=%s on=%d every=%llu",
			 o->text, o->flag, (long long)o->number, o->share,
			 (unsigned long long)o->pause, (unsigned long long)o->room, o->rate,
			 o->choice, o->service, o->json ? o->json : "-",
			 o->secret ? o->secret : "-", o->inner.on,
			 (unsigned long long)o->inner.every);

	for (size_t i = 0; i < o->words.n; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " word=%s", o->words.items[i]);
	for (size_t i = 0; i < o->parts.n; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " part=%s:%lld", parts[i].name,
			      (long long)parts[i].size);
	for (size_t i = 0; i < o->names.n; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " name=%s:%s", names[i].key,
			      names[i].value);
	return gh_reply(r, 200, "text/plain", text, (size_t)n);
}

static const struct gh_default_route all_routes[] = {
	{ .path = "/options", .methods = "GET|POST", .config = "{\"flag\": true}" },
	{ .path = "/more" },
};

GH_PLUGIN(.name = "lab_options", .version = "1.0", .summary = "Has every kind of option.",
	  GH_OPTIONS(all_options, struct all_route), GH_DEFAULT_ROUTES(all_routes),
	  .route_open = all_route_open, .on_request = all_on_request);
