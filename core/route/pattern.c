/* SPDX-License-Identifier: Apache-2.0 */
#include "route/pattern.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/path.h"

static bool pattern_name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = ascii_lower(name.p[i]);
		bool letter = (c >= 'a' && c <= 'z') || c == '_';
		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0;
}

/* A literal must stand as requests are matched: normalised. */
static int pattern_literal(struct str text, struct error *e)
{
	static const struct path_rules rules = { PATH_PASS, PATH_REJECT, PATH_REJECT, PATH_PASS };
	char raw[1024], out[1024];
	struct str normal;
	bool changed;

	if (text.n + 2 > sizeof(raw))
		return error_set(e, "a segment of over 1,000 bytes");
	if (memchr(text.p, '{', text.n) || memchr(text.p, '}', text.n) ||
	    memchr(text.p, '*', text.n))
		return error_set(
			e,
			"\"%.*s\": {name} must be a whole segment, and \"*\" the whole last "
			"one",
			STR_ARGS(text));
	int n = snprintf(raw, sizeof(raw), "/%.*s", STR_ARGS(text));
	enum path_result r = path_normalise((struct str){ raw, (size_t)n }, &rules, out, &normal,
					    &changed);
	if (r != PATH_OK)
		return error_set(e, "\"%.*s\": %s", STR_ARGS(text), path_result_text(r));
	if (!str_eq(normal, (struct str){ raw, (size_t)n }))
		return error_set(e, "\"%.*s\" would never match: write it as \"%.*s\"",
				 STR_ARGS(text), (int)normal.n - 1, normal.p + 1);
	return 0;
}

static int pattern_segment(struct pattern *p, struct str text, bool last, struct error *e)
{
	struct segment *s = &p->segments[p->count];

	if (p->count == PATTERN_SEGMENTS_MAX)
		return error_set(e, "more than %d segments", PATTERN_SEGMENTS_MAX);
	p->count++;
	*s = (struct segment){ SEGMENT_LITERAL, text };
	if (last && str_eq(text, STR("*"))) {
		s->kind = SEGMENT_REST;
		return 0;
	}
	if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}') {
		if (text.n == 0 && !last)
			return error_set(e, "an empty segment (\"//\")");
		return pattern_literal(text, e);
	}
	s->kind = SEGMENT_PARAM;
	s->text = (struct str){ text.p + 1, text.n - 2 };
	if (!pattern_name_valid(s->text))
		return error_set(e, "\"%.*s\": a name in {} is letters, digits and _",
				 STR_ARGS(text));
	if (++p->params > ROUTE_PARAMS_MAX)
		return error_set(e, "more than %d {names}", ROUTE_PARAMS_MAX);
	for (size_t i = 0; i + 1 < p->count; i++)
		if (p->segments[i].kind == SEGMENT_PARAM && str_eq(p->segments[i].text, s->text))
			return error_set(e, "{%.*s} stands there twice", STR_ARGS(s->text));
	return 0;
}

int pattern_parse(const char *text, struct pattern *p, struct error *e)
{
	size_t slashes = 0;

	memset(p, 0, sizeof(*p));
	for (const char *c = text; *c; c++)
		slashes += *c == '/';
	p->segments = xcalloc(slashes + 1, sizeof(*p->segments));
	if (text[0] != '/')
		return error_set(e, "\"%s\": a path begins with \"/\"", text);
	if (strchr(text, '?') || strchr(text, '#'))
		return error_set(e, "\"%s\": a path has no query and no fragment", text);
	for (const char *at = text + 1;;) {
		const char *slash = strchr(at, '/');
		struct str segment = { at, slash ? (size_t)(slash - at) : strlen(at) };
		if (pattern_segment(p, segment, slash == NULL, e))
			return -1;
		if (!slash)
			return 0;
		at = slash + 1;
	}
}

void pattern_fini(struct pattern *p)
{
	free(p->segments);
	memset(p, 0, sizeof(*p));
}

int pattern_compare(const struct pattern *a, const struct pattern *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const struct segment *s = &a->segments[i], *t = &b->segments[i];
		if (s->kind != t->kind)
			return s->kind < t->kind ? -1 : 1;
		if (s->kind == SEGMENT_LITERAL) {
			int c = str_cmp(s->text, t->text);
			if (c)
				return c;
		}
	}
	return a->count == b->count ? 0 : a->count > b->count ? -1 : 1;
}
