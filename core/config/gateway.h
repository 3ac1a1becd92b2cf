/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway.h -- gateway.json as a structure: what an operator has asked for.
 * Called by: control (loads), worker (loads again from the text it is handed), command line.
 * Never: changes after loading; one configuration belongs to one generation. */
#ifndef GATEHOUSE_CONFIG_GATEWAY_H
#define GATEHOUSE_CONFIG_GATEWAY_H

#include <gatehouse/plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct buf;
struct config_source;
struct config_errors;
struct raw_gateway;

/* All durations in milliseconds, all sizes in bytes; 0 means "no limit" where help says so. */
struct config_timeouts {
	uint64_t header;        /* first byte to end of a request's head */
	uint64_t body;          /* between two reads of a request's body */
	uint64_t idle;          /* keep-alive connection without a request */
	uint64_t write;         /* client does not take any byte of the answer */
	uint64_t connect;       /* to an endpoint */
	uint64_t response;      /* request sent to head received */
	uint64_t stall;         /* between two reads of a response's body */
	uint64_t request;       /* all of one request, retries included; 0: none */
	uint64_t upstream_idle; /* kept connection to an endpoint */
	uint64_t tunnel;        /* upgraded connection without a byte either way */
	uint64_t drain;         /* what is left after SIGTERM is closed after this */
	uint64_t drain_tunnel;  /* upgraded connections that are left after a reload */
};

struct config_limits {
	uint64_t head;            /* request head */
	uint64_t response_head;   /* response head */
	int64_t headers;          /* number of header lines, request and response */
	uint64_t uri;             /* request target */
	uint64_t body;            /* request body; 0: none */
	uint64_t chunk_extension; /* chunk extensions of one body, in all */
	uint64_t body_rate_min;   /* bytes a second, averaged after body_rate_grace */
	uint64_t body_rate_grace; /* ms */
	int64_t requests_per_connection;
	int64_t connections;            /* per worker */
	int64_t connections_per_client; /* per worker and address; 0: none */
	uint64_t memory;                /* buffers of a worker: over it new requests are shed */
	uint64_t worker_memory;         /* all of a worker: over it, it is replaced; 0: none */
	int64_t pool;                   /* idle connections kept per endpoint and worker */
	int64_t retries;                /* further tries of one request */
	double retry_budget;            /* share of requests that may be retries, 0.1 = 10 % */
	int64_t checks;                 /* of endpoints, at the same time */
};

/* When a plugin that ends workers is kept out. */
struct config_quarantine {
	int64_t crashes; /* that many ...; 0: never */
	uint64_t window; /* ... within these ms */
};

/* What workers give up before they load plugins. */
struct config_sandbox {
	int seccomp, landlock;   /* bool */
	struct gh_strings allow; /* names of system calls */
	struct gh_strings write; /* absolute paths */
};

/* Positions in the choices of the members of "http". */
enum { CONFIG_UNDERSCORE_REJECT, CONFIG_UNDERSCORE_PASS, CONFIG_UNDERSCORE_DROP };
enum { CONFIG_PATH_REJECT, CONFIG_PATH_PASS };

struct config_http {
	int underscore_headers; /* "reject|pass|drop" */
	int encoded_slash;      /* "reject|pass", as the next three */
	int encoded_nul;
	int invalid_percent;
	int invalid_utf8;
	int via;           /* bool: add Via */
	int server_header; /* bool: answers of the gateway itself carry Server */
};

struct config_match_header;

/* The gateway itself as a service in Consul. */
struct config_register {
	const char *name; /* NULL: it does not register */
	const char *id;   /* NULL: NAME-PORT */
	const char *address;
	uint16_t port;
	struct gh_strings tags;
	struct config_match_header *meta; /* values are never NULL */
	size_t meta_count;
	uint64_t linger; /* how long it serves on after it was taken out */
};

/* Routes that services in Consul ask for, and which of them they get. */
struct config_consul_routes {
	bool on;                 /* there are paths */
	struct gh_strings paths; /* "/x" alone, or with a star for all below */
	struct gh_strings hosts; /* in lower case; "*": any and none, "*.example.com" */
	const char *tag_prefix;  /* NULL: tags are not looked at */
	int64_t max;
	uint64_t interval; /* between two rollouts, at least */
	uint64_t keep;     /* of a service that has no instance; 0: for ever */
};

struct config_consul {
	const char *address; /* host:port, http://, https://, unix:// */
	const char *token, *token_file, *datacenter, *ns;
	const char *ca_file, *ca_path, *client_cert, *client_key, *tls_server_name, *http_auth;
	int tls_verify;
	int consistency; /* enum: stale | default | consistent */
	uint64_t wait;
	uint64_t hold; /* how long a big loss is held */
	struct config_register self;
	struct config_consul_routes routes;
};

