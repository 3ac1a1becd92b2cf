/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"

#include <stdio.h>

#include "suite.h"

static struct arena arena;

static void check_listen(const char *text, const char *host, unsigned port)
{
	struct config_listen l;
	struct error e = { "" };

	ck_assert_msg(address_listen(&arena, text, "/base", &l, &e) == 0, "%s: %s", text, e.text);
	ck_assert_str_eq(l.text, text);
	ck_assert_str_eq(l.host, host);
	ck_assert_uint_eq(l.port, port);
	ck_assert_ptr_null(l.path);
}

static void check_refused(const char *text, const char *says)
{
	struct config_listen l;
	struct error e = { "" };

	ck_assert_msg(address_listen(&arena, text, "/base", &l, &e) < 0, "%s", text);
	ck_assert_msg(strstr(e.text, says), "%s: %s", text, e.text);
}

START_TEST(test_listen)
{
	arena_init(&arena, 1024, 0);
	check_listen("0.0.0.0:5000", "0.0.0.0", 5000);
	check_listen("127.0.0.1:1", "127.0.0.1", 1);
	check_listen(":5000", "0.0.0.0", 5000);
	check_listen("[::1]:65535", "::1", 65535);
	check_listen("[::]:80", "::", 80);
	check_refused("5000", "has no port");
	check_refused("127.0.0.1", "has no port");
	check_refused("[::1]", "has no port");
	check_refused("", "has no port");
	check_refused("127.0.0.1:", "the port must be a number from 1 to 65535");
	check_refused("127.0.0.1:0", "the port must be");
	check_refused("127.0.0.1:65536", "the port must be");
	check_refused("127.0.0.1:http", "the port must be");
	check_refused("127.0.0.1:80 ", "the port must be");
	check_refused("::1:80", "needs brackets: \"[::1]:80\"");
	check_refused("[127.0.0.1]:80", "no IPv6 address in the brackets");
	check_refused("[]:80", "no IPv6 address in the brackets");
	check_refused("localhost:80", "is not an IP address");
	check_refused("256.0.0.1:80", "is not an IP address");
	check_refused("01.2.3.4:80", "is not an IP address");
	arena_fini(&arena);
}
END_TEST

START_TEST(test_unix)
{
	struct config_listen l;
	struct error e = { "" };
	char text[300] = "unix:/";

	arena_init(&arena, 1024, 0);
	ck_assert_int_eq(address_listen(&arena, "unix:/run/x", "/base", &l, &e), 0);
	ck_assert_str_eq(l.path, "/run/x");
	ck_assert_ptr_null(l.host);
	ck_assert_int_eq(address_listen(&arena, "unix:run/x", "/base", &l, &e), 0);
	ck_assert_str_eq(l.path, "/base/run/x");
	check_refused("unix:", "has no path");
	memset(text + 6, 'x', 107);
	check_refused(text, "longer than the 107 bytes");
	text[5 + 107] = '\0';
	ck_assert_int_eq(address_listen(&arena, text, "/base", &l, &e), 0);
	arena_fini(&arena);
}
END_TEST

START_TEST(test_endpoint)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} right[] = {
		{ "127.0.0.1:9000", "127.0.0.1", 9000 },
		{ "[2001:db8::1]:9000", "2001:db8::1", 9000 },
		{ "user-service:5001", "user-service", 5001 },
		{ "a_b.Example.com:1", "a_b.Example.com", 1 },
	};
	static const char *const wrong[] = { "http://a:80",
					     "a",
					     "a:0",
					     "a:70000",
					     "a b:80",
					     "::1:80",
					     ":80",
					     ".a:1",
					     "a..b:1",
					     "a/b:80",
					     "10.1:80",
					     "0.0.0.0:80",
					     "255.255.255.255:80",
					     "224.0.0.1:80",
					     "[ff02::1]:80",
					     "-a:80" };
	struct config_endpoint ep = { 0 };
	struct error e = { "" };

	arena_init(&arena, 1024, 0);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		ck_assert_msg(address_endpoint(&arena, right[i].text, &ep, &e) == 0, "%s: %s",
			      right[i].text, e.text);
		ck_assert_str_eq(ep.host, right[i].host);
		ck_assert_uint_eq(ep.port, right[i].port);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(address_endpoint(&arena, wrong[i], &ep, &e) < 0, "%s", wrong[i]);
	arena_fini(&arena);
}
END_TEST

START_TEST(test_path)
{
	arena_init(&arena, 1024, 0);
	ck_assert_str_eq(address_path(&arena, "/a/b", "/x"), "/x");
	ck_assert_str_eq(address_path(&arena, "/a/b", "x/y"), "/a/b/x/y");
	ck_assert_str_eq(address_path(&arena, "/a/b", "../x"), "/a/x");
	ck_assert_str_eq(address_path(&arena, "/a/b", "../../x"), "/x");
	ck_assert_str_eq(address_path(&arena, "/a/b", "../../../x"), "/../x");
	arena_fini(&arena);
}
END_TEST

int main(void)
{
	return SUITE("address", test_listen, test_unix, test_endpoint, test_path);
}
