/* SPDX-License-Identifier: Apache-2.0 */
/* gatehouse/plugin.h -- everything a gatehouse plugin sees of the gateway.
 *
 * A plugin is a shared object with one exported symbol, gh_plugin_v1, which
 * GH_PLUGIN() defines.  Route handlers and filters are the same kind of thing:
 * a route's "filters" run in order, then its "plugin" answers or relays; hooks
 * on the response run in the reverse order.
 *
 *	#include <gatehouse/plugin.h>
 *
 *	static enum gh_verdict hello_on_request(struct gh_request *r)
 *	{
 *		return gh_reply(r, 200, "text/plain", "hello\n", 6);
 *	}
 *	GH_PLUGIN(.name = "hello", .version = "1.0", .on_request = hello_on_request);
 *
 *	cc $(pkg-config --cflags --libs gatehouse-plugin) -o hello.so hello.c
 *
 * Promises.  A plugin built against this header loads in every later release
 * of the same major ABI.  Structures carry their size and grow at the end only.
 * The gateway exports no symbols: it hands over a table of functions (struct
 * gh_host), which the inline functions below call.
 *
 * Threads.  All hooks and callbacks of a worker process run on one thread, one
 * after another.  They MUST NOT block: a hook that runs for seconds stops every
 * request of that worker, and the gateway then ends the worker and names the
 * plugin.  Wait with gh_timer() or gh_call() instead.
 *
 * Lifetimes.  What a function returns or a hook is given for a request (slices,
 * gh_alloc() memory) lives until on_end of that request has returned.  Options
 * and route state live as long as the route.  Calls and timers die with the
 * request: after on_end nothing of the plugin's is called for it.
 *
 * Text.  struct gh_str is a pointer and a length, not NUL-terminated.  A missing
 * thing has p == NULL; an empty one has p != NULL and n == 0.
 */
#ifndef GATEHOUSE_PLUGIN_H
#define GATEHOUSE_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GH_ABI_MAJOR 1
#define GH_ABI_MINOR 0

struct gh_request; /* one exchange: a request and its response */
struct gh_route;   /* one use of a plugin in one route */
struct gh_call;    /* the result of one gh_call() */

/* A slice of text or bytes; see "Text" above. */
struct gh_str {
	const char *p;
	size_t n;
};

/* What a hook wants to happen next. */
enum gh_verdict {
	GH_NEXT = 0, /* go on with the next plugin, or with the default */
	GH_DONE = 1, /* this plugin has answered (gh_reply) or chosen a service (gh_relay) */
	GH_WAIT = 2, /* suspended; gh_resume() will say how it goes on.  on_request,
	                on_upstream and on_response only */
	GH_DROP = 3, /* close the client's connection without an answer */
	GH_FAIL = 4, /* the plugin failed: the client gets 500 plugin_failed */
};

/* ------------------------------------------------------------------ options
 *
 * Every setting of a plugin is one row of a table.  From the row come parsing,
 * the default, error messages, the JSON Schema and the reference page.  The
 * gateway fills a structure of the plugin's own type, one per use in a route:
 *
 *	struct hello_route { const char *greeting; uint64_t pause; };
 *
 *	static const struct gh_option hello_options[] = {
 *		GH_STRING(struct hello_route, greeting, "hello", "What to say."),
 *		GH_DURATION(struct hello_route, pause, "0s", "Wait before saying it."),
 *	};
 *	GH_PLUGIN(..., GH_OPTIONS(hello_options, struct hello_route), ...);
 */
enum gh_option_kind {
	GH_OPT_STRING = 1,   /* const char *, NUL-terminated */
	GH_OPT_BOOL = 2,     /* int, 0 or 1 */
	GH_OPT_INT = 3,      /* int64_t */
	GH_OPT_NUMBER = 4,   /* double */
	GH_OPT_DURATION = 5, /* uint64_t, milliseconds: "250ms", "15s", "5m", "1h" */
	GH_OPT_SIZE = 6,     /* uint64_t, bytes: "512", "16KiB", "10MiB", "1GiB" */
	GH_OPT_RATE = 7,     /* double, per second: "100/s", "30/m" */
	GH_OPT_ENUM = 8,     /* int, position in choices "a|b|c" */
	GH_OPT_STRINGS = 9,  /* struct gh_strings: an array of strings */
	GH_OPT_SERVICE = 10, /* const char *: a service that the route may relay to */
	GH_OPT_OBJECT = 11,  /* a structure embedded at the offset, rows in sub */
	GH_OPT_LIST = 12,    /* struct gh_list: an array of objects, rows in sub */
	GH_OPT_MAP = 13,     /* struct gh_list: an object of objects; each item's structure
	                        begins with `const char *` holding the member's name */
	GH_OPT_JSON = 14,    /* const char *: any JSON value, as compact text */
};

