/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_tables.h"

/* A row whose member is not called as the field is. */
#define ROW(T, member, field, type, k, d, h)                                                       \
	.name = (member), .help = (h), .def = (d), .kind = (k), .offset = GH_OFFSET_(T, field, type)
#define SUB(rows_) .sub = (rows_), .sub_count = sizeof(rows_) / sizeof((rows_)[0])
#define NAMED(T, member, field, d, h)                                                              \
	{                                                                                          \
		ROW(T, member, field, const char *, GH_OPT_STRING, d, h)                           \
	}
#define SECRET(T, member, field, d, h)                                                             \
	{                                                                                          \
		ROW(T, member, field, const char *, GH_OPT_STRING, d, h), .flags = GH_OPT_SECRET   \
	}
#define TIME(T, field, d, lo, hi, h)                                                               \
	{                                                                                          \
		GH_ROW_(T, field, uint64_t, GH_OPT_DURATION, d, h), .min = (lo), .max = (hi)       \
	}
#define SIZE(T, field, d, lo, hi, h)                                                               \
	{                                                                                          \
		GH_ROW_(T, field, uint64_t, GH_OPT_SIZE, d, h), .min = (lo), .max = (hi)           \
	}

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

static const struct gh_option meta_rows[] = {
	GH_STRING(struct raw_header, value, NULL, "The value."),
};

static const struct gh_option register_rows[] = {
	GH_STRING(struct raw_register, name, NULL,
		  "Name of the service; the gateway registers itself when it is there."),
	GH_STRING(struct raw_register, id, NULL,
		  "ID of this instance, unique on its agent; the name and the port when absent."),
	GH_STRING(struct raw_register, address, NULL,
		  "Address that others reach it at; the agent's when absent."),
	GH_INT(struct raw_register, port, "0", 0, 65535,
	       "Port that others reach it at; 0: that of the first address in listen."),
	{ GH_ROW_(struct raw_register, tags, struct gh_strings, GH_OPT_STRINGS, NULL, "Its tags."),
	  .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_register, meta, struct gh_list, GH_OPT_MAP, NULL, "Its metadata."),
	  SUB(meta_rows), .item_size = sizeof(struct raw_header), .flags = OPTION_SHORTHAND },
	TIME(struct raw_register, linger, "5s", 0, HOUR,
	     "After SIGTERM it is taken out of Consul, and serves for so long before it drains."),
};

static const struct gh_option consul_routes_rows[] = {
	{ GH_ROW_(struct raw_consul_routes, paths, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "What services may ask for, and what turns it on: \"/status\" alone, \"/api/*\" "
		  "all below, \"/*\" everything."),
	  .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_consul_routes, hosts, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Hosts that they may ask for: \"api.example.com\", \"*.example.com\", or \"*\" "
		  "for any host and routes without one; \"*\" when absent."),
	  .flags = OPTION_SHORTHAND },
	GH_STRING(struct raw_consul_routes, tag_prefix, "urlprefix-",
		  "Tags that begin with it are routes, written as for fabio; \"\": no tag is."),
	GH_INT(struct raw_consul_routes, max, "100", 1, 1000, "Routes, of all services."),
	TIME(struct raw_consul_routes, interval, "10s", SECOND, HOUR,
	     "Between two generations of workers for changed routes; it doubles while they go on "
	     "changing, up to 5 minutes."),
	{ GH_ROW_(struct raw_consul_routes, keep, uint64_t, GH_OPT_DURATION, "unlimited",
		  "How long a route answers 503 when its service has no instance left."),
	  .choices = "unlimited", .min = 1, .max = 720 * HOUR, .flags = OPTION_WORD },
};

