/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/health.c: what Consul answers with, and what anybody may have registered there. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/gateway.h"
#include "discovery/health.h"

static struct instance_set set;
static struct error error;
static char skipped[4096];
static int skips;

static void teardown(void)
{
	instance_set_fini(&set);
}

static void on_skip(void *arg, const char *id, const char *reason)
{
	size_t n = strlen(skipped);

	ck_assert_ptr_eq(arg, skipped);
	skips++;
	snprintf(skipped + n, sizeof(skipped) - n, "%s: %s\n", id, reason);
}

static int parse_with(const char *body, const struct health_rules *rules)
{
	instance_set_fini(&set);
	skipped[0] = '\0';
	skips = 0;
	return health_parse(str_from(body), rules, &set, on_skip, skipped, &error);
}

static int parse(const char *body)
{
	struct health_rules rules = { 0 };

	return parse_with(body, &rules);
}

static struct buf body;

/* Appends one instance as Consul 1.8.7 writes it, with three members to fill in. */
static void add(const char *id, const char *service, const char *checks)
{
	buf_str_append(&body, body.n ? STR(",") : STR("["));
	buf_lit(&body, "{\"Node\":{\"ID\":\"7a\",\"Node\":\"vm\",\"Address\":\"10.9.9.9\","
		       "\"Datacenter\":\"dc1\",\"Meta\":null,\"CreateIndex\":1},");
	buf_printf(&body, "\"Service\":{\"ID\":\"%s\",\"Service\":\"web\",", id);
	buf_printf(&body, "\"Tags\":[\"v1\",\"blue\"],%s,\"CreateIndex\":9},", service);
	buf_lit(&body, "\"Checks\":[{\"Node\":\"vm\",\"CheckID\":\"serfHealth\","
		       "\"Name\":\"Serf Health Status\",\"Status\":\"passing\","
		       "\"Output\":\"Agent alive and reachable\"}");
	buf_printf(&body, "%s]}", checks);
}

/* Parses what was added, and begins anew. */
static int parse_added(const struct health_rules *rules)
{
	int rc;

	buf_str_append(&body, body.n ? STR("]") : STR("[]"));
	buf_char(&body, '\0');
	rc = parse_with(body.p, rules);
	buf_fini(&body);
	return rc;
}

static const struct health_rules none;

#define AT(address, port) "\"Address\":\"" address "\",\"Port\":" port
#define LOCAL             AT("10.0.0.1", "80")
#define WEIGHTS(text)     LOCAL ",\"Weights\":" text
#define CHECK(id, status, output)                                                                  \
	",{\"CheckID\":\"" id "\",\"Name\":\"check " id "\",\"Status\":\"" status                  \
	"\",\"Output\":\"" output "\",\"Notes\":\"\"}"

START_TEST(reads_an_instance)
{
	add("w1", AT("10.0.0.1", "5001"), "");
	ck_assert_int_eq(parse_added(&none), 0);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.items[0].id, "vm/w1");
	ck_assert_str_eq(set.items[0].host, "10.0.0.1");
	ck_assert(!set.items[0].named);
	ck_assert_uint_eq(set.items[0].port, 5001);
	ck_assert_uint_eq(set.items[0].weight, 1);
	ck_assert_int_eq(set.items[0].status, INSTANCE_PASSING);
	ck_assert_str_eq(set.items[0].why, "passing");
}
END_TEST

