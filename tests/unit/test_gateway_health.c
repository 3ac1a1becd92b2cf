/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway_health.c: a service's own objects or the defaults', and what is refused. */
#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], MEMBERS}. */
static struct gateway_config *load(const char *members)
{
	char text[2048];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(text, sizeof(text), "{\"listen\": [\":1\"],\n%s}", members);
	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

static void refused(const char *members, const char *expected)
{
	struct gateway_config *c = load(members);

	ck_assert_msg(!c, "%s", members);
	ck_errors(&errors, expected);
}

START_TEST(test_defaults)
{
	struct gateway_config *c = load("\"services\": {\"a\": {}}");

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->check.type, CONFIG_CHECK_OFF);
	ck_assert_int_eq(c->ejection.consecutive, 5);
	ck_assert(c->ejection.refused);
	const struct config_service *a = gateway_config_service(c, "a");
	ck_assert_int_eq(a->ejection.consecutive, 5);
	ck_assert_uint_eq(a->ejection.time, 30000);
	ck_assert_uint_eq(a->check.interval, 5000);
	ck_assert_uint_eq(a->check.status_min, 200);
	ck_assert_uint_eq(a->check.status_max, 399);
	gateway_config_free(c);
}
END_TEST

/* An object of the service's own takes the place of the defaults' as a whole. */
START_TEST(test_own_or_inherited)
{
	struct gateway_config *c = load(
		"\"defaults\": {\"check\": {\"type\": \"tcp\", \"interval\": \"1s\"},\n"
		"\"ejection\": {\"consecutive\": \"off\", \"time\": \"1s\"}},\n"
		"\"services\": {\"a\": {}, \"b\": {\"check\": {\"type\": \"http\", \"path\": "
		"\"/h\", \"status\": \"204\", \"host\": \"x.test\"}, \"ejection\": "
		"{\"max_ejected\": 0.5}}}");

	ck_assert_ptr_nonnull(c);
	const struct config_service *a = gateway_config_service(c, "a");
	const struct config_service *b = gateway_config_service(c, "b");
	ck_assert_int_eq(a->check.type, CONFIG_CHECK_TCP);
	ck_assert_uint_eq(a->check.interval, 1000);
	ck_assert_int_eq(a->ejection.consecutive, 0);
	ck_assert_uint_eq(a->ejection.time, 1000);
	ck_assert_int_eq(b->check.type, CONFIG_CHECK_HTTP);
	ck_assert_uint_eq(b->check.interval, 5000);
	ck_assert_uint_eq(b->check.status_min, 204);
	ck_assert_uint_eq(b->check.status_max, 204);
	ck_assert_str_eq(b->check.host, "x.test");
	ck_assert_int_eq(b->ejection.consecutive, 5);
	ck_assert_double_eq_tol(b->ejection.max_ejected, 0.5, 1e-9);
	gateway_config_free(c);
}
END_TEST

START_TEST(test_refused)
{
	static const char *const statuses[] = { "",        "20",   "99",      "600",
						"399-200", "200-", "200-600", "200-300x",
						" 200",    "-200", "2e2" };
	char text[200], expected[200];

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		snprintf(text, sizeof(text),
			 "\"services\": {\"a\":\n{\"check\":\n{\"status\": \"%s\"}}}", statuses[i]);
		snprintf(expected, sizeof(expected),
			 "f:4:12: /services/a/check/status: \"%s\" is no status; write \"200\" or "
			 "\"200-399\"\n",
			 statuses[i]);
		refused(text, expected);
	}
	refused("\"defaults\": {\"check\": {\"path\": \"health\"}}",
		"f:2:32: /defaults/check/path: \"health\" is not a path; begin it with \"/\" and "
		"write a space as %20\n");
	refused("\"defaults\": {\"check\": {\"path\": \"/a b\"}}",
		"f:2:32: /defaults/check/path: \"/a b\" is not a path; begin it with \"/\" and "
		"write a space as %20\n");
	refused("\"defaults\": {\"check\": {\"host\": \"a b\"}}",
		"f:2:32: /defaults/check/host: not a host; write a name without spaces\n");
	refused("\"defaults\": {\"ejection\": {\"time\": \"10m\"}}",
		"f:2:35: /defaults/ejection/time: longer than time_max; make it shorter or "
		"time_max longer\n");
	refused("\"services\": {\"a\":\n{\"limits\":\n{\"adaptive\": true, \"requests\": 4}}}",
		"f:4:1: /services/a/limits/adaptive_min: more than requests; make it smaller or "
		"requests larger\n");
	refused("\"services\": {\"a\":\n{\"breaker\":\n{\"time\": \"2m\"}}}",
		"f:4:10: /services/a/breaker/time: longer than time_max; make it shorter or "
		"time_max longer\n");
	refused("\"services\": {\"a\":\n{\"breaker\":\n{\"failures\": 1.5}}}",
		"f:4:14: /services/a/breaker/failures: 1.5 is out of range; it must be \"off\" or "
		"0 to 1\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_health", test_defaults, test_own_or_inherited, test_refused);
}
