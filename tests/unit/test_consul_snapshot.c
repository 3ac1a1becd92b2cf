/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_snapshot.c: a start from a snapshot while Consul is down, whole or broken. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/gateway.h"
#include "discovery/discovery.h"
#include "discovery/snapshot.h"
#include "suite.h"

static char folder[64], path[96];
static uv_loop_t loop;
static struct gateway_config config;
static struct discovery *d;

/* Nobody listens there: port 1 is privileged and unused. */
#define AGENT "http://127.0.0.1:1"

static const char *const whole =
	"{\"format\":\"gatehouse-discovery\",\"version\":1,\"written_ms\":1,\"consul\":{"
	"\"agent\":\"" AGENT "\",\"unix_socket\":\"\",\"services\":[{\"service\":\"web\","
	"\"read_by\":\"\\\"web\\\" - - 0 0: 0:\",\"seen\":true,\"confirmed_ms\":1000,"
	"\"instances\":[{\"id\":\"n/a\",\"host\":\"10.0.0.1\",\"port\":80,\"weight\":2,"
	"\"status\":\"passing\",\"missing\":false,\"why\":\"passing\"},"
	"{\"id\":\"n/b\",\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1,"
	"\"status\":\"critical\",\"missing\":false,\"why\":\"critical: x\"}]}]}}";

static void start(const char *text)
{
	struct error error;

	strcpy(folder, "/tmp/gatehouse-snapshot-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/discovery.json", folder);
	ck_assert_int_eq(snapshot_write(path, text, &error), 0);
	config.snapshot = path;
	config.consul = (struct config_consul){
		.address = AGENT, .wait = 30000, .hold = 15000, .tls_verify = 1
	};
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	d = discovery_new(&loop, &config, NULL, NULL);
	ck_assert_ptr_nonnull(d);
	discovery_restore(d);
	discovery_need(d, "web");
}

static void stop(void)
{
	discovery_close(d, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static const struct registry_service *web(void)
{
	return map_get(&discovery_registry(d)->services, STR("web"));
}

static void run_until_unreachable(void)
{
	struct discovery_stats stats;

	do {
		uv_run(&loop, UV_RUN_ONCE);
		discovery_stats_get(d, &stats);
	} while (stats.unreachable < 1);
}

START_TEST(starts_from_it)
{
	const struct registry_service *s;
	struct discovery_stats stats;
	struct error error;
	json_t *json, *service;
	const char *note = "Consul cannot be reached; restored from the snapshot on disk";

	start(whole);
	run_until_unreachable();
	s = web();
	ck_assert(s->answered && s->restored);
	ck_assert_int_eq(s->state, REGISTRY_LIVE);
	ck_assert_uint_eq(s->endpoint_count, 2);
	ck_assert_str_eq(s->endpoints[0].id, "n/a");
	ck_assert_str_eq(s->endpoints[0].address, "10.0.0.1");
	ck_assert_uint_eq(s->endpoints[0].weight, 2);
	ck_assert(s->endpoints[0].usable && !s->endpoints[1].usable);
	ck_assert_str_eq(s->endpoints[1].why, "critical: x");
	ck_assert_uint_eq(s->confirmed_ms, 1000);
	ck_assert_str_eq(s->note, note);
	discovery_stats_get(d, &stats);
	ck_assert_uint_eq(stats.restored, 1);
	/* And it is kept: what is written says the same again. */
	unlink(path);
	discovery_keep(d, true);
	while (!(json = snapshot_read(path, &error)))
		uv_run(&loop, UV_RUN_ONCE);
	service = json_array_get(json_object_get(json_object_get(json, "consul"), "services"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(service, "instances")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(service, "confirmed_ms")), 1000);
	json_decref(json);
	stop();
}
END_TEST

/* One place of the whole text replaced. */
static char *spoil(const char *from, const char *to)
{
	const char *at = strstr(whole, from);
	char *text = malloc(strlen(whole) + strlen(to) + 1);

	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_nonnull(text);
	sprintf(text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	return text;
}

START_TEST(ignores_what_is_wrong)
{
	static const char *const rows[][2] = {
		{ "gatehouse-discovery", "something" },
		{ "\"version\":1", "\"version\":2" },
		{ AGENT, "http://10.0.0.1:8500" },
		{ "\"unix_socket\":\"\"", "\"unix_socket\":\"/run/x\"" },
		{ "\"services\":[", "\"services\":[7," },
		{ "\"10.0.0.2\"", "\"no such host\"" },
		{ "\"10.0.0.2\"", "7" },
		{ "\"port\":80", "\"port\":70000" },
		{ "\"port\":80", "\"port\":0" },
		{ "\"weight\":1", "\"weight\":-1" },
		{ "\"critical\"", "\"fine\"" },
		{ "\"n/b\"", "\"\"" },
		{ "\"instances\":[", "\"things\":[" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = spoil(rows[i][0], rows[i][1]);

		start(text);
		run_until_unreachable();
		ck_assert_msg(!web()->answered && web()->endpoint_count == 0, "row %zu", i);
		stop();
		free(text);
	}
}
END_TEST

/* What is read by other rules is another service. */
START_TEST(other_settings_are_not_restored)
{
	char *text = spoil("- - 0 0:", "- - 0 1: \\\"blue\\\"");

	start(text);
	run_until_unreachable();
	ck_assert(!web()->answered);
	stop();
	free(text);
}
END_TEST

START_TEST(nothing_known_is_not_written)
{
	struct stat st;

	start("{}");
	unlink(path);
	discovery_keep(d, true);
	run_until_unreachable();
	stop();
	ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

int main(void)
{
	return SUITE("consul_snapshot", starts_from_it, ignores_what_is_wrong,
		     other_settings_are_not_restored, nothing_known_is_not_written);
}
