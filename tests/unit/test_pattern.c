/* SPDX-License-Identifier: Apache-2.0 */
#include "route/pattern.h"

#include <stdio.h>

#include "suite.h"

/* The reason why a pattern is refused; NULL when it is taken. */
static const char *refused(const char *text)
{
	static struct error e;
	static struct pattern p;

	e.text[0] = '\0';
	int r = pattern_parse(text, &p, &e);
	pattern_fini(&p);
	return r ? e.text : NULL;
}

static int compare(const char *left, const char *right)
{
	static struct pattern a, b;
	struct error e;

	ck_assert_int_eq(pattern_parse(left, &a, &e), 0);
	ck_assert_int_eq(pattern_parse(right, &b, &e), 0);
	int c = pattern_compare(&a, &b);
	ck_assert_int_eq(c<0, pattern_compare(&b, &a)> 0);
	pattern_fini(&a);
	pattern_fini(&b);
	return c;
}

START_TEST(segments)
{
	static struct pattern p;
	struct error e;

	ck_assert_int_eq(pattern_parse("/a/{id}/{x_1}/*", &p, &e), 0);
	ck_assert_uint_eq(p.count, 4);
	ck_assert_uint_eq(p.params, 2);
	ck_assert_int_eq(p.segments[0].kind, SEGMENT_LITERAL);
	ck_slice(p.segments[0].text, "a");
	ck_assert_int_eq(p.segments[1].kind, SEGMENT_PARAM);
	ck_slice(p.segments[1].text, "id");
	ck_slice(p.segments[2].text, "x_1");
	ck_assert_int_eq(p.segments[3].kind, SEGMENT_REST);
	pattern_fini(&p);
}
END_TEST

START_TEST(taken)
{
	static const char *const good[] = { "/",      "/a",   "/a/",    "/{a}",  "/{_}",      "/*",
					    "/a.b~c", "/%2F", "/a:b@c", "/{a}/", "/a/{b}/c/*" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(!refused(good[i]), "%s: %s", good[i], refused(good[i]));
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		const char *pattern, *why;
	} bad[] = {
		{ "", "begins with" },
		{ "users", "begins with" },
		{ "/a?b", "no query" },
		{ "/a#b", "no query" },
		{ "/a//b", "empty segment" },
		{ "//", "empty segment" },
		{ "/*/a", "must be a whole segment" },
		{ "/a*", "must be a whole segment" },
		{ "/{a}b", "must be a whole segment" },
		{ "/b{a}", "must be a whole segment" },
		{ "/{", "must be a whole segment" },
		{ "/{}", "letters, digits and _" },
		{ "/{1a}", "letters, digits and _" },
		{ "/{a-b}", "letters, digits and _" },
		{ "/{a}/{a}", "stands there twice" },
		{ "/a/./b", "would never match" },
		{ "/a/../b", "leads above the root" },
		{ "/%61", "would never match: write it as \"a\"" },
		{ "/a b", "\"a b\"" },
		{ "/%zz", "\"%zz\"" },
		{ "/%00", "\"%00\"" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = refused(bad[i].pattern);
		ck_assert_msg(why != NULL, "%s was taken", bad[i].pattern);
		ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].pattern, why);
	}
}
END_TEST

START_TEST(limits)
{
	char text[4096] = "";

	for (int i = 0; i < PATTERN_SEGMENTS_MAX; i++)
		strcat(text, "/a");
	ck_assert_ptr_null(refused(text));
	strcat(text, "/a");
	ck_assert_ptr_nonnull(strstr(refused(text), "segments"));
	text[0] = '\0';
	for (int i = 0; i <= ROUTE_PARAMS_MAX; i++)
		snprintf(text + strlen(text), 32, "/{p%d}", i);
	ck_assert_ptr_nonnull(strstr(refused(text), "{names}"));
	memset(text, 'a', 2000);
	text[0] = '/';
	text[2000] = '\0';
	ck_assert_ptr_nonnull(strstr(refused(text), "1,000 bytes"));
}
END_TEST

START_TEST(order)
{
	static const char *const specific_first[] = { "/a/b",   "/a/{x}", "/a/*", "/b",
						      "/{y}/b", "/{y}",   "/*" };
	size_t n = sizeof(specific_first) / sizeof(specific_first[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			ck_assert_msg(compare(specific_first[i], specific_first[k]) < 0,
				      "%s before %s", specific_first[i], specific_first[k]);
	ck_assert_int_eq(compare("/{a}/x", "/{b}/x"), 0);
	ck_assert_int_ne(compare("/a", "/a/"), 0);
}
END_TEST

int main(void)
{
	return SUITE("pattern", segments, taken, refusals, limits, order);
}
