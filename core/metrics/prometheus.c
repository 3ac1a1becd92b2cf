/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/prometheus.h"

#include <stddef.h>
#include <stdio.h>

/* ---- the format ---- */

/* Bytes of the UTF-8 sequence at p, 0 when it is none. */
static size_t prometheus_utf8(const unsigned char *p, size_t n)
{
	size_t size = p[0] < 0x80                 ? 1 :
		      p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
		      p[0] >= 0xe0 && p[0] < 0xf0 ? 3 :
		      p[0] >= 0xf0 && p[0] < 0xf5 ? 4 :
						    0;

	if (size == 0 || size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

static void prometheus_escape(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t size = prometheus_utf8((const unsigned char *)s.p + i, s.n - i);

		if (size == 0)
			buf_char(b, '?');
		else if (s.p[i] == '\\')
			buf_lit(b, "\\\\");
		else if (s.p[i] == '"')
			buf_lit(b, "\\\"");
		else if (s.p[i] == '\n')
			buf_lit(b, "\\n");
		else
			buf_append(b, s.p + i, size);
		i += size ? size : 1;
	}
}

/* A line break would end the comment, and a backslash begin an escape. */
static void prometheus_help(struct buf *b, const char *help)
{
	for (; *help; help++) {
		if (*help == '\n')
			buf_lit(b, "\\n");
		else if (*help == '\\')
			buf_lit(b, "\\\\");
		else
			buf_char(b, *help);
	}
}

void prometheus_family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s ", name);
	prometheus_help(b, help);
	buf_printf(b, "\n# TYPE %s %s\n", name, type);
}

/* Name and labels, and the space in front of the value. */
static void prometheus_start(struct buf *b, const char *name, const struct prometheus_label *l)
{
	char before = '{';

	buf_str_append(b, str_from(name));
	for (; l && l->name; l++, before = ',') {
		buf_char(b, before);
		buf_str_append(b, str_from(l->name));
		buf_lit(b, "=\"");
		prometheus_escape(b, l->value);
		buf_char(b, '"');
	}
	if (before == ',')
		buf_char(b, '}');
	buf_char(b, ' ');
}

void prometheus_u64(struct buf *b, const char *name, const struct prometheus_label *labels,
		    uint64_t value)
{
	prometheus_start(b, name, labels);
	buf_u64(b, value);
	buf_char(b, '\n');
}

void prometheus_i64(struct buf *b, const char *name, const struct prometheus_label *labels,
		    int64_t value)
{
	prometheus_start(b, name, labels);
	buf_i64(b, value);
	buf_char(b, '\n');
}

void prometheus_seconds(struct buf *b, const char *name, const struct prometheus_label *labels,
			double value)
{
	prometheus_start(b, name, labels);
	buf_printf(b, "%.6f\n", value);
}

void prometheus_counter(struct buf *b, const char *name, const char *help, uint64_t value)
{
	prometheus_family(b, name, "counter", help);
	prometheus_u64(b, name, NULL, value);
}

void prometheus_gauge(struct buf *b, const char *name, const char *help, int64_t value)
{
	prometheus_family(b, name, "gauge", help);
	prometheus_i64(b, name, NULL, value);
}

/* The series of one histogram: buckets are cumulative in the format. */
static void prometheus_histogram(struct buf *b, const char *name, const char *label,
				 struct str value, const struct slab_histogram *h)
{
	char series[96], bound[24];
	uint64_t count = 0;

	snprintf(series, sizeof(series), "%s_bucket", name);
	for (int i = 0; i < SLAB_BUCKETS; i++) {
		if (i < SLAB_BUCKETS - 1)
			snprintf(bound, sizeof(bound), "%g", (double)slab_bucket_us[i] / 1e6);
		else
			snprintf(bound, sizeof(bound), "+Inf");
		count += h->bucket[i];
		prometheus_u64(b, series,
			       PROMETHEUS_LABELS({ label, value }, { "le", str_from(bound) }),
			       count);
	}
	snprintf(series, sizeof(series), "%s_sum", name);
	prometheus_seconds(b, series, PROMETHEUS_LABELS({ label, value }), (double)h->sum_us / 1e6);
	snprintf(series, sizeof(series), "%s_count", name);
	prometheus_u64(b, series, PROMETHEUS_LABELS({ label, value }), count);
}

