/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads one route: {"path": "/", "plugin": "p", MEMBERS}. */
static struct gateway_config *load(const char *members)
{
	char text[2048];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(
		text, sizeof(text),
		"{\"listen\": [\":1\"], \"routes\": [{\"path\": \"/\", \"plugin\": \"p\""
		",\n%s}]}",
		members);
	return gateway_config_load("f", &s, &errors);
}

static void refused(const char *members, const char *expected)
{
	struct gateway_config *c = load(members);

	ck_assert_msg(!c, "%s", members);
	ck_errors(&errors, expected);
}

START_TEST(test_right)
{
	struct gateway_config *c = load(
		"\"host\": \"*.Example.COM\", \"methods\": [\"GET\", \"PURGE\"],"
		" \"headers\": {\"X-Version\": \"2\", \"X-Debug\": \"*\"},"
		" \"filters\": [\"a\", {\"plugin\": \"b\", \"config\": {\"x\": 1}}],"
		" \"limits\": {\"body\": \"unlimited\"}, \"timeout\": {\"response\": \"2s\"}");
	const struct config_route *r;

	ck_errors(&errors, "");
	ck_assert_ptr_nonnull(c);
	r = &c->routes[0];
	ck_assert_str_eq(r->host, "*.example.com");
	ck_assert_uint_eq(r->methods.n, 2);
	ck_assert_str_eq(r->headers[0].name, "x-version");
	ck_assert_str_eq(r->headers[0].value, "2");
	ck_assert_ptr_null(r->headers[1].value);
	ck_assert_uint_eq(r->filter_count, 2);
	ck_assert_str_eq(r->filters[0].plugin, "a");
	ck_assert_str_eq(r->filters[1].config, "{\"x\":1}");
	ck_assert_uint_eq(r->body_limit, 0);
	ck_assert_uint_eq(r->response, 2000);
	ck_assert_uint_eq(r->request, 0);
	gateway_config_free(c);
	c = load("\"methods\": \"GET\", \"host\": \"[::1]\"");
	ck_errors(&errors, "");
	ck_assert_str_eq(c->routes[0].methods.items[0], "GET");
	gateway_config_free(c);
}
END_TEST

START_TEST(test_methods)
{
	refused("\"methods\": [\"get\"]",
		"f:2:13: /routes/0/methods/0: methods are in capitals: \"GET\"\n");
	refused("\"methods\": [\"GET\", \"GET\"]",
		"f:2:20: /routes/0/methods/1: \"GET\" is there twice; remove one\n");
	refused("\"methods\": [\"A B\", \"\"]",
		"f:2:13: /routes/0/methods/0: \"A B\" is not a method; write one such as \"GET\"\n"
		"f:2:20: /routes/0/methods/1: \"\" is not a method; write one such as \"GET\"\n");
}
END_TEST

START_TEST(test_host)
{
	static const char *const wrong[] = { "\"\"",    "\"*\"",        "\"a b\"", "\"*.*.com\"",
					     "\"a/b\"", "\"http://a\"", "\"a*\"" };
	char members[64], *text;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(members, sizeof(members), "\"host\": %s", wrong[i]);
		ck_assert_msg(!load(members), "%s", members);
		text = config_text(&errors);
		ck_assert_msg(strstr(text, "f:2:9: /routes/0/host: ") == text, "%s", text);
		free(text);
	}
	refused("\"host\": \"a.example:80\"",
		"f:2:9: /routes/0/host: \"a.example:80\" has a port; a route's host is written "
		"without "
		"one\n");
}
END_TEST

START_TEST(test_headers)
{
	refused("\"headers\": {\"a b\": \"1\"}",
		"f:2:20: /routes/0/headers/a b: \"a b\" is not a header's name\n");
	refused("\"headers\": {\"X-A\": \"1\", \"x-a\": \"1\"}",
		"f:2:32: /routes/0/headers/x-a: \"x-a\" is there twice; names of headers are the "
		"same "
		"in capitals\n");
}
END_TEST

START_TEST(test_uses)
{
	refused("\"filters\": [\"../x\"]",
		"f:2:13: /routes/0/filters/0/plugin: \"../x\" is not a plugin's name: it is a "
		"file's "
		"name without .so, of letters, digits, \"_\" and \"-\"\n");
	refused("\"config\": \"x\"",
		"f:2:11: /routes/0/config: the plugin's options must be an object: "
		"{\"name\": value}\n");
	refused("\"filters\": [{}]",
		"f:2:13: /routes/0/filters/0/plugin: missing; it must be a string\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_routes", test_right, test_methods, test_host, test_headers,
		     test_uses);
}
