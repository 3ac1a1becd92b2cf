/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], "discovery": {"consul": {\n"routes": {MEMBERS}}}}. */
static struct gateway_config *load(const char *members)
{
	char text[1024];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(text, sizeof(text),
			       "{\"listen\": [\":1\"], \"discovery\": {\"consul\": {\n"
			       "\"routes\": {%s}}}}",
			       members);
	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

static void refused(const char *members, const char *expected)
{
	struct gateway_config *c = load(members);

	ck_assert_msg(!c, "%s", members);
	ck_errors(&errors, expected);
}

START_TEST(off_and_on)
{
	struct gateway_config *c = load("");

	ck_assert_ptr_nonnull(c);
	ck_assert(!c->consul.routes.on);
	gateway_config_free(c);
	c = load("\"paths\": \"/api/*\"");
	ck_assert_ptr_nonnull(c);
	ck_assert(c->consul.routes.on);
	ck_assert_uint_eq(c->consul.routes.hosts.n, 1);
	ck_assert_str_eq(c->consul.routes.hosts.items[0], "*");
	ck_assert_str_eq(c->consul.routes.tag_prefix, "urlprefix-");
	ck_assert_int_eq(c->consul.routes.max, 100);
	ck_assert_uint_eq(c->consul.routes.interval, 10000);
	ck_assert_uint_eq(c->consul.routes.keep, 0);
	gateway_config_free(c);
	c = load("\"paths\": [\"/\", \"/a\"], \"hosts\": [\"A.test\", \"*.b.test\", \"[::1]\"], "
		 "\"tag_prefix\": \"\", \"keep\": \"1h\"");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->consul.routes.hosts.items[0], "a.test");
	ck_assert_ptr_null(c->consul.routes.tag_prefix);
	ck_assert_uint_eq(c->consul.routes.keep, 3600000);
	gateway_config_free(c);
}
END_TEST

START_TEST(mistakes)
{
	refused("\"paths\": [\"api\", \"/a*\", \"/{x}\", \"//\"]",
		"f:2:22: /discovery/consul/routes/paths/0: \"api\" is not a path; write "
		"\"/status\" for this one alone, or \"/api/*\" for all below\n"
		"f:2:29: /discovery/consul/routes/paths/1: \"/a*\" is not a path; write "
		"\"/status\" for this one alone, or \"/api/*\" for all below\n"
		"f:2:36: /discovery/consul/routes/paths/2: \"/{x}\" is not a path; write "
		"\"/status\" for this one alone, or \"/api/*\" for all below\n"
		"f:2:44: /discovery/consul/routes/paths/3: \"//\" is not a path; write "
		"\"/status\" for this one alone, or \"/api/*\" for all below\n");
	refused("\"paths\": [\"/a\"], \"hosts\": [\"a b\", \"*.\"]",
		"f:2:39: /discovery/consul/routes/hosts/0: \"a b\" is not a host; write "
		"\"api.example.com\", \"*.example.com\" or \"*\"\n"
		"f:2:46: /discovery/consul/routes/hosts/1: \"*.\" is not a host; write "
		"\"api.example.com\", \"*.example.com\" or \"*\"\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_claims", off_and_on, mistakes);
}