/* ---- the workers' figures ---- */

/* One counter that is a member of a structure. */
struct prometheus_member {
	const char *name, *help;
	size_t offset;
};

static uint64_t prometheus_member_get(const void *base, const struct prometheus_member *m)
{
	uint64_t value;

	memcpy(&value, (const char *)base + m->offset, sizeof(value));
	return value;
}

static const char *const prometheus_classes[SLAB_STATUS_CLASSES] = { "none", "1xx", "2xx",
								     "3xx",  "4xx", "5xx" };

#define HEADER_MEMBER(member, name, help)                                                          \
	{                                                                                          \
		name, help, offsetof(struct slab_header, member)                                   \
	}

static const struct prometheus_member prometheus_counters[] = {
	HEADER_MEMBER(requests, "gatehouse_requests_received_total", "Requests that were begun."),
	HEADER_MEMBER(connections_accepted, "gatehouse_connections_accepted_total",
		      "Connections of clients that were accepted."),
	HEADER_MEMBER(connections_shed, "gatehouse_connections_shed_total",
		      "Connections of clients that were closed at once, a limit being reached."),
	HEADER_MEMBER(bytes_received, "gatehouse_received_bytes_total",
		      "Bytes received from clients, heads included."),
	HEADER_MEMBER(bytes_sent, "gatehouse_sent_bytes_total",
		      "Bytes sent to clients, heads included."),
	HEADER_MEMBER(access_log_dropped, "gatehouse_access_log_dropped_total",
		      "Lines of the access log that were lost, as it could not be written."),
	HEADER_MEMBER(interim, "gatehouse_interim_responses_total",
		      "Interim (1xx) responses relayed."),
	HEADER_MEMBER(tunnels, "gatehouse_tunnels_total", "Upgraded connections."),
};