static const struct gh_option consul_rows[] = {
	NAMED(struct raw_consul, "address", settings.address, "${CONSUL_HTTP_ADDR:-127.0.0.1:8500}",
	      "The agent: host:port, http://, https:// or unix:///path."),
	{ ROW(struct raw_consul, "tls", tls, int, GH_OPT_BOOL, "${CONSUL_HTTP_SSL:-false}",
	      "Speak https to an address that names no scheme.") },
	SECRET(struct raw_consul, "token", settings.token, "${CONSUL_HTTP_TOKEN:-}",
	       "ACL token, sent in the header X-Consul-Token."),
	NAMED(struct raw_consul, "token_file", settings.token_file, "${CONSUL_HTTP_TOKEN_FILE:-}",
	      "File that holds the token; it wins over token and is read again after a refusal."),
	NAMED(struct raw_consul, "datacenter", settings.datacenter, NULL,
	      "Data centre to ask for; the agent's own when absent."),
	NAMED(struct raw_consul, "namespace", settings.ns, "${CONSUL_NAMESPACE:-}",
	      "Namespace (Consul Enterprise only)."),
	NAMED(struct raw_consul, "ca_file", settings.ca_file, "${CONSUL_CACERT:-}",
	      "Certificates (PEM) that the agent's certificate must come from."),
	NAMED(struct raw_consul, "ca_path", settings.ca_path, "${CONSUL_CAPATH:-}",
	      "Directory of such certificates."),
	NAMED(struct raw_consul, "client_cert", settings.client_cert, "${CONSUL_CLIENT_CERT:-}",
	      "Certificate (PEM) that gatehouse shows; it takes client_key too."),
	NAMED(struct raw_consul, "client_key", settings.client_key, "${CONSUL_CLIENT_KEY:-}",
	      "Key (PEM) of client_cert."),
	NAMED(struct raw_consul, "tls_server_name", settings.tls_server_name,
	      "${CONSUL_TLS_SERVER_NAME:-}", "Name that the agent's certificate must carry."),
	SECRET(struct raw_consul, "http_auth", settings.http_auth, "${CONSUL_HTTP_AUTH:-}",
	       "user:password for HTTP basic authentication."),
	{ ROW(struct raw_consul, "tls_verify", settings.tls_verify, int, GH_OPT_BOOL,
	      "${CONSUL_HTTP_SSL_VERIFY:-true}", "Verify the agent's certificate.") },
	{ ROW(struct raw_consul, "consistency", settings.consistency, int, GH_OPT_ENUM, "stale",
	      "Which servers may answer; stale keeps answering without a leader."),
	  .choices = "stale|default|consistent" },
	{ ROW(struct raw_consul, "wait", settings.wait, uint64_t, GH_OPT_DURATION, "30s",
	      "How long one blocking query waits; also how old an answer can be after a restore."),
	  .min = SECOND, .max = 600 * SECOND },
	{ ROW(struct raw_consul, "hold", settings.hold, uint64_t, GH_OPT_DURATION, "15s",
	      "How long a big loss of endpoints is held back before it is believed."),
	  .max = HOUR },
	{ .name = "register",
	  .help = "The gateway itself as a service in Consul, with a check that it keeps alive.",
	  .kind = GH_OPT_OBJECT,
	  .offset = offsetof(struct raw_consul, self),
	  SUB(register_rows) },
	GH_OBJECT(struct raw_consul, routes, consul_routes_rows,
		  "Routes that services ask for by metadata (gatehouse-path) or tags; off unless "
		  "paths says which they may have."),
};

static const struct gh_option dns_rows[] = {
	{ GH_ROW_(struct raw_dns, servers, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Servers to ask, in this order, as \"127.0.0.1:8600\" or \"[::1]:53\"; those of "
		  "/etc/resolv.conf when absent."),
	  .flags = OPTION_SHORTHAND },
	GH_ENUM(struct raw_dns, transport, "tcp|udp", "tcp",
		"How they are asked: over UDP, Consul leaves instances out without saying so."),
	TIME(struct raw_dns, timeout, "2s", 100, 60 * SECOND,
	     "For one server to answer; each is asked twice."),
	{ GH_ROW_(struct raw_dns, hold, uint64_t, GH_OPT_DURATION, "15s",
		  "How long a big loss of endpoints is held back before it is believed; unlimited: "
		  "what was known last is given up for nothing less than new ones."),
	  .choices = "unlimited", .min = 1, .max = HOUR, .flags = OPTION_WORD },
	TIME(struct raw_dns, min_ttl, "5s", 100, HOUR,
	     "Answers with a smaller TTL are kept for so long all the same."),
};