#define GH_OPT_REQUIRED 1u /* flags: the setting must be given */
#define GH_OPT_SECRET   2u /* flags: never printed */

/* What a GH_OPT_STRINGS row fills. */
struct gh_strings {
	const char *const *items;
	size_t n;
};

/* What a GH_OPT_LIST or GH_OPT_MAP row fills: n structures of item_size bytes. */
struct gh_list {
	void *items;
	size_t n;
};

/* One setting.  Use the macros below, which check the field's type. */
struct gh_option {
	const char *name;            /* the member's name in gateway.json */
	const char *help;            /* one sentence for the reference page */
	const char *def;             /* default, written as in the file; NULL: zero or absent */
	const char *choices;         /* GH_OPT_ENUM: "a|b|c" */
	const struct gh_option *sub; /* GH_OPT_OBJECT, _LIST, _MAP: the rows inside */
	int64_t min, max;            /* bounds of a numeric kind; none when both are 0 */
	uint32_t kind;               /* enum gh_option_kind */
	uint32_t flags;              /* GH_OPT_REQUIRED ... */
	uint32_t offset;             /* of the field in the structure */
	uint32_t sub_count;          /* number of rows in sub */
	uint32_t item_size;          /* GH_OPT_LIST, _MAP: bytes of one item */
	uint32_t reserved;           /* 0 */
};

#define GH_OFFSET_(T, field, type)                                                                 \
	((uint32_t)(offsetof(T, field) + 0 * sizeof(((type *)0 == &((T *)0)->field))))
#define GH_ROW_(T, field, type, k, d, h)                                                           \
	.name = #field, .help = (h), .def = (d), .kind = (k), .offset = GH_OFFSET_(T, field, type)

/* clang-format off */
#define GH_STRING(T, field, d, h)   { GH_ROW_(T, field, const char *, GH_OPT_STRING, d, h) }
#define GH_BOOL(T, field, d, h)     { GH_ROW_(T, field, int, GH_OPT_BOOL, d, h) }
#define GH_INT(T, field, d, lo, hi, h)                                                         \
	{ GH_ROW_(T, field, int64_t, GH_OPT_INT, d, h), .min = (lo), .max = (hi) }
#define GH_NUMBER(T, field, d, h)   { GH_ROW_(T, field, double, GH_OPT_NUMBER, d, h) }
#define GH_DURATION(T, field, d, h) { GH_ROW_(T, field, uint64_t, GH_OPT_DURATION, d, h) }
#define GH_SIZE(T, field, d, h)     { GH_ROW_(T, field, uint64_t, GH_OPT_SIZE, d, h) }
#define GH_RATE(T, field, d, h)     { GH_ROW_(T, field, double, GH_OPT_RATE, d, h) }
#define GH_ENUM(T, field, c, d, h)                                                             \
	{ GH_ROW_(T, field, int, GH_OPT_ENUM, d, h), .choices = (c) }
#define GH_STRINGS(T, field, h)                                                                \
	{ GH_ROW_(T, field, struct gh_strings, GH_OPT_STRINGS, NULL, h) }
#define GH_SERVICE_REQUIRED(T, field, h)                                                       \
	{ GH_ROW_(T, field, const char *, GH_OPT_SERVICE, NULL, h), .flags = GH_OPT_REQUIRED }
#define GH_SERVICE(T, field, d, h)  { GH_ROW_(T, field, const char *, GH_OPT_SERVICE, d, h) }
#define GH_OBJECT(T, field, rows, h)                                                           \
	{ .name = #field, .help = (h), .kind = GH_OPT_OBJECT, .offset = offsetof(T, field),    \
	  .sub = (rows), .sub_count = sizeof(rows) / sizeof((rows)[0]) }