/* Positions in the choices of discovery.dns.transport. */
enum { CONFIG_DNS_TCP, CONFIG_DNS_UDP };

enum { CONFIG_DNS_SERVERS_MAX = 8 };

/* Some 36 million years: times may be added to it. */
#define CONFIG_HOLD_UNLIMITED (UINT64_C(1) << 60)

struct config_dns {
	const char *servers; /* "127.0.0.1:8600,[::1]:53"; NULL: those of /etc/resolv.conf */
	int transport;
	uint64_t timeout; /* of one question to one server */
	uint64_t hold;    /* how long a big loss is held; CONFIG_HOLD_UNLIMITED: for ever */
	uint64_t min_ttl; /* a smaller TTL counts as this */
};

/* When endpoints are left out for what requests to them came to. */
struct config_ejection {
	int64_t consecutive; /* gateway errors in a row; 0: off */
	double success_gap;  /* success so much below the others', 0.3 = 30 points; 0: off */
	int64_t requests;    /* in an interval, for success to be compared */
	uint64_t interval;
	uint64_t time, time_max; /* of an ejection: time x how often; at most */
	double max_ejected;      /* share of the endpoints; one always may be */
	int refused;             /* bool: a refused connection puts an endpoint out */
};

/* How much a service may have in hand, over all workers. */
struct config_bounds {
	int64_t requests;       /* 0: any number */
	int64_t connections;    /* 0: any number */
	int64_t pending;        /* requests that wait for either */
	uint64_t queue_timeout; /* how long each may wait */
	int adaptive;         /* bool: requests is the most, and how many there may be is learnt */
	int64_t adaptive_min; /* the least */
};

/* When a service as a whole is left alone for what requests to it came to. */
struct config_breaker {
	double failures;  /* share of gateway errors in an interval that opens it; 0: off */
	int64_t requests; /* that there must have been in the interval */
	uint64_t interval;
	uint64_t time, time_max; /* that it stays open: time x how often; at most */
	int64_t trials;          /* requests that are let through half-open */
};

/* Positions in the choices of check.type. */
enum { CONFIG_CHECK_OFF, CONFIG_CHECK_HTTP, CONFIG_CHECK_TCP };

/* What the control process asks each endpoint by itself. */
struct config_check {
	int type;
	const char *path, *host; /* of HTTP; host NULL: the endpoint's address */
	uint64_t interval, timeout;
	unsigned jitter; /* per cent of the interval */
	unsigned healthy, unhealthy;
	unsigned status_min, status_max;
};

/* A header of a request (its name in lower case), or an instance's metadata. */
struct config_match_header {
	const char *name;
	const char *value; /* NULL: present with any value */
};

/* A static endpoint as written; its host name, if it is one, is resolved by discovery. */
struct config_endpoint {
	const char *host; /* without brackets */
	uint16_t port;
	uint32_t weight;
	const char *zone; /* NULL: none */
};

/* What of a request "balance": "hash" goes by. */
enum config_hash_kind {
	CONFIG_HASH_CLIENT,
	CONFIG_HASH_HEADER,
	CONFIG_HASH_COOKIE,
	CONFIG_HASH_PATH, /* a parameter of the route's pattern */
};

struct config_hash {
	enum config_hash_kind kind;
	const char *name; /* NULL for CONFIG_HASH_CLIENT */
};

/* Where a service's instances are found. */
enum config_discovery { CONFIG_CONSUL, CONFIG_STATIC, CONFIG_DNS };

/* Positions in the choices of services.NAME.dns.family. */
enum { CONFIG_FAMILY_ANY, CONFIG_FAMILY_IPV4, CONFIG_FAMILY_IPV6 };

/* Positions in the choices of "on_all_critical". */
enum { CONFIG_CRITICAL_PANIC, CONFIG_CRITICAL_FAIL };

struct config_service {
	const char *name;
	enum config_discovery discovery;
	struct config_endpoint *endpoints;
	size_t endpoint_count;
	const char *dns_name; /* absolute, without the dot at the end; NULL unless CONFIG_DNS */
	uint16_t dns_port;    /* of its A and AAAA records; 0: SRV records name host and port */
	int dns_family;
	const char *consul_name;          /* name in Consul; by default name */
	struct gh_strings tags;           /* only instances with all of these; empty: any */
	struct config_match_header *meta; /* only instances with all of these; names as written */
	size_t meta_count;
	struct gh_strings require_checks; /* an instance must have these, passing, to be used */
	uint16_t default_port;
	const char *datacenter, *ns; /* in Consul; NULL: as discovery.consul says */
	int consistency;             /* as in struct config_consul; -1: as there */
	int balance;                 /* enum balance_policy */
	struct config_hash hash;     /* CONFIG_HASH_CLIENT unless said otherwise */
	double hash_load;            /* 0: unbounded */
	int prefer_zone;             /* enum zone_mode */
	uint64_t slow_start;         /* ms; 0: none */
	struct gh_strings failover;  /* names of services */
	int on_all_critical;         /* enum: panic | fail */
	uint64_t connect, response;  /* 0: the default's */
	struct config_ejection ejection;
	struct config_check check;
	struct config_bounds bounds;
	struct config_breaker breaker;
	uint64_t hedge_after; /* until a GET gets a second try meanwhile; 0: never */
};