static const struct gh_option discovery_rows[] = {
	GH_OBJECT(struct raw_discovery, consul, consul_rows, "How the Consul agent is reached."),
	GH_OBJECT(struct raw_discovery, dns, dns_rows, "How DNS is asked."),
	GH_STRING(struct raw_discovery, snapshot, "off",
		  "File that keeps what Consul and DNS last said, for a start while they are down; "
		  "\"off\": none."),
};

static const struct gh_option timeout_rows[] = {
	TIME(struct config_timeouts, header, "10s", 1, 24 * HOUR,
	     "From the first byte of a request to the end of its head."),
	TIME(struct config_timeouts, body, "30s", 1, 24 * HOUR,
	     "Between two reads of a request's body."),
	TIME(struct config_timeouts, idle, "75s", 1, 24 * HOUR,
	     "A client's connection without a request."),
	TIME(struct config_timeouts, write, "30s", 1, 24 * HOUR,
	     "The client takes no byte of the answer."),
	TIME(struct config_timeouts, connect, "1s", 1, 24 * HOUR, "Connecting to an endpoint."),
	TIME(struct config_timeouts, response, "15s", 1, 24 * HOUR,
	     "From the request sent to the head of the response."),
	TIME(struct config_timeouts, stall, "30s", 1, 24 * HOUR,
	     "Between two reads of a response's body."),
	TIME(struct config_timeouts, request, "0s", 0, 24 * HOUR,
	     "All of one request, retries included; 0s: no limit."),
	TIME(struct config_timeouts, upstream_idle, "30s", 1, 24 * HOUR,
	     "A kept connection to an endpoint."),
	TIME(struct config_timeouts, tunnel, "1h", 1, 168 * HOUR,
	     "An upgraded connection without a byte either way."),
	TIME(struct config_timeouts, drain, "30s", 0, 24 * HOUR,
	     "After SIGTERM or a reload, what is left is closed after this."),
	TIME(struct config_timeouts, drain_tunnel, "1h", 0, 168 * HOUR,
	     "After a reload, upgraded connections that are left are closed after this; after "
	     "SIGTERM they are closed as all others."),
};

static const struct gh_option ejection_rows[] = {
	{ GH_ROW_(struct config_ejection, consecutive, int64_t, GH_OPT_INT, "5",
		  "Gateway errors in a row, over all workers, that eject an endpoint."),
	  .choices = "off", .min = 1, .max = 1000000, .flags = OPTION_WORD },
	{ GH_ROW_(struct config_ejection, success_gap, double, GH_OPT_NUMBER, "0.3",
		  "Ejects an endpoint whose share of successes is so much below that of the "
		  "others; 0: off."),
	  .max = 1 },
	GH_INT(struct config_ejection, requests, "50", 1, 1000000,
	       "Requests that an endpoint, and the others together, must have had in an "
	       "interval for success_gap to judge."),
	TIME(struct config_ejection, interval, "10s", 100, HOUR,
	     "Over which successes are counted for success_gap."),
	TIME(struct config_ejection, time, "30s", 100, 24 * HOUR,
	     "How long the first ejection lasts; the next ones last twice, three times as long."),
	TIME(struct config_ejection, time_max, "5m", 100, 24 * HOUR,
	     "The longest that an ejection lasts."),
	{ GH_ROW_(struct config_ejection, max_ejected, double, GH_OPT_NUMBER, "0.3",
		  "Share of a service's endpoints that may be ejected at once; one may be, "
		  "unless this is 0, and never the last."),
	  .max = 1 },
	GH_BOOL(struct config_ejection, refused, "true",
		"Leave an endpoint that refuses a connection out at once, until it accepts one."),
};

