/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

#include <llhttp.h>

#include "http/head.h"
#include "suite.h"

static struct head head;
static const char *why;

/* Parses a target of GET or another method. */
static enum end_reason parse_as(uint8_t method, const char *target)
{
	head_init(&head);
	head.method_id = method;
	head.target = str_from(target);
	why = NULL;
	return target_parse(&head, &why);
}

#define parse(target) parse_as(HTTP_GET, target)

START_TEST(origin_form)
{
	ck_assert_int_eq(parse("/a/b?c=d?e"), END_OK);
	ck_slice(head.path, "/a/b");
	ck_slice(head.query, "c=d?e");
	ck_assert_ptr_null(head.authority.p);
	ck_assert_int_eq(parse("/"), END_OK);
	ck_slice(head.path, "/");
	/* No query, and an empty one. */
	ck_assert_ptr_null(head.query.p);
	ck_assert_int_eq(parse("/?"), END_OK);
	ck_assert_ptr_nonnull(head.query.p);
	ck_assert_uint_eq(head.query.n, 0);
	/* Not an authority, whatever a browser takes it for. */
	ck_assert_int_eq(parse("//evil.test/x"), END_OK);
	ck_slice(head.path, "//evil.test/x");
}
END_TEST

START_TEST(absolute_form)
{
	ck_assert_int_eq(parse("http://a.test:81/b?c"), END_OK);
	ck_slice(head.authority, "a.test:81");
	ck_slice(head.path, "/b");
	ck_slice(head.query, "c");
	ck_assert_int_eq(parse("HTTPS://a.test"), END_OK);
	ck_slice(head.authority, "a.test");
	ck_slice(head.path, "/");
	ck_assert_int_eq(parse("http://a.test?c"), END_OK);
	ck_slice(head.path, "/");
	ck_slice(head.query, "c");
	ck_assert_int_eq(parse_as(HTTP_OPTIONS, "http://a.test"), END_OK);
	ck_slice(head.path, "*");
	ck_assert_int_eq(parse("ftp://a.test/"), END_BAD_REQUEST);
	ck_assert_int_eq(parse("a/b"), END_BAD_REQUEST);
	ck_assert_int_eq(parse("http://"), END_BAD_REQUEST);
	ck_assert_int_eq(parse("http:///b"), END_BAD_HOST);
	ck_assert_int_eq(parse("http://user@a.test/"), END_BAD_HOST);
	ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(asterisk_form)
{
	ck_assert_int_eq(parse_as(HTTP_OPTIONS, "*"), END_OK);
	ck_slice(head.path, "*");
	ck_assert_int_eq(parse("*"), END_BAD_REQUEST);
}
END_TEST

START_TEST(characters)
{
	static const char *const bad[] = { "/a b",         "/a\tb", "/a\x7f",
					   "/caf\xc3\xa9", "/a#b",  "/\x01" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(parse(bad[i]), END_BAD_REQUEST);
		ck_assert_ptr_nonnull(why);
	}
	head.target = (struct str){ "/a\0b", 4 };
	ck_assert_int_eq(target_parse(&head, &why), END_BAD_REQUEST);
}
END_TEST

START_TEST(authorities)
{
	static const char *const good[] = { "a",       "a.test",  "a.test:80", "a:",
					    "a:65535", "1.2.3.4", "[::1]",     "[2001:db8::1]:443",
					    "a_b-c.~", "%41b" };
	static const char *const bad[] = { "",         ":80",       "a:65536", "a:x",
					   "a:123456", "u@a",       "[::1",    "[::1]x",
					   "[]",       "[1.2.3.4]", "a b",     "a,b",
					   "a/b",      "%4",        "%4g",     "[fe80::1%eth0]",
					   "a:80:80",  "\xc3\xa9" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(target_authority_valid(str_from(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!target_authority_valid(str_from(bad[i])), "%s", bad[i]);
	ck_assert(!target_authority_valid((struct str){ "a\0b", 3 }));
	ck_assert(!target_authority_valid((struct str){ "[::1\0]", 6 }));
}
END_TEST

START_TEST(hosts)
{
	ck_slice(target_host(STR("a.test:80")), "a.test");
	ck_slice(target_host(STR("a.test")), "a.test");
	ck_slice(target_host(STR("[::1]:80")), "[::1]");
	ck_slice(target_host(STR("[::1]")), "[::1]");
}
END_TEST

START_TEST(same_authority)
{
	ck_assert_int_eq(parse("http://A.test/"), END_OK);
	ck_assert(target_same_authority(&head, STR("a.TEST")));
	ck_assert(target_same_authority(&head, STR("a.test:80")));
	ck_assert(target_same_authority(&head, STR("a.test:")));
	ck_assert(!target_same_authority(&head, STR("a.test:443")));
	ck_assert(!target_same_authority(&head, STR("b.test")));
	ck_assert_int_eq(parse("https://a.test:443/"), END_OK);
	ck_assert(target_same_authority(&head, STR("a.test")));
	ck_assert(!target_same_authority(&head, STR("a.test:80")));
}
END_TEST

int main(void)
{
	return SUITE("target", origin_form, absolute_form, asterisk_form, characters, authorities,
		     hosts, same_authority);
}