/* A plugin in a route: the route's own or a filter. */
struct config_use {
	const char *plugin;
	const char *config;  /* the "config" member as JSON text, "{}" when absent */
	const char *pointer; /* JSON pointer of the use: "/routes/2" or "/routes/2/filters/0" */
};

/* What each request looks at stands first, in one piece of memory. */
struct config_route {
	struct gh_strings methods; /* empty: all */
	struct config_match_header *headers;
	size_t header_count;
	uint64_t body_limit;        /* UINT64_MAX: limits.body */
	uint64_t response, request; /* timeouts; 0: the default's */
	const char *path;           /* pattern */
	const char *host;           /* lower case, "*.example.com" allowed; NULL: any */
	struct config_use handler;
	struct config_use *filters;
	size_t filter_count;
	const char *pointer;  /* "/routes/2", "/autoload/NAME/0" or "/registry/SERVICE/0" */
	bool is_default;      /* a plugin's own, or a registry's: not in the file */
	const char *registry; /* the service in Consul that asks for it; NULL: none */
};

struct config_listen {
	const char *text; /* as written */
	const char *host; /* without brackets; "unix:" addresses have host == NULL */
	const char *path; /* of a unix socket */
	uint16_t port;
};

/* A plugin file that the control process has read: all workers of a generation load this copy,
 * whatever becomes of the file. */
struct config_plugin {
	const char *name, *path, *hash;
	int fd; /* the copy; borrowed */
};

enum config_log_format { CONFIG_LOG_JSON, CONFIG_LOG_TEXT };

struct gateway_config {
	struct arena arena; /* holds everything below */
	const char *file;   /* as given on the command line */
	struct str text;    /* the file's bytes, as handed to workers */
	struct config_listen *listen;
	size_t listen_count;
	struct config_listen admin;
	bool admin_on;
	uint32_t workers;       /* resolved: "auto" is the number of usable cores */
	const char *zone;       /* where the gateway runs; NULL: not said */
	const char *plugin_dir; /* absolute */
	bool autoload;          /* the directory is watched, and default routes are served */
	bool watch;             /* the file is */
	const char *access_log; /* "stdout", "off" or an absolute path */
	int log_level;          /* enum log_level */
	int log_format;         /* enum config_log_format */
	struct config_consul consul;
	struct config_dns dns;
	const char *snapshot; /* absolute path of what discovery keeps on disk; NULL: nothing */
	struct config_timeouts timeouts;
	struct config_ejection ejection; /* of services that say nothing of their own */
	struct config_check check;
	struct config_limits limits;
	struct config_http http;
	struct config_quarantine quarantine;
	const char *user, *group; /* that the gateway becomes once it listens; NULL: it stays */
	struct config_sandbox sandbox;
	struct config_service *services; /* those named in the file */
	size_t service_count;
	struct config_route *routes; /* in the file's order */
	size_t route_count;
	struct config_plugin *plugins; /* config/handed.h; else they are read from plugin_dir */
	size_t plugin_count;
	struct config_source *source;  /* positions, for later errors (plugins' options) */
	const struct raw_gateway *raw; /* as the tables have read it, for config/gateway_show */
};

/* Reads, checks and converts a file.  NULL when there was any error: all of them are in
 * *errors, with file, line, column, pointer and remedy.  text: NULL reads the file, otherwise
 * its contents are given (a worker gets the text that the control process checked). */
struct gateway_config *gateway_config_load(const char *file, const struct str *text,
					   struct config_errors *errors);
/* As gateway_config_load(), but after errors gives all that is right, without the routes that are
 * not: for `gatehouse check`, which goes on to routes and plugins.  NULL when there is no JSON
 * object at all. */
struct gateway_config *gateway_config_read(const char *file, const struct str *text,
					   struct config_errors *errors);
void gateway_config_free(struct gateway_config *);
/* The file's bytes, unjudged, to be handed to either of these.  0, or -1 and the error. */
int gateway_config_slurp(const char *file, struct buf *out, struct config_errors *errors);
/* The first use of that plugin, or NULL. */
const struct config_use *gateway_config_find_use(const struct gateway_config *, const char *plugin);
/* The service declared under that name, or NULL (then it is looked up in Consul as it is). */
const struct config_service *gateway_config_service(const struct gateway_config *,
						    const char *name);

#endif