START_TEST(empty_is_no_error)
{
	ck_assert_int_eq(parse("[]"), 0);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(refuses_what_is_no_answer)
{
	static const char *const bodies[] = { "",    "{}",          "null",   "\"x\"",
					      "[",   "[{\"Node\":", "<html>", "[] []",
					      "[1",  "{\"a\":[]",   "7",      "true",
					      "\xff" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ck_assert_int_eq(parse(bodies[i]), -1);
		ck_assert_uint_eq(set.count, 0);
		ck_assert_str_ne(error.text, "");
	}
}
END_TEST

START_TEST(takes_the_node_address)
{
	add("w1", AT("", "80"), "");
	parse_added(&none);
	ck_assert_str_eq(set.items[0].host, "10.9.9.9");
}
END_TEST

/* Every one of these an agent has accepted. */
START_TEST(judges_addresses)
{
	static const struct {
		const char *address, *host;
		bool named;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", false },
		{ "2001:db8::1", "2001:db8::1", false },
		{ "[2001:DB8:0::1]", "2001:db8::1", false },
		{ "::ffff:10.0.0.1", "::ffff:10.0.0.1", false },
		{ "user-service", "user-service", true },
		{ "a_b.example.com.", "a_b.example.com.", true },
		{ "localhost", "localhost", true },
		{ "1a.b2", "1a.b2", true },
		{ "http://a b:80/", NULL, false },
		{ "http://host", NULL, false },
		{ "host:80", NULL, false },
		{ "a b", NULL, false },
		{ "10.0.0.1:80", NULL, false },
		{ "10.0.0.256", NULL, false },
		{ "10.1", NULL, false },
		{ "0x7f.1", NULL, false },
		{ "1234", NULL, false },
		{ "0.0.0.0", NULL, false },
		{ "::", NULL, false },
		{ "255.255.255.255", NULL, false },
		{ "224.0.0.1", NULL, false },
		{ "ff02::1", NULL, false },
		{ "fe80::1%eth0", NULL, false },
		{ "[10.0.0.1]", NULL, false },
		{ "[]", NULL, false },
		{ "[::1", NULL, false },
		{ "-a", NULL, false },
		{ "a-", NULL, false },
		{ "a..b", NULL, false },
		{ ".", NULL, false },
		{ ".a", NULL, false },
		{ "a/../b", NULL, false },
		{ "a%00b", NULL, false },
		{ "\\u00e4.example", NULL, false },
		{ "a\\nb", NULL, false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
		  false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char service[256];

		snprintf(service, sizeof(service), AT("%s", "80"), rows[i].address);
		add("w", service, "");
		ck_assert_int_eq(parse_added(&none), 0);
		ck_assert_msg(set.count == (rows[i].host ? 1 : 0), "%s", rows[i].address);
		ck_assert_int_eq(skips, rows[i].host ? 0 : 1);
		if (rows[i].host) {
			ck_assert_str_eq(set.items[0].host, rows[i].host);
			ck_assert_int_eq(set.items[0].named, rows[i].named);
		}
	}
}
END_TEST

START_TEST(judges_ports)
{
	struct health_rules rules = { .default_port = 8080 };

	add("a", AT("10.0.0.1", "70000"), "");
	add("b", AT("10.0.0.1", "-1"), "");
	add("c", AT("10.0.0.1", "0"), "");
	add("d", AT("10.0.0.1", "\"80\""), "");
	add("e", AT("10.0.0.1", "65535"), "");
	parse_added(&none);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.items[0].id, "vm/e");
	ck_assert_int_eq(skips, 4);
	ck_assert_ptr_nonnull(strstr(skipped, "vm/a: the port is out of range\n"));
	ck_assert_ptr_nonnull(strstr(skipped, "vm/d: the port is not a number\n"));
	add("c", AT("10.0.0.1", "0"), "");
	add("f", "\"Address\":\"10.0.0.1\"", "");
	parse_added(&rules);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(set.items[0].port, 8080);
	ck_assert_uint_eq(set.items[1].port, 8080);
}
END_TEST

START_TEST(judges_weights)
{
	add("a", WEIGHTS("{\"Passing\":10,\"Warning\":3}"), "");
	add("b", WEIGHTS("{\"Passing\":10,\"Warning\":3}"), CHECK("x", "warning", "hot"));
	add("c", WEIGHTS("{\"Passing\":99999999}"), "");
	add("d", WEIGHTS("{\"Passing\":-5}"), "");
	add("e", WEIGHTS("{\"Passing\":\"7\"}"), "");
	add("f", WEIGHTS("null"), "");
	parse_added(&none);
	ck_assert_uint_eq(set.count, 6);
	ck_assert_uint_eq(set.items[0].weight, 10);
	ck_assert_uint_eq(set.items[1].weight, 3);
	ck_assert_uint_eq(set.items[2].weight, 65535);
	ck_assert_uint_eq(set.items[3].weight, 0);
	ck_assert_uint_eq(set.items[4].weight, 1);
	ck_assert_uint_eq(set.items[5].weight, 1);
}
END_TEST

START_TEST(takes_the_worst_check)
{
	add("a", LOCAL, CHECK("x", "warning", "hot") CHECK("y", "passing", ""));
	add("b", LOCAL, CHECK("x", "critical", "refused\\nmore") CHECK("y", "warning", ""));
	add("c", LOCAL, CHECK("_service_maintenance:c", "critical", "") CHECK("y", "critical", ""));
	add("d", LOCAL, CHECK("_node_maintenance", "critical", ""));
	add("e", LOCAL, CHECK("x", "strange", ""));
	parse_added(&none);
	ck_assert_uint_eq(set.count, 5);
	ck_assert_int_eq(set.items[0].status, INSTANCE_WARNING);
	ck_assert_str_eq(set.items[0].why, "warning: check x: hot");
	ck_assert_int_eq(set.items[1].status, INSTANCE_CRITICAL);
	ck_assert_str_eq(set.items[1].why, "critical: check x: refused");
	ck_assert_int_eq(set.items[2].status, INSTANCE_MAINTENANCE);
	ck_assert_str_eq(set.items[2].why, "maintenance: check _service_maintenance:c");
	ck_assert_int_eq(set.items[3].status, INSTANCE_MAINTENANCE);
	ck_assert_int_eq(set.items[4].status, INSTANCE_CRITICAL);
}
END_TEST

START_TEST(an_instance_without_checks_passes)
{
	parse("[{\"Node\":{\"Node\":\"n\",\"Address\":\"10.0.0.1\"},\"Service\":{\"ID\":\"s\","
	      "\"Port\":1},\"Checks\":null}]");
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(set.items[0].status, INSTANCE_PASSING);
}
END_TEST

START_TEST(one_bad_instance_spoils_nothing)
{
	buf_lit(&body, "[1,null,\"x\",[],{},{\"Node\":1,\"Service\":[]},"
		       "{\"Node\":{},\"Service\":{\"ID\":\"x\"}},"
		       "{\"Node\":{\"Node\":\"n\"},\"Service\":{\"ID\":\"x\"},\"Checks\":7},"
		       "{\"Node\":{\"Node\":\"n\",\"Address\":\"10.0.0.1\"},"
		       "\"Service\":{\"ID\":\"y\",\"Port\":80},\"Checks\":{}}");
	add("good", LOCAL, "");
	ck_assert_int_eq(parse_added(&none), 0);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.items[0].id, "vm/good");
	ck_assert_int_eq(skips, 9);
}
END_TEST