#define GH_LIST(T, field, rows, item, h)                                                       \
	{ GH_ROW_(T, field, struct gh_list, GH_OPT_LIST, NULL, h), .sub = (rows),              \
	  .sub_count = sizeof(rows) / sizeof((rows)[0]), .item_size = sizeof(item) }
#define GH_MAP(T, field, rows, item, h)                                                        \
	{ GH_ROW_(T, field, struct gh_list, GH_OPT_MAP, NULL, h), .sub = (rows),               \
	  .sub_count = sizeof(rows) / sizeof((rows)[0]), .item_size = sizeof(item) }
#define GH_JSON(T, field, h)        { GH_ROW_(T, field, const char *, GH_OPT_JSON, NULL, h) }
/* clang-format on */

/* ---------------------------------------------------------------- the plugin */

/* A piece of a request's or response's body on its way.  The hook may point
 * data at other bytes to change what goes on, or set n to 0 to drop the piece.
 * The bytes must live until the hook is called again or the request ends. */
struct gh_body {
	const char *data;
	size_t n;
	int last; /* 1 on the last piece, which may be empty */
};

/* How a request ended, for on_end. */
struct gh_end {
	uint32_t size;        /* bytes of this structure that the gateway filled */
	int status;           /* what the client got; 0: nothing */
	const char *reason;   /* the reason word of the access log; "ok" when nothing failed */
	uint64_t duration_us; /* from the first byte of the request to the last of the answer */
	uint64_t bytes_in;    /* body bytes from the client */
	uint64_t bytes_out;   /* body bytes to the client */
};

/* A route that the plugin serves when its file is dropped into the plugin
 * directory and gateway.json says nothing of it. */
struct gh_default_route {
	const char *path;    /* a pattern, as in gateway.json */
	const char *methods; /* "GET|HEAD"; NULL: all */
	const char *config;  /* the route's "config" as JSON text; NULL: {} */
};

/* The plugin's descriptor, exported as gh_plugin_v1 by GH_PLUGIN(). */
struct gh_plugin {
	uint32_t size;      /* sizeof(struct gh_plugin) when the plugin was built */
	uint16_t abi_major; /* GH_ABI_MAJOR */
	uint16_t abi_minor; /* GH_ABI_MINOR */

	const char *name;    /* as written in gateway.json; the file is NAME.so */
	const char *version; /* for people: logs, /status */
	const char *summary; /* one sentence: gatehouse plugin list */

	const char *hook_names;      /* names of the members from load on: for refusals */
	const struct gh_host **host; /* where the gateway stores its table */

	const struct gh_option *options; /* settings of one use in a route */
	uint32_t option_count;
	uint32_t option_size;        /* sizeof(struct gh_option) when the plugin was built */
	uint32_t options_size;       /* bytes of the structure that the options fill */
	uint32_t default_route_size; /* sizeof(struct gh_default_route) */
	const struct gh_default_route *default_routes;
	uint64_t default_route_count;

	/* Hooks; all optional.  The order is fixed; new ones come at the end. */

	/* Once in a worker, before any route.  0, or -1 after gh_log(): the worker
	 * refuses to start and the reload that asked for it is refused. */
	int (*load)(void);
	/* Once in a worker that ends in an orderly way. */
	void (*unload)(void);
	/* For each use in a route, with the options parsed.  It may check them
	 * (gh_config_error()) and keep state (gh_route_set_state()).  0 or -1.
	 * Also called by `gatehouse check`: it must not start anything. */
	int (*route_open)(struct gh_route *);
	void (*route_close)(struct gh_route *);

