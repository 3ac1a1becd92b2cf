/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_metrics.c: the figures of the control process, and the sum of all workers'. */
#include <jansson.h>

#include "config.h"
#include "control/admin_pages.h"
#include "plane.h"
#include "said.h"

static char text[512 * 1024];

/* Reads them anew. */
static const char *metrics(void)
{
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	admin_metrics(&plane, &b);
	ck_assert(!b.failed);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_fini(&b);
	return text;
}

/* The line is among them. */
#define ck_line(line)                                                                              \
	ck_assert_msg(strstr(text, "\n" line "\n") != NULL, "no %s in\n%s", line, text)

static bool has(const char *part)
{
	return strstr(text, part) != NULL;
}

START_TEST(before_anything_serves)
{
	plane_open();
	metrics();
	ck_line("gatehouse_build_info{version=\"" PACKAGE_VERSION "\"} 1");
	ck_line("gatehouse_generation 0");
	ck_line("gatehouse_ready 0");
	ck_line("gatehouse_reloads_total{result=\"done\"} 0");
	ck_line("gatehouse_workers{state=\"ready\"} 0");
	ck_line("gatehouse_generations_draining 0");
	ck_line("gatehouse_consul_watches 0");
	/* What is not known is not said to be 0. */
	ck_assert(!has("gatehouse_config_info{"));
	ck_assert(!has("gatehouse_consul_reachable"));
	ck_assert(!has("gatehouse_worker_heartbeat_age_seconds{"));
	plane_close();
}
END_TEST

/* Each family is described once, and its lines stand together. */
START_TEST(families)
{
	const char *line, *type;
	char name[128];

	plane_open();
	plane_write(2, "\"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:1\"]}}, \"routes\": ["
		       "{\"path\": \"/s\", \"plugin\": \"lab_info\","
		       " \"config\": {\"service\": \"s\"}}]");
	plane_serve();
	plane_get("/s");
	metrics();
	for (line = text; (line = strstr(line, "# TYPE ")); line++) {
		char twice[160];

		ck_assert_int_eq(sscanf(line, "# TYPE %127s", name), 1);
		type = line + strlen("# TYPE ") + strlen(name) + 1;
		snprintf(twice, sizeof(twice), "# TYPE %s ", name);
		ck_assert_ptr_null(strstr(line + 1, twice));
		ck_assert(strncmp(type, "counter\n", 8) == 0 || strncmp(type, "gauge\n", 6) == 0 ||
			  strncmp(type, "histogram\n", 10) == 0);
		if (strncmp(type, "counter", 7) == 0)
			ck_assert_str_eq(name + strlen(name) - 6, "_total");
	}
	plane_close();
}
END_TEST

START_TEST(while_it_serves)
{
	char line[128];

	plane_open();
	plane_write(2, "\"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:1\"]}}, \"routes\": ["
		       "{\"path\": \"/s\", \"plugin\": \"lab_info\","
		       " \"config\": {\"service\": \"s\"}}]");
	struct generation *g = plane_serve();
	plane_until(strstr(metrics(), "\ngatehouse_ready 1\n"));
	snprintf(line, sizeof(line), "\ngatehouse_config_info{hash=\"%s\"} 1\n", g->config_hash);
	ck_assert(has(line));
	ck_line("gatehouse_generation 1");
	ck_line("gatehouse_workers{state=\"ready\"} 2");
	ck_line("gatehouse_workers{state=\"waiting\"} 0");
	ck_assert(has("\ngatehouse_worker_heartbeat_age_seconds{worker=\"1\"} "));
	ck_assert(has("\ngatehouse_worker_resident_memory_bytes{worker=\"0\"} "));
	ck_assert(!has("gatehouse_worker_resident_memory_bytes{worker=\"0\"} 0\n"));
	ck_assert(!has("gatehouse_control_resident_memory_bytes 0\n"));
	ck_line("gatehouse_service_endpoints{service=\"s\",state=\"usable\"} 1");
	ck_line("gatehouse_service_endpoints{service=\"s\",state=\"unusable\"} 0");
	ck_line("gatehouse_ejections_total{service=\"s\",cause=\"refused\"} 0");
	plane_get("/s");
	plane_until(strstr(metrics(), "gatehouse_ejections_total{service=\"s\",cause=\"refused\"} "
				      "1\n"));
	ck_line("gatehouse_endpoints_out{service=\"s\",why=\"refused\"} 1");
	ck_line("gatehouse_checks_total{service=\"s\",result=\"passed\"} 0");
	plane_close();
}
END_TEST