static const struct gh_option check_rows[] = {
	GH_ENUM(struct raw_check, type, "off|http|tcp", "off",
		"http asks for path; tcp only connects."),
	GH_STRING(struct raw_check, path, "/", "What an http check asks for."),
	GH_STRING(struct raw_check, host, NULL,
		  "Host that it names; the endpoint's address when absent."),
	GH_STRING(struct raw_check, status, "200-399",
		  "Status that passes: one, or the first and the last with \"-\" between."),
	TIME(struct raw_check, interval, "5s", 100, 24 * HOUR,
	     "From the end of a check to the next."),
	GH_INT(struct raw_check, jitter, "10", 0, 50,
	       "Per cent by which intervals differ, so that checks do not come in step."),
	TIME(struct raw_check, timeout, "2s", 10, HOUR, "After which a check has failed."),
	GH_INT(struct raw_check, healthy, "2", 1, 1000,
	       "Checks in a row that must pass until an endpoint is used again."),
	GH_INT(struct raw_check, unhealthy, "3", 1, 1000,
	       "Checks in a row that must fail until it is left out.  The first check of an "
	       "endpoint is believed at once."),
};

#define EJECTION_HELP "When endpoints are left out for what requests to them came to"
#define CHECK_HELP    "How the control process checks each endpoint by itself"

static const struct gh_option defaults_rows[] = {
	GH_OBJECT(struct raw_defaults, timeout, timeout_rows,
		  "Time limits of every request; services and routes narrow some."),
	GH_OBJECT(struct raw_defaults, ejection, ejection_rows,
		  EJECTION_HELP "; a service that has this object takes nothing from here."),
	GH_OBJECT(struct raw_defaults, check, check_rows,
		  CHECK_HELP "; a service that has this object takes nothing from here."),
};

static const struct gh_option limits_rows[] = {
	SIZE(struct config_limits, head, "16KiB", KIB, 256 * KIB, "A request's head; over it 431."),
	SIZE(struct config_limits, response_head, "32KiB", KIB, 256 * KIB,
	     "A response's head; over it 502."),
	GH_INT(struct config_limits, headers, "100", 1, 1000,
	       "Header lines of a request or response."),
	SIZE(struct config_limits, uri, "8KiB", 64, 64 * KIB, "A request's target; over it 414."),
	{ GH_ROW_(struct config_limits, body, uint64_t, GH_OPT_SIZE, "unlimited",
		  "A request's body; over it 413.  Bodies are streamed: a large one costs no "
		  "memory."),
	  .choices = "unlimited", .flags = OPTION_WORD },
	SIZE(struct config_limits, chunk_extension, "4KiB", 0, MIB,
	     "Chunk extensions of one body, in all."),
	{ GH_ROW_(struct config_limits, body_rate_min, uint64_t, GH_OPT_SIZE, "100",
		  "Bytes a second, on average, that a request's body must bring."),
	  .choices = "off", .flags = OPTION_WORD },
	TIME(struct config_limits, body_rate_grace, "10s", 0, HOUR,
	     "How long after the head body_rate_min begins to count."),
	{ GH_ROW_(struct config_limits, requests_per_connection, int64_t, GH_OPT_INT, "unlimited",
		  "Requests that one client's connection may bring."),
	  .choices = "unlimited", .min = 1, .max = INT64_C(1000000000), .flags = OPTION_WORD },
	GH_INT(struct config_limits, connections, "50000", 1, 1000000,
	       "Clients' connections of one worker."),
	{ GH_ROW_(struct config_limits, connections_per_client, int64_t, GH_OPT_INT, "off",
		  "Connections of one client's address to one worker.  Off by default: behind a "
		  "load balancer or a shared address all clients look like one."),
	  .choices = "off", .min = 1, .max = 1000000, .flags = OPTION_WORD },
	SIZE(struct config_limits, memory, "512MiB", 16 * MIB, 1024 * GIB,
	     "Buffers of one worker; over it new requests get 503."),
	{ GH_ROW_(struct config_limits, worker_memory, uint64_t, GH_OPT_SIZE, "unlimited",
		  "Resident memory of one worker; over it, all are replaced as by a reload.  Of "
		  "use against plugins that leak."),
	  .choices = "unlimited", .min = 64 * MIB, .max = 1024 * GIB, .flags = OPTION_WORD },
	GH_INT(struct config_limits, pool, "128", 0, 65535,
	       "Idle connections that a worker keeps to one endpoint."),
	GH_INT(struct config_limits, retries, "1", 0, 10, "Further tries of one request."),
	{ GH_ROW_(struct config_limits, retry_budget, double, GH_OPT_NUMBER, "0.1",
		  "Share of a worker's requests that may be retries; 0.1 is 10 %."),
	  .max = 1 },
	GH_INT(struct config_limits, checks, "64", 1, 1000,
	       "Checks and probes of endpoints that run at the same time."),
};