static const struct prometheus_member prometheus_gauges[] = {
	HEADER_MEMBER(connections_open, "gatehouse_connections",
		      "Connections of clients, open now."),
	HEADER_MEMBER(connections_idle, "gatehouse_connections_idle",
		      "Connections of clients that are open and without a request."),
	HEADER_MEMBER(requests_active, "gatehouse_requests_active", "Requests in hand now."),
	HEADER_MEMBER(buffers_bytes, "gatehouse_buffers_bytes", "Bytes held in buffers now."),
	HEADER_MEMBER(tunnels_open, "gatehouse_tunnels", "Upgraded connections, open now."),
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void prometheus_header(struct buf *b, const struct slab_header *h)
{
	for (size_t i = 0; i < COUNT_OF(prometheus_counters); i++)
		prometheus_counter(b, prometheus_counters[i].name, prometheus_counters[i].help,
				   prometheus_member_get(h, &prometheus_counters[i]));
	for (size_t i = 0; i < COUNT_OF(prometheus_gauges); i++)
		prometheus_gauge(b, prometheus_gauges[i].name, prometheus_gauges[i].help,
				 (int64_t)prometheus_member_get(h, &prometheus_gauges[i]));
	const char *name = "gatehouse_requests_ended_total";
	prometheus_family(b, name, "counter", "Requests by how they ended.");
	for (int i = 0; i < END_REASON_COUNT; i++)
		prometheus_u64(b, name,
			       PROMETHEUS_LABELS({ "reason", str_from(end_reason_table[i].word) }),
			       h->ended[i]);
}

static bool prometheus_route_shown(const struct total *t, const struct slab_route *r)
{
	uint64_t n = 0;

	for (int i = 0; i < SLAB_STATUS_CLASSES; i++)
		n += r->requests[i];
	return n > 0 || t->route_count <= PROMETHEUS_ROUTES;
}

static void prometheus_routes(struct buf *b, const struct total *t)
{
	static const struct prometheus_member members[] = {
		{ "gatehouse_request_body_bytes_total", "Bytes of request bodies.",
		  offsetof(struct slab_route, bytes_in) },
		{ "gatehouse_response_body_bytes_total", "Bytes of response bodies.",
		  offsetof(struct slab_route, bytes_out) },
	};
	const char *name = "gatehouse_requests_total";

	prometheus_family(b, name, "counter", "Requests by route and class of status.");
	for (size_t i = 0; i < t->route_count; i++)
		for (int k = 0; k < SLAB_STATUS_CLASSES; k++)
			if (prometheus_route_shown(t, t->routes[i]))
				prometheus_u64(b, name,
					       PROMETHEUS_LABELS(
						       { "route", str_from(t->routes[i]->name) },
						       { "code", str_from(prometheus_classes[k]) }),
					       t->routes[i]->requests[k]);
	for (size_t m = 0; m < COUNT_OF(members); m++) {
		prometheus_family(b, members[m].name, "counter", members[m].help);
		for (size_t i = 0; i < t->route_count; i++)
			if (prometheus_route_shown(t, t->routes[i]))
				prometheus_u64(b, members[m].name,
					       PROMETHEUS_LABELS(
						       { "route", str_from(t->routes[i]->name) }),
					       prometheus_member_get(t->routes[i], &members[m]));
	}
	name = "gatehouse_request_duration_seconds";
	prometheus_family(b, name, "histogram",
			  "Time from the first byte of a request to the last of its answer.");
	for (size_t i = 0; i < t->route_count; i++)
		if (prometheus_route_shown(t, t->routes[i]))
			prometheus_histogram(b, name, "route", str_from(t->routes[i]->name),
					     &t->routes[i]->duration);
}

static void prometheus_service_failures(struct buf *b, const struct total *t)
{
	const char *name = "gatehouse_upstream_failures_total";

	prometheus_family(b, name, "counter",
			  "Tries that failed, by service and reason; only those that happened.");
	for (size_t i = 0; i < t->service_count; i++)
		for (int k = 0; k < END_REASON_COUNT; k++)
			if (t->services[i]->failures[k])
				prometheus_u64(
					b, name,
					PROMETHEUS_LABELS(
						{ "service", str_from(t->services[i]->name) },
						{ "reason", str_from(end_reason_table[k].word) }),
					t->services[i]->failures[k]);
}

#define SERVICE_MEMBER(member, name, help)                                                         \
	{                                                                                          \
		name, help, offsetof(struct slab_service, member)                                  \
	}

/* Those from SERVICE_GAUGES on are gauges. */
enum { SERVICE_GAUGES = 11 };
static const struct prometheus_member prometheus_service_members[] = {
	SERVICE_MEMBER(retries, "gatehouse_upstream_retries_total", "Further tries of a request."),
	SERVICE_MEMBER(retries_refused, "gatehouse_upstream_retries_refused_total",
		       "Retries that the retry budget did not allow."),
	SERVICE_MEMBER(hedges, "gatehouse_upstream_hedges_total",
		       "Second tries of requests whose first one was slow to answer."),
	SERVICE_MEMBER(hedges_won, "gatehouse_upstream_hedges_won_total",
		       "Of these, those that answered first."),
	SERVICE_MEMBER(failovers, "gatehouse_upstream_failovers_total",
		       "Requests that another service took, as this one had no endpoint."),
	SERVICE_MEMBER(queued, "gatehouse_upstream_queued_total",
		       "Requests that waited for a place at the service."),
	SERVICE_MEMBER(overloaded, "gatehouse_upstream_overloaded_total",
		       "Requests refused, as the service and its queue were full."),
	SERVICE_MEMBER(queue_timeouts, "gatehouse_upstream_queue_timeouts_total",
		       "Requests refused, as they had waited too long for a place."),
	SERVICE_MEMBER(broken, "gatehouse_upstream_breaker_refused_total",
		       "Requests refused, as the service's breaker was open."),
	SERVICE_MEMBER(connects, "gatehouse_upstream_connects_total",
		       "Connections to the service that were opened."),
	SERVICE_MEMBER(reused, "gatehouse_upstream_reused_total",
		       "Requests sent on a connection that was kept."),
	SERVICE_MEMBER(connections, "gatehouse_upstream_connections",
		       "Connections to the service, open now."),
	SERVICE_MEMBER(idle, "gatehouse_upstream_connections_idle",
		       "Connections to the service that are kept and not used now."),
	SERVICE_MEMBER(pending, "gatehouse_upstream_pending",
		       "Requests that wait for a place at the service now."),
};

static void prometheus_services(struct buf *b, const struct total *t)
{
	const char *name = "gatehouse_upstream_requests_total";

	prometheus_family(b, name, "counter", "Answers of the service, by class of status.");
	for (size_t i = 0; i < t->service_count; i++)
		for (int k = 1; k < SLAB_STATUS_CLASSES; k++)
			prometheus_u64(
				b, name,
				PROMETHEUS_LABELS({ "service", str_from(t->services[i]->name) },
						  { "code", str_from(prometheus_classes[k]) }),
				t->services[i]->requests[k]);
	prometheus_service_failures(b, t);
	for (size_t m = 0; m < COUNT_OF(prometheus_service_members); m++) {
		const struct prometheus_member *member = &prometheus_service_members[m];

		prometheus_family(b, member->name, m < SERVICE_GAUGES ? "counter" : "gauge",
				  member->help);
		for (size_t i = 0; i < t->service_count; i++)
			prometheus_i64(
				b, member->name,
				PROMETHEUS_LABELS({ "service", str_from(t->services[i]->name) }),
				(int64_t)prometheus_member_get(t->services[i], member));
	}
	name = "gatehouse_upstream_duration_seconds";
	prometheus_family(b, name, "histogram",
			  "Time from a request sent to a service to the head of its answer.");
	for (size_t i = 0; i < t->service_count; i++)
		prometheus_histogram(b, name, "service", str_from(t->services[i]->name),
				     &t->services[i]->duration);
}

/* Letters, digits and "_": the name is a plugin's, and came through a worker's memory. */
static bool prometheus_name_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_')
			return false;
	}
	return s.n > 0;
}

/* Plugins may share a name: they are series of one family. */
static void prometheus_plugin_family(struct buf *b, const struct total *t, size_t first)
{
	char name[128];
	struct str own = str_from(t->plugin_metrics[first]->name);

	if (!prometheus_name_valid(own))
		return;
	for (size_t i = 0; i < first; i++)
		if (str_eq(str_from(t->plugin_metrics[i]->name), own))
			return;
	snprintf(name, sizeof(name), "gatehouse_plugin_%.*s_total", STR_ARGS(own));
	prometheus_family(b, name, "counter", t->plugin_metrics[first]->help);
	for (size_t i = first; i < t->plugin_metric_count; i++)
		if (str_eq(str_from(t->plugin_metrics[i]->name), own))
			prometheus_u64(
				b, name,
				PROMETHEUS_LABELS(
					{ "plugin", str_from(t->plugin_metrics[i]->plugin) }),
				t->plugin_metrics[i]->value);
}

void prometheus_total(struct buf *b, const struct total *t)
{
	prometheus_header(b, &t->header);
	prometheus_routes(b, t);
	prometheus_services(b, t);
	for (size_t i = 0; i < t->plugin_metric_count; i++)
		prometheus_plugin_family(b, t, i);
}