START_TEST(identity_is_node_and_id)
{
	add("b", AT("10.0.0.1", "80"), "");
	add("a", AT("10.0.0.2", "80"), "");
	add("b", AT("10.0.0.3", "80"), "");
	parse_added(&none);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_str_eq(set.items[0].id, "vm/a");
	ck_assert_str_eq(set.items[1].id, "vm/b");
	ck_assert_str_eq(skipped, "vm/b: another has the same node and ID\n");
}
END_TEST

START_TEST(filters_by_tag)
{
	static const char *const texts[] = { "blue", "v1", "green" };
	struct health_rules blue = { .tags = { texts, 2 } }, green = { .tags = { texts, 3 } };

	add("a", LOCAL, "");
	parse_added(&blue);
	ck_assert_uint_eq(set.count, 1);
	add("a", LOCAL, "");
	parse_added(&green);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_int_eq(skips, 0);
}
END_TEST

#define META(text) AT("10.0.0.1", "80") ",\"Meta\":" text

START_TEST(filters_by_metadata)
{
	static const struct config_match_header wanted[] = { { "zone", "a" }, { "owner", NULL } };
	struct health_rules rules = { .meta = wanted, .meta_count = 2 };

	add("both", META("{\"zone\":\"a\",\"owner\":\"x\"}"), "");
	add("other zone", META("{\"zone\":\"b\",\"owner\":\"x\"}"), "");
	add("no owner", META("{\"zone\":\"a\"}"), "");
	add("none", META("null"), "");
	parse_added(&rules);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_str_eq(set.items[0].id, "vm/both");
	ck_assert_int_eq(skips, 0);
}
END_TEST

#define STATE(id, name, status)                                                                    \
	",{\"CheckID\":\"" id "\",\"Name\":\"" name "\",\"Status\":\"" status "\"}"