#define HTTP_CHOICE(field, c, h) GH_ENUM(struct config_http, field, c, "reject", h)

static const struct gh_option http_rows[] = {
	HTTP_CHOICE(underscore_headers, "reject|pass|drop",
		    "A header's name with \"_\": many applications take it for \"-\"."),
	HTTP_CHOICE(encoded_slash, "reject|pass",
		    "%2F in a path, which some take for a "
		    "separator."),
	HTTP_CHOICE(encoded_nul, "reject|pass", "%00 in a path."),
	HTTP_CHOICE(invalid_percent, "reject|pass", "% without two hexadecimal digits in a path."),
	HTTP_CHOICE(invalid_utf8, "reject|pass", "A path that is not UTF-8 once it is decoded."),
	GH_BOOL(struct config_http, via, "true", "Add Via to requests and responses."),
	GH_BOOL(struct config_http, server_header, "true",
		"Answers of the gateway itself carry Server."),
};

static const struct gh_option quarantine_rows[] = {
	{ GH_ROW_(struct config_quarantine, crashes, int64_t, GH_OPT_INT, "3",
		  "Workers that one plugin may end within the window; then its routes answer 503 "
		  "until a new file takes its place.  Off: never."),
	  .choices = "off", .min = 1, .max = 100, .flags = OPTION_WORD },
	TIME(struct config_quarantine, window, "1m", SECOND, 24 * HOUR,
	     "The time in which the crashes are counted."),
};

