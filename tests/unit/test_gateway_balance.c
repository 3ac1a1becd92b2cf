/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], "zone": "a", "services": {"s": {MEMBERS}}}. */
static struct gateway_config *load(const char *members)
{
	char text[1024];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(
		text, sizeof(text),
		"{\"listen\": [\":1\"], \"zone\": \"a\",\n\"services\": {\"s\": {%s}}}", members);
	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

static void refused(const char *members, const char *expected)
{
	struct gateway_config *c = load(members);

	ck_assert_msg(!c, "%s", members);
	ck_errors(&errors, expected);
}

static void ck_hash(const char *members, enum config_hash_kind kind, const char *name)
{
	struct gateway_config *c = load(members);

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->services[0].hash.kind, kind);
	ck_assert_pstr_eq(c->services[0].hash.name, name);
	gateway_config_free(c);
}

START_TEST(keys)
{
	ck_hash("", CONFIG_HASH_CLIENT, NULL);
	ck_hash("\"hash_by\": \"client\"", CONFIG_HASH_CLIENT, NULL);
	ck_hash("\"hash_by\": \"header:X-User\"", CONFIG_HASH_HEADER, "X-User");
	ck_hash("\"hash_by\": \"cookie:session\"", CONFIG_HASH_COOKIE, "session");
	ck_hash("\"hash_by\": \"path:id\"", CONFIG_HASH_PATH, "id");
	refused("\"hash_by\": \"header:\"",
		"f:2:31: /services/s/hash_by: \"header:\" is no key; write \"client\", "
		"\"header:NAME\", \"cookie:NAME\" or \"path:NAME\"\n");
	refused("\"hash_by\": \"query:a\"",
		"f:2:31: /services/s/hash_by: \"query:a\" is no key; write \"client\", "
		"\"header:NAME\", \"cookie:NAME\" or \"path:NAME\"\n");
}
END_TEST

START_TEST(settings)
{
	struct gateway_config *c = load("\"balance\": \"hash\", \"hash_load\": \"unlimited\", "
					"\"prefer_zone\": \"balanced\", \"slow_start\": \"10s\"");

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->services[0].balance, 4);
	ck_assert(c->services[0].hash_load == 0);
	ck_assert_int_eq(c->services[0].prefer_zone, 1);
	ck_assert_uint_eq(c->services[0].slow_start, 10000);
	ck_assert_int_eq(c->services[0].on_all_critical, CONFIG_CRITICAL_PANIC);
	gateway_config_free(c);
	c = load("");
	ck_assert(c->services[0].hash_load == 1.25);
	gateway_config_free(c);
	refused("\"hash_load\": 0.5", "f:2:33: /services/s/hash_load: 0.5 is out of range; it must "
				      "be \"unlimited\" or 1 to 1000\n");
}
END_TEST

START_TEST(failover)
{
	struct gateway_config *c = load("\"failover\": [\"a\", \"b\"]");

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->services[0].failover.n, 2);
	ck_assert_str_eq(c->services[0].failover.items[1], "b");
	/* Instances that are ill are no better than those of the other service. */
	ck_assert_int_eq(c->services[0].on_all_critical, CONFIG_CRITICAL_FAIL);
	gateway_config_free(c);
	c = load("\"failover\": \"a\", \"on_all_critical\": \"panic\"");
	ck_assert_int_eq(c->services[0].on_all_critical, CONFIG_CRITICAL_PANIC);
	gateway_config_free(c);
	refused("\"failover\": [\"s\", \"a/b\"]",
		"f:2:33: /services/s/failover/0: the service itself; name another one\n"
		"f:2:38: /services/s/failover/1: \"a/b\" is not a service's name\n");
}
END_TEST

START_TEST(zone)
{
	struct str s = STR("{\"listen\": [\":1\"], \"zone\": \"\", \"services\": {\"s\": "
			   "{\"prefer_zone\": \"always\"}}}");

	ck_assert_ptr_null(gateway_config_load("f", &s, &errors));
	ck_errors(&errors,
		  "f:1:66: /services/s/prefer_zone: the gateway's own zone is not known; say it "
		  "with \"zone\" at the top of the file, or remove this\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_balance", keys, settings, failover, zone);
}