	/* The request's head is complete and its route is known. */
	enum gh_verdict (*on_request)(struct gh_request *);
	/* Each piece of the request's body on its way to the service; not called for
	 * a request that has none.  GH_NEXT, GH_FAIL or GH_DROP. */
	enum gh_verdict (*on_request_body)(struct gh_request *, struct gh_body *);
	/* An endpoint is chosen and the request is about to be sent to it; called
	 * again for each try. */
	enum gh_verdict (*on_upstream)(struct gh_request *);
	/* The head of the response is there and not yet sent.  An answer that a plugin
	 * makes passes the filters before it; one of the gateway itself passes none. */
	enum gh_verdict (*on_response)(struct gh_request *);
	/* Each piece of the service's body on its way to the client.
	 * GH_NEXT, GH_FAIL or GH_DROP. */
	enum gh_verdict (*on_response_body)(struct gh_request *, struct gh_body *);
	/* The request is over, however it ended.  Called once for every plugin of the
	 * route whose turn had come: not for those behind one that said GH_DONE. */
	void (*on_end)(struct gh_request *, const struct gh_end *);
};

#define GH_HOOK_NAMES_                                                                             \
	"load,unload,route_open,route_close,on_request,on_request_body,on_upstream,"               \
	"on_response,on_response_body,on_end"

#define GH_OPTIONS(rows, type)                                                                     \
	.options = (rows), .option_count = sizeof(rows) / sizeof((rows)[0]),                       \
	.option_size = sizeof(struct gh_option), .options_size = sizeof(type)

#define GH_DEFAULT_ROUTES(rows)                                                                    \
	.default_routes = (rows), .default_route_count = sizeof(rows) / sizeof((rows)[0]),         \
	.default_route_size = sizeof(struct gh_default_route)

#define GH_PLUGIN(...)                                                                             \
	const struct gh_host *gh_host;                                                             \
	__attribute__((visibility("default"))) extern const struct gh_plugin gh_plugin_v1;         \
	const struct gh_plugin gh_plugin_v1 = { .size = sizeof(struct gh_plugin),                  \
						.abi_major = GH_ABI_MAJOR,                         \
						.abi_minor = GH_ABI_MINOR,                         \
						.hook_names = GH_HOOK_NAMES_,                      \
						.host = &gh_host,                                  \
						__VA_ARGS__ }

/* ---------------------------------------------------------- what the host does */

/* Facts of a request, for gh_get(). */
enum gh_field {
	GH_METHOD = 1,       /* "GET" */
	GH_PATH = 2,         /* normalised path, or what gh_rewrite() set */
	GH_QUERY = 3,        /* without the "?"; p is NULL when there is none */
	GH_HOST = 4,         /* authority, lower case, with its port if one was given */
	GH_SCHEME = 5,       /* "http" */
	GH_CLIENT = 6,       /* the client's address, without the port */
	GH_REQUEST_ID = 7,   /* also in X-Request-Id to the service and in the access log */
	GH_ROUTE = 8,        /* the route's pattern, as in gateway.json */
	GH_SERVICE_NAME = 9, /* once gh_relay() was called */
	GH_ENDPOINT = 10,    /* "address:port", from on_upstream on */
	GH_VERSION = 11,     /* "HTTP/1.1" or "HTTP/1.0": the client's */
};

enum gh_side {
	GH_REQUEST = 0,  /* headers on their way to the service */
	GH_RESPONSE = 1, /* headers on their way to the client; from on_response on, or in a
	                    plugin that answers itself, before gh_reply() */
};

enum gh_level {
	GH_DEBUG = 0,
	GH_INFO = 1,
	GH_WARN = 2,
	GH_ERROR = 3,
};

/* What gh_reply_write() says. */
enum gh_write {
	GH_WRITE_OK = 0,   /* taken */
	GH_WRITE_FULL = 1, /* taken, but wait for the writable callback before more */
	GH_WRITE_GONE = 2, /* not taken: the client has gone or the reply has ended */
};

/* A request that a plugin makes itself: to a service, or to a URL. */
struct gh_call_spec {
	uint32_t size;              /* set by gh_call() */
	uint32_t timeout_ms;        /* for the whole call; 0: 5,000 */
	const char *service;        /* a service from an option of kind GH_OPT_SERVICE, or */
	const char *url;            /* "http://..." or "https://..." */
	const char *method;         /* NULL: "GET" */
	const char *target;         /* with service: path and query; NULL: "/" */
	const char *const *headers; /* "Name: value" lines, NULL-terminated; NULL: none */
	const char *body;
	size_t body_size;
	size_t max_answer; /* bytes of body kept; a longer answer fails; 0: 1 MiB */
};

