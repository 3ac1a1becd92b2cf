/* SPDX-License-Identifier: Apache-2.0 */
/* lab_info -- answers with what the host says of the request; may rewrite and relay it. */
#include <gatehouse/plugin.h>
#include <stdio.h>

struct info_route {
	const char *service, *rewrite, *request_id;
};

static const struct gh_option info_options[] = {
	GH_SERVICE(struct info_route, service, NULL, "Where to relay to; answers itself without."),
	GH_STRING(struct info_route, rewrite, "", "The path and query that is relayed."),
	GH_STRING(struct info_route, request_id, "", "Set instead of the gateway's."),
};

enum { INFO_TEXT = 8192 };

struct info_text {
	size_t n;
	char p[INFO_TEXT];
};

__attribute__((format(printf, 2, 3))) static void info_add(struct info_text *t, const char *format,
							   ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(t->p + t->n, sizeof(t->p) - t->n, format, ap);
	va_end(ap);
	if (n > 0)
		t->n += (size_t)n < sizeof(t->p) - t->n ? (size_t)n : sizeof(t->p) - t->n - 1;
}

/* "name=value" lines; an absent value is "-". */
static void info_slice(struct info_text *t, const char *name, struct gh_str s)
{
	info_add(t, "%s=%.*s\n", name, s.p ? (int)s.n : 1, s.p ? s.p : "-");
}

static void info_fields(struct info_text *t, struct gh_request *r)
{
	static const char *const names[] = { "method",  "path",     "query",  "host",
					     "scheme",  "client",   "id",     "route",
					     "service", "endpoint", "version" };

	for (int i = 0; i < 11; i++)
		info_slice(t, names[i], gh_get(r, (enum gh_field)(GH_METHOD + i)));
	info_slice(t, "unknown", gh_get(r, (enum gh_field)99));
	info_slice(t, "param", gh_param(r, "what"));
	info_slice(t, "no-param", gh_param(r, "nothing"));
	info_slice(t, "q", gh_query_param(r, "q"));
	info_slice(t, "flag", gh_query_param(r, "flag"));
	info_slice(t, "no-q", gh_query_param(r, "nothing"));
	info_slice(t, "x-one", gh_header(r, GH_REQUEST, "x-ONE"));
	info_slice(t, "no-header", gh_header(r, GH_REQUEST, "x-nothing"));
	info_slice(t, "response", gh_header(r, GH_RESPONSE, "x-one"));
}

static void info_headers(struct info_text *t, struct gh_request *r)
{
	struct gh_str name, value;
	size_t cursor = 0;

	while (gh_header_next(r, GH_REQUEST, &cursor, &name, &value))
		info_add(t, "[%.*s: %.*s]\n", (int)name.n, name.p, (int)value.n, value.p);
}

/* Memory: zeroed, aligned, at most 1 MiB. */
static void info_memory(struct info_text *t, struct gh_request *r)
{
	size_t got = 0;
	int clean = 1;

	for (;;) {
		unsigned char *p = gh_alloc(r, 10000);
		if (!p)
			break;
		for (int i = 0; i < 10000; i++)
			clean = clean && p[i] == 0;
		clean = clean && (uintptr_t)p % 16 == 0;
		memset(p, 0xff, 10000);
		got += 10000;
	}
	info_add(t, "memory=%s\n", clean && got > 900000 && got < 1400000 ? "ok" : "wrong");
}

static enum gh_verdict info_on_request(struct gh_request *r)
{
	const struct info_route *o = gh_route_options(r, struct info_route);
	struct info_text *t = gh_alloc(r, sizeof(*t));

	if (!t)
		return GH_FAIL;
	if (*o->request_id)
		info_add(t, "set-id=%d\n", gh_set_request_id(r, gh_str(o->request_id)));
	if (*o->rewrite)
		info_add(t, "rewrite=%d\n", gh_rewrite(r, gh_str(o->rewrite)));
	if (o->service)
		return gh_relay(r, o->service);
	info_fields(t, r);
	info_headers(t, r);
	char text[INFO_TEXT];
	size_t n = t->n;
	memcpy(text, t->p, n);
	struct gh_str memory = gh_query_param(r, "memory");
	if (memory.p) {
		struct info_text more = { .n = 0 };
		info_memory(&more, r);
		/* There is no memory left to answer with. */
		gh_log(r, GH_INFO, "%.*s", (int)more.n - 1, more.p);
		return gh_reply(r, 204, NULL, NULL, 0);
	}
	return gh_reply(r, 200, "text/plain", text, n);
}

GH_PLUGIN(.name = "lab_info", .version = "2.1", .summary = "Says what it sees.",
	  GH_OPTIONS(info_options, struct info_route), .on_request = info_on_request);
