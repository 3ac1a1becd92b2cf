/* SPDX-License-Identifier: Apache-2.0 */
#include "http/path.h"

#include "base/rand.h"
#include "suite.h"

static const struct path_rules strict;
static const struct path_rules slash = { .encoded_slash = PATH_PASS };
static const struct path_rules nul = { .encoded_nul = PATH_PASS };
static const struct path_rules percent = { .invalid_percent = PATH_PASS };
static const struct path_rules utf8 = { .invalid_utf8 = PATH_PASS };
static const struct path_rules lenient = { PATH_PASS, PATH_PASS, PATH_PASS, PATH_PASS };

/* in becomes out; NULL: it is refused for that reason. */
struct path_case {
	const struct path_rules *rules;
	const char *in, *out;
	enum path_result result;
};

static void test_case(const struct path_case *c)
{
	char out[256];
	struct str raw = str_from(c->in), result;
	bool changed;
	enum path_result got = path_normalise(raw, c->rules, out, &result, &changed);

	ck_assert_msg(got == c->result, "%s: %s", c->in, path_result_text(got));
	if (got != PATH_OK)
		return;
	ck_assert_msg(str_eq(result, str_from(c->out)), "%s: %.*s", c->in, STR_ARGS(result));
	ck_assert_msg(changed == (strcmp(c->in, c->out) != 0), "%s", c->in);
	if (!changed)
		ck_assert_ptr_eq(result.p, raw.p);
}

#define TEST_CASES(cases)                                                                          \
	for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++)                         \
	test_case(&(cases)[i_])

START_TEST(test_normal_stays)
{
	static const struct path_case cases[] = {
		{ &strict, "/", "/", PATH_OK },
		{ &strict, "/a", "/a", PATH_OK },
		{ &strict, "/a/b/", "/a/b/", PATH_OK },
		{ &strict, "/a.b/..c/d../...", "/a.b/..c/d../...", PATH_OK },
		{ &strict, "/.well-known/x", "/.well-known/x", PATH_OK },
		{ &strict, "/a-._~!$&'()*+,;=:@", "/a-._~!$&'()*+,;=:@", PATH_OK },
		{ &strict, "/%20%25%3F%23%3B%2B%22%0A%7F", "/%20%25%3F%23%3B%2B%22%0A%7F",
		  PATH_OK },
		{ &strict, "/caf%C3%A9/%F0%9F%98%80", "/caf%C3%A9/%F0%9F%98%80", PATH_OK },
		{ &strict, "/%252e%252e/%252F", "/%252e%252e/%252F", PATH_OK },
		{ &strict, "/a;x=../b", "/a;x=../b", PATH_OK },
		{ &strict, "/...;x", "/...;x", PATH_OK },
	};
	TEST_CASES(cases);
}
END_TEST

START_TEST(test_dots_and_slashes)
{
	static const struct path_case cases[] = {
		/* RFC 3986, 5.2.4. */
		{ &strict, "/a/b/c/./../../g", "/a/g", PATH_OK },
		{ &strict, "/.", "/", PATH_OK },
		{ &strict, "/./", "/", PATH_OK },
		{ &strict, "/a/.", "/a/", PATH_OK },
		{ &strict, "/a/..", "/", PATH_OK },
		{ &strict, "/a/b/..", "/a/", PATH_OK },
		{ &strict, "/a/b/../", "/a/", PATH_OK },
		{ &strict, "/a/../b", "/b", PATH_OK },
		{ &strict, "/a/%2e/b", "/a/b", PATH_OK },
		{ &strict, "/a/%2E%2e/b", "/b", PATH_OK },
		{ &strict, "/a/.%2e/b", "/b", PATH_OK },
		{ &strict, "/a/%2e./b", "/b", PATH_OK },
		{ &strict, "//", "/", PATH_OK },
		{ &strict, "///a////b//", "/a/b/", PATH_OK },
		/* Slashes are merged first: ".." takes out a name, not an empty segment. */
		{ &strict, "/a//../b", "/b", PATH_OK },
		{ &strict, "/a/.//./b", "/a/b", PATH_OK },
		{ &strict, "/..", NULL, PATH_ABOVE_ROOT },
		{ &strict, "/../a", NULL, PATH_ABOVE_ROOT },
		{ &strict, "/a/../../b", NULL, PATH_ABOVE_ROOT },
		{ &strict, "/%2e%2E", NULL, PATH_ABOVE_ROOT },
		{ &strict, "//../a", NULL, PATH_ABOVE_ROOT },
		{ &strict, "/./../a", NULL, PATH_ABOVE_ROOT },
	};
	TEST_CASES(cases);
}
END_TEST