START_TEST(consul)
{
	plane_open();
	plane_write(1, "\"discovery\": {\"consul\": {\"address\": \"127.0.0.1:1\"}}, \"routes\": ["
		       "{\"path\": \"/s\", \"plugin\": \"lab_info\","
		       " \"config\": {\"service\": \"web\"}}]");
	plane_serve();
	said_begin();
	plane_until(!strstr(metrics(), "gatehouse_consul_answers_total{result=\"unreachable\"} 0"));
	ck_line("gatehouse_consul_watches 1");
	ck_line("gatehouse_consul_reachable 0");
	ck_line("gatehouse_consul_answers_total{result=\"2xx\"} 0");
	ck_line("gatehouse_ready 0");
	/* Nothing was confirmed. */
	ck_assert(!has("gatehouse_service_confirmed_age_seconds{"));
	plane_close();
}
END_TEST

/* Another file of the same name is the same plugin to whoever reads figures. */
START_TEST(crashes_of_plugins)
{
	struct quarantine_rule rule = { 2, UINT64_MAX };
	const char *first;

	plane_open();
	quarantine_crash(&plane.quarantine, "a", "1", &rule, 1, 1);
	quarantine_crash(&plane.quarantine, "b", "1", &rule, 2, 2);
	quarantine_crash(&plane.quarantine, "a", "2", &rule, 3, 3);
	quarantine_crash(&plane.quarantine, "a", "2", &rule, 4, 4);
	metrics();
	ck_line("gatehouse_plugin_crashes_total{plugin=\"a\"} 3");
	ck_line("gatehouse_plugin_crashes_total{plugin=\"b\"} 1");
	ck_line("gatehouse_plugin_quarantined{plugin=\"a\"} 1");
	ck_line("gatehouse_plugin_quarantined{plugin=\"b\"} 0");
	first = strstr(text, "gatehouse_plugin_crashes_total{plugin=\"a\"}");
	ck_assert_ptr_null(strstr(first + 1, "gatehouse_plugin_crashes_total{plugin=\"a\"}"));
	plane_close();
}
END_TEST

static uint64_t requests(void)
{
	struct total t;

	control_total(&plane, &t);
	uint64_t n = t.header.requests;
	total_fini(&t);
	return n;
}

/* No counter goes back when a worker or a generation ends. */
START_TEST(nothing_is_lost)
{
	plane_open();
	plane_write(2, PLANE_FAULTS);
	struct generation *g = plane_serve();
	said_begin();
	for (int i = 0; i < 3; i++)
		plane_get("/faults/no");
	ck_assert_uint_eq(requests(), 3);
	for (uint32_t i = 0; i < 2; i++)
		kill(proc_pid(g->slots[i].proc), SIGKILL);
	plane_until(g->slots[0].restarts + g->slots[1].restarts == 2);
	plane_until(generation_ready_count(g) == 2);
	ck_assert_uint_eq(requests(), 3);
	metrics();
	ck_line("gatehouse_worker_restarts_total 2");
	reload_ask(plane.reload, &(struct reload_request){ .who = "test" });
	plane_until(plane.reloads == 1 && plane.generations.next == plane.generations.prev);
	plane_get("/faults/no");
	ck_assert_uint_eq(requests(), 4);
	metrics();
	ck_line("gatehouse_worker_restarts_total 2");
	ck_line("gatehouse_reloads_total{result=\"done\"} 1");
	ck_line("gatehouse_generation 2");
	plane_close();
}
END_TEST

PLANE_SUITE("admin_metrics", before_anything_serves, families, while_it_serves, consul,
	    crashes_of_plugins, nothing_is_lost)
