/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/hostname.h"
#include "route/pattern.h"

static const char claim_meta_prefix[] = "gatehouse-";

/* What goes with each path of one tag or one instance. */
struct claim {
	json_t *out;
	const char *service, *origin;
	struct str host, methods, strip, add; /* absent: none */
};

__attribute__((format(printf, 2, 3))) static void claim_bad(const struct claim *c,
							    const char *format, ...)
{
	char text[CLAIM_TEXT_MAX + 200];
	json_t *why;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	why = json_string(text);
	json_array_append_new(c->out, json_pack("{s:s, s:s, s:o}", "service", c->service, "origin",
						c->origin, "why",
						why ? why : json_string("it is not UTF-8")));
}

/* ---- parts ---- */

/* Begins with a slash, and does not end with one. */
static bool claim_is_prefix(struct str s)
{
	if (s.n < 2 || s.p[0] != '/' || s.p[s.n - 1] == '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("?#%*{}", s.p[i]))
			return false;
	return true;
}

static bool claim_is_host(struct str s)
{
	char host[HOSTNAME_SIZE];
	bool named;

	if (str_starts(s, STR("*."))) {
		s.p += 2;
		s.n -= 2;
	}
	return s.n > 0 && s.n < 250 && !hostname_parse(s, host, &named);
}

static bool claim_is_method(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 'A' || s.p[i] > 'Z')
			return false;
	return s.n > 0;
}

static bool claim_are_methods(struct str s)
{
	struct str one;

	while (str_next(&s, ',', &one))
		if (!claim_is_method(one))
			return false;
	return true;
}

static const char *claim_fault(const struct claim *c)
{
	if (c->host.p && !claim_is_host(c->host))
		return "the host is none; write api.example.com or *.example.com, without a port";
	if (c->methods.p && !claim_are_methods(c->methods))
		return "the methods are none; write them in capitals with commas between: GET,POST";
	if ((c->strip.p && !claim_is_prefix(c->strip)) || (c->add.p && !claim_is_prefix(c->add)))
		return "a prefix begins with \"/\" and does not end with one: /api";
	return NULL;
}

static void claim_set(json_t *claim, const char *key, struct str value)
{
	if (value.p)
		json_object_set_new(claim, key, json_stringn(value.p, value.n));
}

/* Names of hosts are the same in capitals. */
static void claim_set_host(json_t *claim, struct str host)
{
	char lower[HOSTNAME_SIZE];

	if (!host.p)
		return;
	for (size_t i = 0; i < host.n; i++)
		lower[i] = ascii_lower(host.p[i]);
	claim_set(claim, "host", (struct str){ lower, host.n });
}

/* A route for one pattern. */
static void claim_add(const struct claim *c, const char *path)
{
	struct pattern pattern;
	struct error e;
	json_t *claim, *text = json_string(path);

	if (!text) {
		claim_bad(c, "the path is not UTF-8");
		return;
	}
	if (pattern_parse(path, &pattern, &e)) {
		claim_bad(c, "%s", e.text);
		json_decref(text);
	} else {
		claim = json_pack("{s:s, s:s, s:o}", "service", c->service, "origin", c->origin,
				  "path", text);
		claim_set_host(claim, c->host);
		claim_set(claim, "methods", c->methods);
		claim_set(claim, "strip_prefix", c->strip);
		claim_set(claim, "add_prefix", c->add);
		json_array_append_new(c->out, claim);
	}
	pattern_fini(&pattern);
}