static const struct gh_option sandbox_rows[] = {
	GH_BOOL(struct config_sandbox, seccomp, "true",
		"Workers make only the system calls that a gateway needs; others answer EPERM and "
		"are logged with the plugin's name."),
	{ GH_ROW_(struct config_sandbox, allow, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "System calls that a plugin needs besides: [\"clone\", \"vfork\", \"execve\"]."),
	  .flags = OPTION_SHORTHAND },
	GH_BOOL(struct config_sandbox, landlock, "true",
		"Workers write only below the folder of access_log, LOGS_DIRECTORY, "
		"RUNTIME_DIRECTORY and write."),
	{ GH_ROW_(struct config_sandbox, write, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Further files and folders that a plugin writes to."),
	  .flags = OPTION_SHORTHAND },
};

static const struct gh_option log_rows[] = {
	GH_ENUM(struct raw_log, level, "debug|info|warn|error", "info",
		"The least level that is written."),
	GH_ENUM(struct raw_log, format, "json|text", "json",
		"One JSON object a line, or text for people."),
};

static const struct gh_option endpoint_rows[] = {
	{ GH_ROW_(struct raw_endpoint, address, const char *, GH_OPT_STRING, NULL,
		  "host:port; the host is an IPv4 address, an IPv6 address in brackets or a name."),
	  .flags = GH_OPT_REQUIRED },
	GH_INT(struct raw_endpoint, weight, "1", 1, 65535,
	       "Share of the requests, against the others'."),
	GH_STRING(struct raw_endpoint, zone, NULL, "The zone that it runs in."),
};

static const struct gh_option service_timeout_rows[] = {
	TIME(struct raw_service_timeout, connect, NULL, 1, 24 * HOUR,
	     "As in defaults, for this service."),
	TIME(struct raw_service_timeout, response, NULL, 1, 24 * HOUR,
	     "As in defaults, for this service."),
};

static const struct gh_option header_rows[] = {
	GH_STRING(struct raw_header, value, "*", "The exact value; \"*\": any."),
};

static const struct gh_option service_dns_rows[] = {
	GH_STRING(struct raw_service_dns, name, NULL,
		  "The name to ask for, complete: user-service.service.consul."),
	GH_INT(struct raw_service_dns, port, "0", 0, 65535,
	       "Port of the name's addresses (A and AAAA records); 0: SRV records are asked for, "
	       "which name hosts, ports, priorities and weights."),
	GH_ENUM(struct raw_service_dns, family, "any|ipv4|ipv6", "any",
		"Which addresses are used; any: those of families that this machine has."),
};

#define BOUND(field, h)                                                                            \
	{                                                                                          \
		GH_ROW_(struct config_bounds, field, int64_t, GH_OPT_INT, "unlimited", h),         \
			.choices = "unlimited", .min = 1, .max = 1000000, .flags = OPTION_WORD     \
	}

static const struct gh_option bounds_rows[] = {
	BOUND(requests, "Requests that it may have in hand, of all workers; others wait."),
	BOUND(connections, "Connections to it that may be open, of all workers, kept ones "
			   "included; a request that needs one more waits."),
	GH_INT(struct config_bounds, pending, "100", 0, 1000000,
	       "Requests that may wait, of all workers; over it 503 service_overloaded."),
	TIME(struct config_bounds, queue_timeout, "1s", 1, HOUR,
	     "How long each may wait; over it 503 queue_timeout."),
	GH_BOOL(struct config_bounds, adaptive, "false",
		"Learn from the time that answers take how many requests it bears at once; "
		"requests is then the most (10000 when it is unlimited)."),
	GH_INT(struct config_bounds, adaptive_min, "5", 1, 1000000,
	       "The least that adaptive comes down to."),
};

static const struct gh_option breaker_rows[] = {
	{ GH_ROW_(struct config_breaker, failures, double, GH_OPT_NUMBER, "off",
		  "Share of gateway errors among all requests of an interval that opens it: 0.5."),
	  .choices = "off", .max = 1, .flags = OPTION_WORD },
	GH_INT(struct config_breaker, requests, "20", 1, 1000000,
	       "Requests that there must have been in the interval."),
	TIME(struct config_breaker, interval, "10s", 100, HOUR, "Over which they are counted."),
	TIME(struct config_breaker, time, "5s", 100, HOUR,
	     "How long it stays open the first time; then twice, three times as long."),
	TIME(struct config_breaker, time_max, "1m", 100, 24 * HOUR,
	     "The longest that it stays open."),
	GH_INT(struct config_breaker, trials, "3", 1, 1000,
	       "Requests of all workers that are let through after that; when all of them succeed "
	       "it closes, and when one fails it opens again."),
};

static const struct gh_option service_rows[] = {
	GH_ENUM(struct raw_service, discovery, "auto|consul|static|dns", "auto",
		"Where its instances are found; auto: static with endpoints, dns with dns, else "
		"consul."),
	GH_OBJECT(struct raw_service, dns, service_dns_rows, "Its name in DNS."),
	{ GH_ROW_(struct raw_service, endpoints, struct gh_list, GH_OPT_LIST, NULL,
		  "Fixed addresses; with them the service needs no Consul."),
	  SUB(endpoint_rows), .item_size = sizeof(struct raw_endpoint), .flags = OPTION_SHORTHAND },
	GH_STRING(struct raw_service, consul_name, NULL,
		  "The name in Consul, when it is another one."),
	{ GH_ROW_(struct raw_service, tags, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Only instances that carry all of these tags."),
	  .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_service, meta, struct gh_list, GH_OPT_MAP, NULL,
		  "Only instances with this metadata: {\"version\": \"2\"}; \"*\": any value."),
	  SUB(header_rows), .item_size = sizeof(struct raw_header), .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_service, require_checks, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Checks, by name or ID, that an instance must have, and pass, to be used."),
	  .flags = OPTION_SHORTHAND },
	GH_INT(struct raw_service, default_port, "0", 0, 65535,
	       "Port of instances that register with port 0; 0: such instances are skipped."),
	GH_STRING(struct raw_service, datacenter, NULL,
		  "Its data centre in Consul; that of discovery.consul when absent."),
	NAMED(struct raw_service, "namespace", ns, NULL,
	      "Its namespace (Consul Enterprise only); that of discovery.consul when absent."),
	GH_ENUM(struct raw_service, consistency, "inherit|stale|default|consistent", "inherit",
		"As in discovery.consul, for this service."),
	GH_ENUM(struct raw_service, balance, "round_robin|least_requests|two_choices|random|hash",
		"round_robin",
		"How an endpoint is picked for each request, by weight: in turn, the one with the "
		"fewest requests, the better of two drawn ones, by chance, or by a key."),
	GH_STRING(struct raw_service, hash_by, "client",
		  "The key of balance hash: client (the address), header:NAME, cookie:NAME or "
		  "path:NAME (a parameter of the route).  Requests without it are spread by "
		  "chance."),
	{ GH_ROW_(struct raw_service, hash_load, double, GH_OPT_NUMBER, "1.25",
		  "How many times its fair share of the requests in hand an endpoint may have "
		  "before a key's next endpoint is taken."),
	  .choices = "unlimited", .min = 1, .max = 1000, .flags = OPTION_WORD },
	GH_ENUM(struct raw_service, prefer_zone, "off|balanced|always", "off",
		"Endpoints of the gateway's own zone first: balanced as far as their capacity "
		"goes, always while there is one."),
	TIME(struct raw_service, slow_start, "0s", 0, HOUR,
	     "Time in which a new endpoint comes from a tenth of its weight to all of it."),
	{ GH_ROW_(struct raw_service, failover, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Services that take the requests while this one has no endpoint, the first "
		  "that has one."),
	  .flags = OPTION_SHORTHAND },
	GH_ENUM(struct raw_service, on_all_critical, "panic|fail", "panic",
		"When no instance is healthy: panic tries the critical ones, fail answers 503."),
	GH_OBJECT(struct raw_service, timeout, service_timeout_rows,
		  "Time limits for this service."),
	GH_OBJECT(struct raw_service, ejection, ejection_rows, EJECTION_HELP "."),
	GH_OBJECT(struct raw_service, check, check_rows, CHECK_HELP "."),
	GH_OBJECT(struct raw_service, limits, bounds_rows,
		  "How much it may have in hand at once, and how many requests may wait."),
	GH_OBJECT(struct raw_service, breaker, breaker_rows,
		  "When it has failed too often it is left alone for a while; off unless failures "
		  "is set."),
	{ GH_ROW_(struct raw_service, hedge_after, uint64_t, GH_OPT_DURATION, "off",
		  "A GET or HEAD without a byte of its answer after this is sent to a second "
		  "endpoint too, and the first answer is taken."),
	  .choices = "off", .min = 1, .max = HOUR, .flags = OPTION_WORD },
};

static const struct gh_option filter_rows[] = {
	{ GH_ROW_(struct raw_filter, plugin, const char *, GH_OPT_STRING, NULL,
		  "Name of the plugin."),
	  .flags = GH_OPT_REQUIRED },
	{ GH_ROW_(struct raw_filter, config, const char *, GH_OPT_JSON, "{}",
		  "The plugin's options.") },
};

static const struct gh_option route_limits_rows[] = {
	{ GH_ROW_(struct raw_route_limits, body, uint64_t, GH_OPT_SIZE, NULL,
		  "As in limits, for this route."),
	  .choices = "unlimited", .flags = OPTION_WORD | OPTION_ABSENT_MAX },
};

static const struct gh_option route_timeout_rows[] = {
	TIME(struct raw_route_timeout, response, NULL, 1, 24 * HOUR,
	     "As in defaults, for this route."),
	TIME(struct raw_route_timeout, request, NULL, 1, 24 * HOUR,
	     "As in defaults, for this route."),
};

static const struct gh_option route_rows[] = {
	{ GH_ROW_(struct raw_route, path, const char *, GH_OPT_STRING, NULL,
		  "Pattern: /users exactly, /users/{id} one segment, /users/* anything below."),
	  .flags = GH_OPT_REQUIRED },
	GH_STRING(struct raw_route, host, NULL,
		  "Only this host: api.example.com or *.example.com."),
	{ GH_ROW_(struct raw_route, methods, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Only these methods; all when absent."),
	  .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_route, headers, struct gh_list, GH_OPT_MAP, NULL,
		  "Only requests with these headers: {\"X-Version\": \"2\"}; \"*\": any value."),
	  SUB(header_rows), .item_size = sizeof(struct raw_header), .flags = OPTION_SHORTHAND },
	{ GH_ROW_(struct raw_route, plugin, const char *, GH_OPT_STRING, NULL,
		  "The plugin that answers or relays."),
	  .flags = GH_OPT_REQUIRED },
	{ GH_ROW_(struct raw_route, config, const char *, GH_OPT_JSON, "{}",
		  "The plugin's options.") },
	{ GH_ROW_(struct raw_route, filters, struct gh_list, GH_OPT_LIST, NULL,
		  "Plugins that run before it, in this order: a name, or a name and options."),
	  SUB(filter_rows), .item_size = sizeof(struct raw_filter), .flags = OPTION_SHORTHAND },
	GH_OBJECT(struct raw_route, limits, route_limits_rows, "Limits of this route."),
	GH_OBJECT(struct raw_route, timeout, route_timeout_rows, "Time limits of this route."),
};

static const struct gh_option gateway_rows[] = {
	NAMED(struct raw_gateway, "$schema", schema, NULL,
	      "For editors: where gateway.schema.json is.  gatehouse does not read it."),
	{ GH_ROW_(struct raw_gateway, listen, struct gh_strings, GH_OPT_STRINGS, NULL,
		  "Addresses for clients: \"0.0.0.0:5000\", \"[::1]:5000\", \":5000\" (all of "
		  "IPv4) or \"unix:/path\"."),
	  .flags = GH_OPT_REQUIRED | OPTION_SHORTHAND },
	GH_STRING(
		struct raw_gateway, admin, "127.0.0.1:5080",
		"Address of /healthz, /readyz, /status, /metrics and /reload, or \"off\".  It has "
		"no authentication: keep it on a private address."),
	{ GH_ROW_(struct raw_gateway, workers, int64_t, GH_OPT_INT, "auto",
		  "Worker processes; auto is one for each core that the process may use."),
	  .choices = "auto", .min = 1, .max = 256, .flags = OPTION_WORD },
	GH_STRING(struct raw_gateway, zone, "${ZONE:-}",
		  "The zone that the gateway runs in, for prefer_zone."),
	GH_STRING(struct raw_gateway, plugin_dir, NULL,
		  "Where plugins are; when absent, the directory that they were installed in."),
	GH_BOOL(struct raw_gateway, autoload, "true",
		"Watch plugin_dir: a changed plugin is rolled out, and one that declares routes "
		"of its own is served without being named here."),
	GH_BOOL(struct raw_gateway, watch, "false",
		"Watch this file, and reload when it has changed."),
	GH_STRING(struct raw_gateway, access_log, "stdout", "\"stdout\", \"off\", or a file."),
	GH_OBJECT(struct raw_gateway, log, log_rows, "The gateway's own log, on stderr."),
	GH_OBJECT(struct raw_gateway, discovery, discovery_rows,
		  "Where services without endpoints are found."),
	GH_OBJECT(struct raw_gateway, defaults, defaults_rows, "What services and routes inherit."),
	GH_OBJECT(struct raw_gateway, limits, limits_rows, "What one client or request may cost."),
	GH_OBJECT(struct raw_gateway, http, http_rows, "How doubtful requests are taken."),
	GH_OBJECT(struct raw_gateway, quarantine, quarantine_rows,
		  "When a plugin that crashes is kept out."),
	GH_STRING(struct raw_gateway, user, NULL,
		  "User, by name or number, that a gateway started as root becomes once it "
		  "listens; the command line's --user wins."),
	GH_STRING(struct raw_gateway, group, NULL,
		  "Its group, by name or number; that of the user when absent."),
	GH_OBJECT(struct raw_gateway, sandbox, sandbox_rows,
		  "What workers may do, and so the plugins in them."),
	{ GH_ROW_(struct raw_gateway, services, struct gh_list, GH_OPT_MAP, NULL,
		  "Services by name.  One that needs no setting need not be here: it is looked up "
		  "in Consul."),
	  SUB(service_rows), .item_size = sizeof(struct raw_service) },
	{ GH_ROW_(struct raw_gateway, routes, struct gh_list, GH_OPT_LIST, NULL,
		  "Which plugin takes which requests; the most specific wins, whatever the order."),
	  SUB(route_rows), .item_size = sizeof(struct raw_route) },
};

const struct option_table gateway_table = { gateway_rows,
					    sizeof(gateway_rows) / sizeof(gateway_rows[0]),
					    sizeof(struct gh_option) };
