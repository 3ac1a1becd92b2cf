/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], "discovery": {"dns": {DNS}}, "services": {"s": {MEMBERS}}}. */
static struct gateway_config *load(const char *dns, const char *members)
{
	char text[1024];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(text, sizeof(text),
			       "{\"listen\": [\":1\"], \"discovery\": {\"dns\": {%s}},\n"
			       "\"services\": {\"s\": {%s}}}",
			       dns, members);
	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

static void refused(const char *dns, const char *members, const char *expected)
{
	struct gateway_config *c = load(dns, members);

	ck_assert_msg(!c, "%s %s", dns, members);
	ck_errors(&errors, expected);
}

START_TEST(where_a_service_is)
{
	static const struct {
		const char *members;
		enum config_discovery discovery;
	} rows[] = {
		{ "", CONFIG_CONSUL },
		{ "\"discovery\": \"consul\"", CONFIG_CONSUL },
		{ "\"endpoints\": [\"a:1\"]", CONFIG_STATIC },
		{ "\"discovery\": \"static\", \"endpoints\": [\"a:1\"]", CONFIG_STATIC },
		{ "\"dns\": {\"name\": \"a.b\"}", CONFIG_DNS },
		{ "\"discovery\": \"dns\", \"dns\": {\"name\": \"_a._tcp.b\"}", CONFIG_DNS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gateway_config *c = load("", rows[i].members);

		ck_assert_msg(c != NULL, "%s", rows[i].members);
		ck_assert_int_eq(c->services[0].discovery, rows[i].discovery);
		ck_assert((c->services[0].dns_name != NULL) == (rows[i].discovery == CONFIG_DNS));
		gateway_config_free(c);
	}
}
END_TEST

START_TEST(dns)
{
	struct gateway_config *c = load("", "\"dns\": {\"name\": \"Web.test.\", \"port\": 80, "
					    "\"family\": \"ipv6\"}");

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->services[0].dns_name, "Web.test");
	ck_assert_uint_eq(c->services[0].dns_port, 80);
	ck_assert_int_eq(c->services[0].dns_family, CONFIG_FAMILY_IPV6);
	ck_assert_ptr_null(c->dns.servers);
	ck_assert_int_eq(c->dns.transport, CONFIG_DNS_TCP);
	ck_assert_uint_eq(c->dns.timeout, 2000);
	ck_assert_uint_eq(c->dns.hold, 15000);
	ck_assert_uint_eq(c->dns.min_ttl, 5000);
	gateway_config_free(c);
	c = load("\"servers\": [\"10.0.0.1:53\", \"[::1]:8600\"], \"transport\": \"udp\", "
		 "\"hold\": \"unlimited\"",
		 "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->dns.servers, "10.0.0.1:53,[::1]:8600");
	ck_assert_int_eq(c->dns.transport, CONFIG_DNS_UDP);
	ck_assert_uint_eq(c->dns.hold, CONFIG_HOLD_UNLIMITED);
	gateway_config_free(c);
}
END_TEST

START_TEST(mistakes)
{
	refused("\"servers\": [\"ns.test:53\", \"10.0.0.1\"]", "",
		"f:1:54: /discovery/dns/servers/0: \"ns.test:53\" is no address; write the "
		"server's "
		"IP address and port\n"
		"f:1:68: /discovery/dns/servers/1: \"10.0.0.1\" has no port; write it behind a "
		"colon: \"10.0.0.1:5000\"\n");
	refused("\"hold\": \"0s\"", "",
		"f:1:50: /discovery/dns/hold: \"0s\" is out of range; it must be "
		"\"unlimited\" or 1ms to "
		"1h\n");
	refused("", "\"discovery\": \"dns\"",
		"f:2:19: /services/s: \"dns\" has no \"name\"; write the name to ask for, such as "
		"\"s.service.consul\"\n");
	refused("", "\"dns\": {\"name\": \"a b\"}",
		"f:2:27: /services/s/dns: \"a b\" is not a name in DNS; write one such as "
		"\"web.service.consul\"\n");
	refused("", "\"dns\": {\"name\": \"10.0.0.1\"}",
		"f:2:27: /services/s/dns: \"10.0.0.1\" is not a name in DNS; write one such as "
		"\"web.service.consul\"\n");
	refused("", "\"dns\": {\"name\": \"a\"}, \"tags\": [\"b\"]",
		"f:2:19: /services/s: discovery dns and \"tags\" exclude each other; remove one of "
		"them\n");
	refused("", "\"discovery\": \"dns\", \"dns\": {\"name\": \"a\"}, \"endpoints\": [\"a:1\"]",
		"f:2:19: /services/s: discovery dns and \"endpoints\" exclude each other; "
		"remove one "
		"of them\n");
	refused("", "\"endpoints\": [\"a:1\"], \"dns\": {\"name\": \"a\"}",
		"f:2:19: /services/s: \"endpoints\" and \"dns\" exclude each other; remove one of "
		"them\n");
	refused("", "\"discovery\": \"consul\", \"dns\": {\"name\": \"a\"}",
		"f:2:19: /services/s: discovery consul and \"dns\" exclude each other; remove "
		"one of "
		"them\n");
	refused("", "\"discovery\": \"static\"",
		"f:2:19: /services/s: \"endpoints\" is missing; a static service needs one at "
		"least\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_discovery", where_a_service_is, dns, mistakes);
}