typedef void (*gh_call_cb)(struct gh_request *, void *arg, const struct gh_call *);
typedef void (*gh_timer_cb)(struct gh_request *, void *arg);
typedef void (*gh_body_cb)(struct gh_request *, void *arg, struct gh_str body);

/* The table of functions.  Call them through the gh_*() functions below. */
struct gh_host {
	uint32_t size;
	uint16_t abi_major;
	uint16_t abi_minor;

	struct gh_str (*get)(const struct gh_request *, enum gh_field);
	struct gh_str (*param)(const struct gh_request *, const char *name);
	struct gh_str (*query_param)(struct gh_request *, const char *name);
	const void *(*options)(const struct gh_request *);
	void *(*route_state)(const struct gh_request *);
	void *(*data)(const struct gh_request *);
	void (*set_data)(struct gh_request *, void *);
	void *(*alloc)(struct gh_request *, size_t);

	struct gh_str (*header)(const struct gh_request *, enum gh_side, const char *name);
	int (*header_next)(const struct gh_request *, enum gh_side, size_t *cursor,
			   struct gh_str *name, struct gh_str *value);
	int (*header_set)(struct gh_request *, enum gh_side, const char *name, struct gh_str value);
	int (*header_add)(struct gh_request *, enum gh_side, const char *name, struct gh_str value);
	int (*header_remove)(struct gh_request *, enum gh_side, const char *name);
	int (*rewrite)(struct gh_request *, struct gh_str path_and_query);
	int (*set_request_id)(struct gh_request *, struct gh_str);
	int (*status)(const struct gh_request *);
	int (*set_status)(struct gh_request *, int status);

	enum gh_verdict (*relay)(struct gh_request *, const char *service);
	enum gh_verdict (*reply)(struct gh_request *, int status, const char *content_type,
				 const void *body, size_t n);
	enum gh_verdict (*problem)(struct gh_request *, int status, const char *title,
				   const char *detail);
	enum gh_verdict (*reply_begin)(struct gh_request *, int status, const char *content_type,
				       int64_t length);
	enum gh_write (*reply_write)(struct gh_request *, const void *, size_t);
	void (*reply_end)(struct gh_request *);
	void (*on_writable)(struct gh_request *, gh_timer_cb, void *arg);

	int (*read_body)(struct gh_request *, size_t max, gh_body_cb, void *arg);
	int (*call)(struct gh_request *, const struct gh_call_spec *, gh_call_cb, void *arg);
	int (*call_status)(const struct gh_call *);
	const char *(*call_error)(const struct gh_call *);
	struct gh_str (*call_body)(const struct gh_call *);
	struct gh_str (*call_header)(const struct gh_call *, const char *name);
	int (*timer)(struct gh_request *, uint64_t ms, gh_timer_cb, void *arg);
	void (*resume)(struct gh_request *, enum gh_verdict);

	const void *(*route_options)(const struct gh_route *);
	void (*route_set_state)(struct gh_route *, void *);
	void *(*route_get_state)(const struct gh_route *);
	void (*config_error)(struct gh_route *, const char *pointer, const char *text);

	int (*metric)(const char *name, const char *help);
	void (*metric_add)(int metric, uint64_t n);
	void (*vlog)(struct gh_request *, enum gh_level, const char *format, va_list);
};

extern const struct gh_host *gh_host __attribute__((visibility("hidden")));

/* A slice of a NUL-terminated string, and comparisons. */
static inline struct gh_str gh_str(const char *s)
{
	struct gh_str out = { s, s ? strlen(s) : 0 };
	return out;
}

static inline int gh_str_eq(struct gh_str a, const char *b)
{
	return a.p && a.n == strlen(b) && memcmp(a.p, b, a.n) == 0;
}

/* One fact of the request. */
static inline struct gh_str gh_get(const struct gh_request *r, enum gh_field f)
{
	return gh_host->get(r, f);
}

/* The value of {name} in the route's pattern. */
static inline struct gh_str gh_param(const struct gh_request *r, const char *name)
{
	return gh_host->param(r, name);
}