/* A service's name goes into pointers and options. */
static bool claim_service(const struct claim *c)
{
	size_t n = strspn(c->service, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-");

	if (n > 0 && n <= 255 && !c->service[n])
		return true;
	claim_bad(c, "the service's name has other characters than letters, digits, \".\", \"_\" "
		     "and \"-\"");
	return false;
}

/* ---- tags ---- */

/* Whether it is one that can be done. */
static bool claim_tag_option(struct claim *c, struct str option)
{
	if (str_starts(option, STR("strip="))) {
		c->strip = (struct str){ option.p + 6, option.n - 6 };
	} else if (str_starts(option, STR("prepend="))) {
		c->add = (struct str){ option.p + 8, option.n - 8 };
	} else if (!str_eq(option, STR("proto=http"))) {
		claim_bad(c, "\"%.*s\" is not supported here; strip=, prepend= and proto=http are",
			  STR_ARGS(option));
		return false;
	}
	return true;
}

/* Itself and all below, by whole segments. */
static void claim_tag_path(const struct claim *c, struct str path)
{
	char text[CLAIM_TEXT_MAX + 3];

	if (memchr(path.p, '*', path.n) || memchr(path.p, '{', path.n)) {
		claim_bad(c, "a path in a tag is literal, and stands for all below it");
		return;
	}
	if (path.p[path.n - 1] != '/') {
		snprintf(text, sizeof(text), "%.*s", STR_ARGS(path));
		claim_add(c, text);
	}
	snprintf(text, sizeof(text), "%.*s%s*", STR_ARGS(path),
		 path.p[path.n - 1] == '/' ? "" : "/");
	claim_add(c, text);
}

void claim_of_tag(json_t *out, const char *service, const char *tag, struct str rest)
{
	char origin[CLAIM_TEXT_MAX + 16];
	struct claim c = { .out = out, .service = service, .origin = origin };
	struct str source, option;
	const char *slash, *fault;

	if (strlen(tag) > CLAIM_TEXT_MAX) {
		snprintf(origin, sizeof(origin), "tag");
		claim_bad(&c, "a tag of over %d bytes", CLAIM_TEXT_MAX);
		return;
	}
	snprintf(origin, sizeof(origin), "tag %s", tag);
	if (!claim_service(&c))
		return;
	str_next(&rest, ' ', &source);
	while (rest.p && str_next(&rest, ' ', &option))
		if (option.n && !claim_tag_option(&c, option))
			return;
	slash = source.n ? memchr(source.p, '/', source.n) : NULL;
	if (!slash) {
		claim_bad(&c, "there is no path; write %.*s/PATH or %.*sHOST/PATH",
			  (int)(strlen(tag) > 40 ? 40 : strcspn(tag, "-") + 1), tag,
			  (int)(strlen(tag) > 40 ? 40 : strcspn(tag, "-") + 1), tag);
		return;
	}
	if (slash > source.p)
		c.host = (struct str){ source.p, (size_t)(slash - source.p) };
	fault = claim_fault(&c);
	if (fault)
		claim_bad(&c, "%s", fault);
	else
		claim_tag_path(&c, (struct str){ slash, source.n - c.host.n });
}

/* ---- metadata ---- */

static struct str claim_meta(const json_t *meta, const char *name)
{
	char key[64];
	struct str text;

	snprintf(key, sizeof(key), "%s%s", claim_meta_prefix, name);
	text = str_from(json_string_value(json_object_get(meta, key)));
	return text.p ? str_trim(text) : text;
}

/* A member that begins as ours do, and is none of ours. */
static const char *claim_meta_unknown(const json_t *meta)
{
	static const char *const known[] = { "path", "host", "methods", "strip-prefix",
					     "add-prefix" };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)meta, key, value)
	{
		bool found = false;

		if (!str_starts(str_from(key), STR("gatehouse-")))
			continue;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= strcmp(key + strlen(claim_meta_prefix), known[i]) == 0;
		if (!found)
			return key;
	}
	return NULL;
}

void claim_of_meta(json_t *out, const char *service, const json_t *meta)
{
	struct claim c = { .out = out, .service = service, .origin = "metadata" };
	struct str paths = claim_meta(meta, "path"), one;
	const char *unknown = claim_meta_unknown(meta), *fault;
	char text[CLAIM_TEXT_MAX + 1];

	if (!paths.p || !claim_service(&c))
		return;
	c.host = claim_meta(meta, "host");
	c.methods = claim_meta(meta, "methods");
	c.strip = claim_meta(meta, "strip-prefix");
	c.add = claim_meta(meta, "add-prefix");
	fault = claim_fault(&c);
	if (unknown)
		claim_bad(&c,
			  "\"%s\" is not known; gatehouse-path, -host, -methods, -strip-prefix "
			  "and -add-prefix are",
			  unknown);
	else if (fault)
		claim_bad(&c, "%s", fault);
	if (unknown || fault)
		return;
	for (int i = 0; str_next(&paths, ',', &one); i++) {
		if (i == CLAIM_PATHS_MAX || one.n > CLAIM_TEXT_MAX) {
			claim_bad(&c, "gatehouse-path has over %d paths, or one of over %d bytes",
				  CLAIM_PATHS_MAX, CLAIM_TEXT_MAX);
			return;
		}
		snprintf(text, sizeof(text), "%.*s", STR_ARGS(one));
		claim_add(&c, text);
	}
}
