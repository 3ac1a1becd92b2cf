/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/prometheus.c: the text, byte for byte where it matters. */
#include <stdio.h>
#include <string.h>

#include "metrics/prometheus.h"
#include "suite.h"

static struct buf out;

static void setup(void)
{
	buf_init(&out, 0);
}

static void teardown(void)
{
	buf_fini(&out);
}

static void has(const char *line)
{
	buf_char(&out, '\0');
	out.n--;
	ck_assert_msg(strstr(out.p, line) != NULL, "no %s in\n%s", line, out.p);
}

START_TEST(test_samples)
{
	setup();
	prometheus_family(&out, "a_total", "counter", "What\nit \\ is.");
	prometheus_u64(&out, "a_total", NULL, UINT64_MAX);
	prometheus_i64(&out, "a_total", PROMETHEUS_LABELS({ "x", STR("1") }, { "y", STR("") }), -5);
	prometheus_seconds(&out, "a_total", NULL, 0.25);
	ck_slice(buf_str(&out), "# HELP a_total What\\nit \\\\ is.\n"
				"# TYPE a_total counter\n"
				"a_total 18446744073709551615\n"
				"a_total{x=\"1\",y=\"\"} -5\n"
				"a_total 0.250000\n");
	teardown();
}
END_TEST

START_TEST(test_label_values)
{
	static const struct {
		struct str value;
		const char *text;
	} rows[] = {
		{ { "a\"b", 3 }, "a\\\"b" },
		{ { "a\\b", 3 }, "a\\\\b" },
		{ { "a\nb", 3 }, "a\\nb" },
		{ { "\xc3\xa4", 2 }, "\xc3\xa4" },
		{ { "a\xff"
		    "b",
		    3 },
		  "a?b" },
		{ { "\xc3", 1 }, "?" },
		{ { "\xe2\x82", 2 }, "??" },
		{ { "\xc0\xaf", 2 }, "??" },
		{ { "\xf0\x9f\x98\x80", 4 }, "\xf0\x9f\x98\x80" },
	};
	char want[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup();
		prometheus_u64(&out, "m", PROMETHEUS_LABELS({ "l", rows[i].value }), 1);
		int n = snprintf(want, sizeof(want), "m{l=\"%s\"} 1\n", rows[i].text);
		ck_assert_uint_eq(out.n, (size_t)n);
		ck_assert_mem_eq(out.p, want, out.n);
		teardown();
	}
}
END_TEST

/* A slab with one service, and as many routes as asked for. */
static void fill(struct slab *s, uint32_t routes)
{
	struct error e = { "" };

	ck_assert_int_eq(slab_create(s, 0, 1, routes, 4, &e), 0);
	for (uint32_t i = 0; i < routes; i++)
		snprintf(s->routes[i].name, SLAB_NAME_SIZE, "/r%u", i);
	s->routes[0].requests[2] = 3;
	slab_observe(&s->routes[0].duration, 400);
	slab_observe(&s->routes[0].duration, 700);
	slab_observe(&s->routes[0].duration, 99000000);
	s->header->ended[END_OK] = 3;
	slab_service(s, STR("web"))->failures[END_CONNECT_REFUSED] = 2;
}

static void print(const struct slab *s)
{
	struct total t = { 0 };

	total_add_slab(&t, s, true);
	prometheus_total(&out, &t);
	total_fini(&t);
}

START_TEST(test_total)
{
	struct slab s;

	setup();
	fill(&s, 2);
	print(&s);
	has("gatehouse_requests_total{route=\"/r0\",code=\"2xx\"} 3\n");
	has("gatehouse_requests_total{route=\"/r1\",code=\"5xx\"} 0\n");
	has("gatehouse_request_duration_seconds_bucket{route=\"/r0\",le=\"0.0005\"} 1\n");
	has("gatehouse_request_duration_seconds_bucket{route=\"/r0\",le=\"0.001\"} 2\n");
	has("gatehouse_request_duration_seconds_bucket{route=\"/r0\",le=\"30\"} 2\n");
	has("gatehouse_request_duration_seconds_bucket{route=\"/r0\",le=\"+Inf\"} 3\n");
	has("gatehouse_request_duration_seconds_sum{route=\"/r0\"} 99.001100\n");
	has("gatehouse_request_duration_seconds_count{route=\"/r0\"} 3\n");
	has("gatehouse_requests_ended_total{reason=\"ok\"} 3\n");
	has("gatehouse_requests_ended_total{reason=\"too_many_interim\"} 0\n");
	has("gatehouse_upstream_failures_total{service=\"web\",reason=\"connect_refused\"} 2\n");
	slab_close(&s);
	teardown();
}
END_TEST

START_TEST(test_many_routes)
{
	struct slab s;

	setup();
	fill(&s, PROMETHEUS_ROUTES + 1);
	print(&s);
	has("gatehouse_requests_total{route=\"/r0\",code=\"2xx\"} 3\n");
	ck_assert_ptr_null(strstr(out.p, "\"/r1\""));
	slab_close(&s);
	teardown();
}
END_TEST

START_TEST(test_plugin_metrics)
{
	struct slab s;

	setup();
	fill(&s, 1);
	slab_plugin_metric(&s, "p", "hits", "Hits.");
	slab_plugin_metric(&s, "q", "other", "Other.");
	slab_plugin_metric(&s, "q", "hits", "Hits of q.");
	slab_plugin_metric(&s, "q", "b\nd", "A name that cannot be one.");
	s.plugin_metrics[2].value = 8;
	print(&s);
	has("# HELP gatehouse_plugin_hits_total Hits.\n"
	    "# TYPE gatehouse_plugin_hits_total counter\n"
	    "gatehouse_plugin_hits_total{plugin=\"p\"} 0\n"
	    "gatehouse_plugin_hits_total{plugin=\"q\"} 8\n"
	    "# HELP gatehouse_plugin_other_total Other.\n");
	ck_assert_ptr_null(strstr(out.p, "cannot be one"));
	slab_close(&s);
	teardown();
}
END_TEST

int main(void)
{
	return SUITE("prometheus", test_samples, test_label_values, test_total, test_many_routes,
		     test_plugin_metrics);
}
