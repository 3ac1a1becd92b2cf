/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static json_t *out;

/* What a tag with the prefix "urlprefix-" claims, as text. */
static const char *tag(const char *tag)
{
	static char *text;

	json_decref(out);
	out = json_array();
	claim_of_tag(out, "web", tag, str_from(tag + strlen("urlprefix-")));
	free(text);
	text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
	return text;
}

static const char *meta(const char *json)
{
	static char *text;
	json_t *object = json_loads(json, 0, NULL);

	ck_assert_ptr_nonnull(object);
	json_decref(out);
	out = json_array();
	claim_of_meta(out, "web", object);
	json_decref(object);
	free(text);
	text = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
	return text;
}

#define TAG(t, path, more)                                                                         \
	"{" more "\"origin\":\"tag " t "\",\"path\":\"" path "\",\"service\":\"web\"}"

START_TEST(tags)
{
	ck_assert_str_eq(tag("urlprefix-/a"),
			 "[" TAG("urlprefix-/a", "/a", "") "," TAG("urlprefix-/a", "/a/*", "") "]");
	ck_assert_str_eq(tag("urlprefix-/a/b/"), "[" TAG("urlprefix-/a/b/", "/a/b/*", "") "]");
	ck_assert_str_eq(tag("urlprefix-/"), "[" TAG("urlprefix-/", "/*", "") "]");
	ck_assert_str_eq(tag("urlprefix-A.Test/x/"),
			 "[" TAG("urlprefix-A.Test/x/", "/x/*", "\"host\":\"a.test\",") "]");
	ck_assert_str_eq(tag("urlprefix-*.a.test/"),
			 "[" TAG("urlprefix-*.a.test/", "/*", "\"host\":\"*.a.test\",") "]");
	tag("urlprefix-/a/  strip=/a prepend=/v2 proto=http");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(out, 0), "strip_prefix")),
			 "/a");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(out, 0), "add_prefix")),
			 "/v2");
}
END_TEST

static void ck_why(const char *text, const char *part)
{
	const char *why = json_string_value(json_object_get(json_array_get(out, 0), "why"));

	ck_assert_uint_eq(json_array_size(out), 1);
	ck_assert_msg(why && strstr(why, part), "%s: %s", text, why ? why : "no why");
	ck_assert_ptr_null(json_object_get(json_array_get(out, 0), "path"));
}

START_TEST(tags_that_make_no_sense)
{
	static const struct {
		const char *tag, *why;
	} rows[] = {
		{ "urlprefix-", "there is no path" },
		{ "urlprefix-host", "there is no path; write urlprefix-/PATH" },
		{ "urlprefix-:1234 proto=tcp", "\"proto=tcp\" is not supported here" },
		{ "urlprefix-/a weight=0.5", "\"weight=0.5\" is not supported" },
		{ "urlprefix-a.test:80/x", "the host is none" },
		{ "urlprefix-*./x", "the host is none" },
		{ "urlprefix-/a*", "literal" },
		{ "urlprefix-/{a}/", "literal" },
		{ "urlprefix-//a/", "empty segment" },
		{ "urlprefix-/a?b/", "no query" },
		{ "urlprefix-/../a/", "above the root" },
		{ "urlprefix-/a/ strip=/a/", "a prefix begins" },
		{ "urlprefix-/a/ prepend=a", "a prefix begins" },
	};
	char text[CLAIM_TEXT_MAX + 2];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tag(rows[i].tag);
		ck_why(rows[i].tag, rows[i].why);
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "urlprefix-/", 11);
	text[sizeof(text) - 1] = '\0';
	tag(text);
	ck_why("long", "over 1000 bytes");
	json_array_clear(out);
	claim_of_tag(out, "a b", "urlprefix-/", STR("/"));
	ck_why("service", "the service's name");
}
END_TEST

START_TEST(metadata)
{
	ck_assert_str_eq(meta("{\"gatehouse\": \"x\", \"other\": \"y\"}"), "[]");
	ck_assert_str_eq(meta("{\"gatehouse-path\": \" /a , /b/{id}/*\", "
			      "\"gatehouse-host\": \"A.test\", \"gatehouse-methods\": \"GET,PUT\", "
			      "\"gatehouse-add-prefix\": \"/v1\"}"),
			 "[{\"add_prefix\":\"/v1\",\"host\":\"a.test\",\"methods\":\"GET,PUT\","
			 "\"origin\":\"metadata\",\"path\":\"/a\",\"service\":\"web\"},"
			 "{\"add_prefix\":\"/v1\",\"host\":\"a.test\",\"methods\":\"GET,PUT\","
			 "\"origin\":\"metadata\",\"path\":\"/b/{id}/*\",\"service\":\"web\"}]");
}
END_TEST

START_TEST(metadata_that_makes_no_sense)
{
	static const struct {
		const char *meta, *why;
	} rows[] = {
		{ "{\"gatehouse-path\": \"\"}", "a path begins with" },
		{ "{\"gatehouse-path\": \"a\"}", "a path begins with" },
		{ "{\"gatehouse-path\": \"/a*\"}", "whole last one" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-pth\": \"b\"}",
		  "\"gatehouse-pth\" is not known" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-host\": \"a b\"}", "the host is none" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-host\": \"\"}", "the host is none" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-methods\": \"get\"}", "in capitals" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-methods\": \"GET,,PUT\"}", "capitals" },
		{ "{\"gatehouse-path\": \"/a\", \"gatehouse-strip-prefix\": \"/\"}",
		  "a prefix begins" },
	};
	char text[400] = "{\"gatehouse-path\": \"/0";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		meta(rows[i].meta);
		ck_why(rows[i].meta, rows[i].why);
	}
	for (int i = 1; i <= CLAIM_PATHS_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",/%d", i);
	strcat(text, "\"}");
	meta(text);
	ck_assert_uint_eq(json_array_size(out), CLAIM_PATHS_MAX + 1);
	ck_assert_ptr_nonnull(json_object_get(json_array_get(out, CLAIM_PATHS_MAX), "why"));
}
END_TEST

int main(void)
{
	return SUITE("claim", tags, tags_that_make_no_sense, metadata,
		     metadata_that_makes_no_sense);
}