START_TEST(requires_checks)
{
	static const char *const names[] = { "ready", "service:x" };
	static const char *const why[] = { "passing",
					   "critical: the required check ready is missing",
					   "critical: ready",
					   "critical: the required check ready is warning" };
	struct health_rules rules = { .require_checks = { names, 2 } };

	add("a", LOCAL, STATE("service:x", "x", "passing") STATE("r", "ready", "passing"));
	add("b", LOCAL, STATE("service:x", "x", "passing"));
	add("c", LOCAL, STATE("service:x", "x", "passing") STATE("r", "ready", "critical"));
	add("d", LOCAL, STATE("service:x", "x", "passing") STATE("r", "ready", "warning"));
	parse_added(&rules);
	ck_assert_uint_eq(set.count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(set.items[i].status,
				 i == 0 ? INSTANCE_PASSING : INSTANCE_CRITICAL);
		ck_assert_str_eq(set.items[i].why, why[i]);
	}
}
END_TEST

/* A text that must be cut is cut between characters, since it becomes JSON again. */
START_TEST(cuts_text_between_characters)
{
	struct buf b;
	const unsigned char *why;
	size_t n;

	buf_init(&b, 0);
	buf_lit(&b,
		"[{\"Node\":{\"Node\":\"n\",\"Address\":\"10.0.0.1\"},\"Service\":{\"ID\":\"s\","
		"\"Port\":1},\"Checks\":[{\"Name\":\"c\",\"Status\":\"critical\",\"Output\":\"");
	for (int i = 0; i < 300; i++)
		buf_lit(&b, "\xe2\x82\xac");
	buf_lit(&b, "\"}]}]");
	buf_char(&b, '\0');
	ck_assert_int_eq(parse(b.p), 0);
	why = (const unsigned char *)set.items[0].why;
	n = strlen(set.items[0].why);
	ck_assert_uint_gt(n, 150);
	ck_assert_uint_eq((n - strlen("critical: c: ")) % 3, 0);
	ck_assert_uint_eq(why[n - 1], 0xac);
	buf_fini(&b);
}
END_TEST

START_TEST(shows_each_check)
{
	char many[16 * 1024] = "";

	add("a", LOCAL, CHECK("x", "warning", "hot\\nand more") CHECK("y", "passing", ""));
	for (int i = 0; i < 40; i++)
		strcat(many, CHECK("z", "passing", ""));
	add("b", LOCAL, "");
	parse_added(&none);
	ck_assert_str_eq(set.items[0].checks,
			 "[{\"id\":\"serfHealth\",\"name\":\"Serf Health Status\",\"status\":"
			 "\"passing\",\"output\":\"Agent alive and reachable\"},"
			 "{\"id\":\"x\",\"name\":\"check x\",\"status\":\"warning\","
			 "\"output\":\"hot\"},{\"id\":\"y\",\"name\":\"check y\",\"status\":"
			 "\"passing\",\"output\":\"\"}]");
	/* Not more of them than anybody would read. */
	add("c", LOCAL, many);
	parse_added(&none);
	json_t *list = json_loads(set.items[0].checks, 0, NULL);
	ck_assert_uint_eq(json_array_size(list), 16);
	json_decref(list);
}
END_TEST

START_TEST(reads_a_thousand)
{
	for (int i = 0; i < 1000; i++) {
		char id[16], service[64];

		snprintf(id, sizeof(id), "w%d", i);
		snprintf(service, sizeof(service), AT("10.0.%d.%d", "80"), i / 250, i % 250 + 1);
		add(id, service, CHECK("x", "passing", ""));
	}
	ck_assert_int_eq(parse_added(&none), 0);
	ck_assert_uint_eq(set.count, 1000);
	ck_assert_ptr_nonnull(instance_set_find(&set, "vm/w999"));
	ck_assert_ptr_null(instance_set_find(&set, "vm/w1000"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("health");
	TCase *tc = tcase_create("health");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, reads_an_instance);
	tcase_add_test(tc, empty_is_no_error);
	tcase_add_test(tc, refuses_what_is_no_answer);
	tcase_add_test(tc, takes_the_node_address);
	tcase_add_test(tc, judges_addresses);
	tcase_add_test(tc, judges_ports);
	tcase_add_test(tc, judges_weights);
	tcase_add_test(tc, takes_the_worst_check);
	tcase_add_test(tc, an_instance_without_checks_passes);
	tcase_add_test(tc, one_bad_instance_spoils_nothing);
	tcase_add_test(tc, identity_is_node_and_id);
	tcase_add_test(tc, filters_by_tag);
	tcase_add_test(tc, filters_by_metadata);
	tcase_add_test(tc, requires_checks);
	tcase_add_test(tc, cuts_text_between_characters);
	tcase_add_test(tc, shows_each_check);
	tcase_add_test(tc, reads_a_thousand);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