START_TEST(test_encodings)
{
	static const struct path_case cases[] = {
		{ &strict, "/%61%5A%30%2d%2E%5f%7e", "/aZ0-._~", PATH_OK },
		{ &strict, "/caf%c3%a9", "/caf%C3%A9", PATH_OK },
		{ &strict, "/%c3%A9%2e%2e", "/%C3%A9..", PATH_OK },
		/* Reserved characters mean something else without their encoding. */
		{ &strict, "/%3a%40%21", "/%3A%40%21", PATH_OK },
		/* Decoded once. */
		{ &strict, "/%2541", "/%2541", PATH_OK },
	};
	TEST_CASES(cases);
}
END_TEST

START_TEST(test_refused_characters)
{
	static const struct path_case cases[] = {
		{ &lenient, "", NULL, PATH_NO_SLASH },
		{ &lenient, "a", NULL, PATH_NO_SLASH },
		{ &lenient, "*", NULL, PATH_NO_SLASH },
		{ &lenient, "%2Fa", NULL, PATH_NO_SLASH },
	};
	TEST_CASES(cases);
	for (int c = 0; c < 256; c++) {
		char raw[] = "/a?/b", out[8];
		struct str result;
		bool changed, allowed = c == '%' || c == '/' || (c >= '0' && c <= '9') ||
					(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
					(c && strchr("-._~!$&'()*+,;=:@", c));
		raw[2] = (char)c;
		ck_assert_int_eq(
			path_normalise((struct str){ raw, 5 }, &lenient, out, &result, &changed),
			allowed ? PATH_OK : PATH_BAD_CHAR);
	}
}
END_TEST

START_TEST(test_invalid_percent)
{
	static const struct path_case cases[] = {
		{ &strict, "/%", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%4", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%4/", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%zz", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%4g", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%%41", NULL, PATH_BAD_PERCENT },
		{ &strict, "/%u0041", NULL, PATH_BAD_PERCENT },
		{ &strict, "/a/%/../b", NULL, PATH_BAD_PERCENT },
		{ &percent, "/%", "/%", PATH_OK },
		{ &percent, "/%4/%zz", "/%4/%zz", PATH_OK },
		{ &percent, "/x/%/../b", "/x/b", PATH_OK },
		/* What is passed does not become an encoding by decoding its neighbours. */
		{ &percent, "/%%341", "/%%341", PATH_OK },
		{ &percent, "/%4%31", "/%4%31", PATH_OK },
		{ &percent, "/%%32%65%61", "/%%32ea", PATH_OK },
		{ &percent, "/%%%32e", "/%%%32e", PATH_OK },
		{ &percent, "/%//%34%31", "/%/41", PATH_OK },
		{ &percent, "/%g%2e%2E/%41", "/%g%2E./A", PATH_OK },
		{ &percent, "/%%00", NULL, PATH_NUL },
		{ &percent, "/%%2f", NULL, PATH_ENCODED_SLASH },
		{ &percent, "/%%ff", NULL, PATH_NOT_UTF8 },
	};
	TEST_CASES(cases);
}
END_TEST

START_TEST(test_encoded_slash_and_nul)
{
	static const struct path_case cases[] = {
		{ &strict, "/a%2Fb", NULL, PATH_ENCODED_SLASH },
		{ &strict, "/a%2fb", NULL, PATH_ENCODED_SLASH },
		{ &strict, "/a%5Cb", NULL, PATH_ENCODED_SLASH },
		{ &strict, "/a%5c", NULL, PATH_ENCODED_SLASH },
		{ &strict, "/a%00", NULL, PATH_NUL },
		{ &slash, "/a%2fb%5c/../c", "/c", PATH_OK },
		{ &slash, "/a%2fb%5cc", "/a%2Fb%5Cc", PATH_OK },
		{ &slash, "/a%00", NULL, PATH_NUL },
		{ &nul, "/a%00b", "/a%00b", PATH_OK },
		{ &nul, "/a%2Fb", NULL, PATH_ENCODED_SLASH },
	};
	TEST_CASES(cases);
}
END_TEST

/* A "." or ".." that a service sees and the gateway does not would lead out of a route, or past
 * one. */
START_TEST(test_hidden_dots)
{
	static const struct path_case cases[] = {
		{ &strict, "/a/..;/b", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/..;x=y", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/%2e%2e;/b", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/..%3B/b", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/..%3b", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/..%2Fb", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2f..", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2f../c", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%5C.%2e%5Cc", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2F..;/c", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2F%2E%2E", NULL, PATH_HIDDEN_DOTS },
		{ &lenient, "/%%2F%2e%2e%2Fb", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/.;/a", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/%2e;b=c/d", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/a/.%3b", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/.%2Fb", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2F.", NULL, PATH_HIDDEN_DOTS },
		{ &slash, "/a/b%2F.%2Fc", NULL, PATH_HIDDEN_DOTS },
		{ &strict, "/.a;b/a.;b", "/.a;b/a.;b", PATH_OK },
		{ &slash, "/a/b%2F..c", "/a/b%2F..c", PATH_OK },
		{ &slash, "/a/b..%2Fc", "/a/b..%2Fc", PATH_OK },
	};
	TEST_CASES(cases);
}
END_TEST

START_TEST(test_not_utf8)
{
	static const char *const bad[] = {
		"/%80",
		"/%ff",
		"/%c3",
		"/%c3a",
		"/%c3/%a9",
		"/%c0%af",
		"/%c0%ae%c0%ae/",
		"/%e0%80%af",
		"/%ed%a0%80",
		"/%f4%90%80%80",
		"/%f8%88%80%80%80",
		"/%c3%41",
		"/%e2%82",
		"/%f0%9f%98",
		"/%C3%A9%A9",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		test_case(&(struct path_case){ &strict, bad[i], NULL, PATH_NOT_UTF8 });
	static const struct path_case cases[] = {
		{ &utf8, "/%ff%c3%a9%c3", "/%FF%C3%A9%C3", PATH_OK },
		{ &utf8, "/%c0%ae%c0%ae/a", "/%C0%AE%C0%AE/a", PATH_OK },
		{ &utf8, "/%c3%41", "/%C3A", PATH_OK },
		{ &utf8, "/%c3%2f", NULL, PATH_ENCODED_SLASH },
	};
	TEST_CASES(cases);
}
END_TEST

static bool test_contains(struct str s, const char *what)
{
	return s.n && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void test_properties(struct str raw, const struct path_rules *rules)
{
	char out[64], again[64];
	struct str first, second;
	bool changed;

	if (path_normalise(raw, rules, out, &first, &changed) != PATH_OK)
		return;
	ck_holds(first.n <= raw.n);
	ck_holds(first.p[0] == '/');
	ck_holds(changed == !str_eq(raw, first));
	ck_holds(!test_contains(first, "//"));
	ck_holds(!test_contains(first, "/./") && !test_contains(first, "/../"));
	if (path_normalise(first, rules, again, &second, &changed) != PATH_OK)
		ck_abort_msg("%.*s became %.*s", STR_ARGS(raw), STR_ARGS(first));
	if (changed || !str_eq(first, second))
		ck_abort_msg("%.*s became %.*s, then %.*s", STR_ARGS(raw), STR_ARGS(first),
			     STR_ARGS(second));
}

/* Random paths out of pieces that have made other normalisers stumble. */
START_TEST(test_random_paths)
{
	static const char *const pieces[] = {
		"/",   "/", "/", ".", "..", "%2e", "%2E", "%",   "%2f", "%5C", "%25", "%32",
		"%65", "2", "e", "F", ";",  "%3b", "a",   "%00", "%c3", "%a9", "%FF", "\\"
	};
	static const struct path_rules *const rules[] = { &strict,  &slash, &nul,
							  &percent, &utf8,  &lenient };
	struct rand r;
	char raw[40];

	rand_seed(&r, 3);
	for (int i = 0; i < 400000; i++) {
		size_t n = 1;
		raw[0] = '/';
		for (uint64_t left = rand_below(&r, 12); left; left--) {
			/* The last piece is rare: it ends most paths at once. */
			uint64_t count = sizeof(pieces) / sizeof(pieces[0]) - (left % 8 != 0);
			const char *piece = pieces[rand_below(&r, count)];
			memcpy(raw + n, piece, strlen(piece));
			n += strlen(piece);
		}
		test_properties((struct str){ raw, n }, rules[rand_below(&r, 6)]);
	}
}
END_TEST

START_TEST(test_query)
{
	ck_assert(path_query_valid(STR("")));
	ck_assert(path_query_valid((struct str){ NULL, 0 }));
	ck_assert(path_query_valid(STR("a=/../%zz&b[]={\"x\"}|^`\\<>?~")));
	const struct str bad[] = { STR("a b"),      STR("a#b"),    STR("a\0"),
				   STR("\x1f"),     STR("\x7f"),   STR("\x80"),
				   STR("\xc3\xa9"), STR("a\r\nb"), STR("\t") };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert(!path_query_valid(bad[i]));
}
END_TEST

int main(void)
{
	return SUITE("path", test_normal_stays, test_dots_and_slashes, test_encodings,
		     test_refused_characters, test_invalid_percent, test_encoded_slash_and_nul,
		     test_hidden_dots, test_not_utf8, test_random_paths, test_query);
}