/* The first value of a query parameter, percent-decoded. */
static inline struct gh_str gh_query_param(struct gh_request *r, const char *name)
{
	return gh_host->query_param(r, name);
}

/* The options of this use of the plugin, as the structure named in GH_OPTIONS. */
#define gh_route_options(r, type) ((const type *)gh_host->options(r))

/* What route_open kept with gh_route_set_state(). */
static inline void *gh_route_state(const struct gh_request *r)
{
	return gh_host->route_state(r);
}

/* One pointer per request and use of the plugin; NULL at first. */
static inline void *gh_data(const struct gh_request *r)
{
	return gh_host->data(r);
}

static inline void gh_set_data(struct gh_request *r, void *p)
{
	gh_host->set_data(r, p);
}

/* Zeroed memory that is freed with the request; NULL when there is none left
 * (at most 1 MiB per request). */
static inline void *gh_alloc(struct gh_request *r, size_t n)
{
	return gh_host->alloc(r, n);
}

/* The value of the first header of that name (case-insensitive). */
static inline struct gh_str gh_header(const struct gh_request *r, enum gh_side side,
				      const char *name)
{
	return gh_host->header(r, side, name);
}

/* Walks all headers: start with *cursor = 0; 1 while there is one, then 0. */
static inline int gh_header_next(const struct gh_request *r, enum gh_side side, size_t *cursor,
				 struct gh_str *name, struct gh_str *value)
{
	return gh_host->header_next(r, side, cursor, name, value);
}

/* Replaces all headers of that name by one; adds one; removes all.  0, or -1
 * when the name or value is not allowed in HTTP (RFC 9110, 5.1 and 5.5), the
 * header belongs to the gateway (Content-Length, Transfer-Encoding, Connection
 * and their kind), or the head has been sent already.  The value is copied. */
static inline int gh_header_set(struct gh_request *r, enum gh_side side, const char *name,
				struct gh_str value)
{
	return gh_host->header_set(r, side, name, value);
}

static inline int gh_header_add(struct gh_request *r, enum gh_side side, const char *name,
				struct gh_str value)
{
	return gh_host->header_add(r, side, name, value);
}

static inline int gh_header_remove(struct gh_request *r, enum gh_side side, const char *name)
{
	return gh_host->header_remove(r, side, name);
}

/* Changes path and query of what is relayed: "/new?x=1".  0, or -1 when it is
 * not a valid origin-form (RFC 9112, 3.2.1). */
static inline int gh_rewrite(struct gh_request *r, struct gh_str path_and_query)
{
	return gh_host->rewrite(r, path_and_query);
}

/* Replaces the request id: 1 to 64 letters, digits, "-", "_" and ".".  0 or -1. */
static inline int gh_set_request_id(struct gh_request *r, struct gh_str id)
{
	return gh_host->set_request_id(r, id);
}

/* The response's status, in on_response and later; gh_set_status() in
 * on_response only, 200 to 599, and not between one that has a body and one that
 * has none.  0 or -1. */
static inline int gh_status(const struct gh_request *r)
{
	return gh_host->status(r);
}

static inline int gh_set_status(struct gh_request *r, int status)
{
	return gh_host->set_status(r, status);
}

/* Relays the request to the service, which must be the value of an option of
 * kind GH_OPT_SERVICE of this route.  Return what it returns. */
static inline enum gh_verdict gh_relay(struct gh_request *r, const char *service)
{
	return gh_host->relay(r, service);
}

/* Answers with a whole body, which is copied.  Return what it returns. */
static inline enum gh_verdict gh_reply(struct gh_request *r, int status, const char *content_type,
				       const void *body, size_t n)
{
	return gh_host->reply(r, status, content_type, body, n);
}

/* Answers with application/problem+json (RFC 9457).  Return what it returns. */
static inline enum gh_verdict gh_problem(struct gh_request *r, int status, const char *title,
					 const char *detail)
{
	return gh_host->problem(r, status, title, detail);
}

/* Begins an answer to be written piece by piece; length -1 when it is not known
 * before.  Then gh_reply_write() as often as needed, and gh_reply_end().  An
 * answer that is ended short of its length is cut, so that the client sees it. */
static inline enum gh_verdict gh_reply_begin(struct gh_request *r, int status,
					     const char *content_type, int64_t length)
{
	return gh_host->reply_begin(r, status, content_type, length);
}

/* The bytes are copied.  After GH_WRITE_FULL, go on when the callback that was
 * given to gh_on_writable() is called; a plugin that goes on all the same gets
 * GH_WRITE_GONE once 1 MiB is waiting, and the answer is cut. */
static inline enum gh_write gh_reply_write(struct gh_request *r, const void *p, size_t n)
{
	return gh_host->reply_write(r, p, n);
}

static inline void gh_reply_end(struct gh_request *r)
{
	gh_host->reply_end(r);
}

static inline void gh_on_writable(struct gh_request *r, gh_timer_cb cb, void *arg)
{
	gh_host->on_writable(r, cb, arg);
}

/* In on_request: reads the whole request body, at most max bytes (a larger one is
 * answered with 413), and gives it to the callback; return GH_WAIT and decide there
 * with gh_resume().  The body is relayed all the same.  Once for each plugin: 0, or
 * -1 when it was begun. */
static inline int gh_read_body(struct gh_request *r, size_t max, gh_body_cb cb, void *arg)
{
	return gh_host->read_body(r, max, cb, arg);
}

/* Makes a request; the callback comes exactly once, unless the request ends
 * first: then not at all.  At most 16 at once.  0, or -1: too many, or a spec with a
 * method, target, URL or header that cannot be sent as one. */
static inline int gh_call(struct gh_request *r, struct gh_call_spec spec, gh_call_cb cb, void *arg)
{
	spec.size = sizeof(spec);
	return gh_host->call(r, &spec, cb, arg);
}

/* The answer, valid inside the callback: status (0: none), what went wrong (NULL:
 * nothing), body, a header's value. */
static inline int gh_call_status(const struct gh_call *c)
{
	return gh_host->call_status(c);
}

static inline const char *gh_call_error(const struct gh_call *c)
{
	return gh_host->call_error(c);
}

static inline struct gh_str gh_call_body(const struct gh_call *c)
{
	return gh_host->call_body(c);
}

static inline struct gh_str gh_call_header(const struct gh_call *c, const char *name)
{
	return gh_host->call_header(c, name);
}

/* Calls back once after that many milliseconds.  At most 16 at once.  0 or -1. */
static inline int gh_timer(struct gh_request *r, uint64_t ms, gh_timer_cb cb, void *arg)
{
	return gh_host->timer(r, ms, cb, arg);
}

/* Ends a GH_WAIT of this plugin, with the verdict that the hook would have returned.
 * Anywhere but inside the hook that returned GH_WAIT, from a hook or callback of
 * another request too; without a wait it does nothing, and the first word counts. */
static inline void gh_resume(struct gh_request *r, enum gh_verdict v)
{
	gh_host->resume(r, v);
}

/* In route_open and route_close: the options and the state of this use. */
#define gh_open_options(route, type) ((const type *)gh_host->route_options(route))

static inline void gh_route_set_state(struct gh_route *rt, void *state)
{
	gh_host->route_set_state(rt, state);
}

static inline void *gh_route_get_state(const struct gh_route *rt)
{
	return gh_host->route_get_state(rt);
}

/* In route_open: an error in the options, shown with file, line and column of
 * the member that the pointer names inside "config", such as "/service". */
static inline void gh_config_error(struct gh_route *rt, const char *pointer, const char *text)
{
	gh_host->config_error(rt, pointer, text);
}

/* In load: a counter in /metrics, as gatehouse_plugin_NAME_total with the label
 * plugin.  A handle >= 0, or -1: a name that is not 1 to 63 letters, digits and "_",
 * or too many (64 per worker). */
static inline int gh_metric(const char *name, const char *help)
{
	return gh_host->metric(name, help);
}

static inline void gh_metric_add(int metric, uint64_t n)
{
	gh_host->metric_add(metric, n);
}

/* A log line with the plugin's name, and with the request's id unless r is NULL. */
__attribute__((format(printf, 3, 4))) static inline void
gh_log(struct gh_request *r, enum gh_level level, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	gh_host->vlog(r, level, format, ap);
	va_end(ap);
}

#ifdef __cplusplus
}
#endif
#endif
