/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/host.h"

#include <stdio.h>

#include "base/log.h"
#include "http/path.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hooks.h"
#include "proxy/host_parts.h"
#include "proxy/proxy.h"

enum { HOST_ID_MAX = 64, HOST_LOG_MAX = 2048 };

/* Load-time calls (metrics) have no request to find their proxy by. */
static struct proxy *host_proxy;

static struct gh_str host_of(struct str s)
{
	return (struct gh_str){ s.p, s.n };
}

/* In lower case; most clients send it so. */
static struct gh_str host_authority(const struct gh_request *r)
{
	struct exchange *x = exchange_of((struct gh_request *)(uintptr_t)r);
	struct str s = x->req.authority;
	size_t i = 0;

	while (i < s.n && s.p[i] == ascii_lower(s.p[i]))
		i++;
	if (i == s.n)
		return host_of(s);
	struct str lower = arena_copy(&x->arena, s);
	for (char *p = (char *)(uintptr_t)lower.p; p && i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return host_of(lower);
}

static struct gh_str host_get(const struct gh_request *r, enum gh_field f)
{
	const struct exchange *x = exchange_of_const(r);

	switch (f) {
	case GH_METHOD:
		return host_of(x->req.method);
	case GH_PATH:
		return host_of(x->path);
	case GH_QUERY:
		return host_of(x->query);
	case GH_HOST:
		return host_authority(r);
	case GH_SCHEME:
		return gh_str("http");
	case GH_CLIENT:
		return (struct gh_str){ x->conn->peer, x->conn->peer_n };
	case GH_REQUEST_ID:
		return host_of(exchange_id(x));
	case GH_ROUTE:
		return gh_str(x->proxy->slab->routes[x->route].name);
	case GH_SERVICE_NAME:
		return gh_str(x->service ? x->service->name : NULL);
	case GH_ENDPOINT:
		return gh_str(x->endpoint ? x->endpoint->text : NULL);
	case GH_VERSION:
		return gh_str(x->req.minor ? "HTTP/1.1" : "HTTP/1.0");
	}
	return gh_str(NULL);
}

static struct gh_str host_param(const struct gh_request *r, const char *name)
{
	const struct exchange *x = exchange_of_const(r);

	for (uint32_t i = 0; i < x->match.param_count; i++)
		if (str_eq(x->match.params[i].name, str_from(name)))
			return host_of(x->match.params[i].value);
	return gh_str(NULL);
}

static int host_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded: %XX and "+". */
static struct str host_decode(struct exchange *x, struct str s)
{
	char *out = arena_text(&x->arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < s.n; i++) {
		int hi, lo;
		if (s.p[i] == '%' && i + 2 < s.n && (hi = host_hex(s.p[i + 1])) >= 0 &&
		    (lo = host_hex(s.p[i + 2])) >= 0) {
			out[n++] = (char)(hi * 16 + lo);
			i += 2;
		} else {
			out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	return (struct str){ out, n };
}

static struct gh_str host_query_param(struct gh_request *r, const char *name)
{
	struct exchange *x = exchange_of(r);
	struct str rest = x->query, pair;

	while (rest.p && str_next(&rest, '&', &pair)) {
		const char *eq = memchr(pair.p, '=', pair.n);
		struct str key = { pair.p, eq ? (size_t)(eq - pair.p) : pair.n };
		if (!str_eq(host_decode(x, key), str_from(name)))
			continue;
		if (!eq)
			return (struct gh_str){ "", 0 };
		return host_of(
			host_decode(x, (struct str){ eq + 1, (size_t)(pair.p + pair.n - eq - 1) }));
	}
	return gh_str(NULL);
}

static const void *host_options(const struct gh_request *r)
{
	return exchange_of_const(r)->use->options;
}

static void *host_route_state(const struct gh_request *r)
{
	return exchange_of_const(r)->use->state;
}

static void *host_data(const struct gh_request *r)
{
	const struct exchange *x = exchange_of_const(r);
	return x->data ? x->data[x->use->slot] : NULL;
}

static void host_set_data(struct gh_request *r, void *p)
{
	struct exchange *x = exchange_of(r);

	if (!x->data)
		x->data = arena_alloc(&x->arena, x->chain->use_count * sizeof(*x->data));
	if (x->data)
		x->data[x->use->slot] = p;
}

static void *host_alloc(struct gh_request *r, size_t n)
{
	return arena_alloc(&exchange_of(r)->arena, n);
}

static int host_rewrite(struct gh_request *r, struct gh_str target)
{
	struct exchange *x = exchange_of(r);
	struct str copy = arena_copy(&x->arena, (struct str){ target.p, target.n });
	static const struct path_rules lenient = { PATH_PASS, PATH_PASS, PATH_REJECT, PATH_PASS };
	const char *mark;
	bool changed;

	if (!copy.p || !copy.n || copy.p[0] != '/' || x->sent)
		return -1;
	mark = memchr(copy.p, '?', copy.n);
	struct str path = { copy.p, mark ? (size_t)(mark - copy.p) : copy.n };
	struct str query = { mark ? mark + 1 : NULL, mark ? copy.n - path.n - 1 : 0 };
	char *out = arena_text(&x->arena, path.n + 1);
	if (!out || path_normalise(path, &lenient, out, &path, &changed) != PATH_OK ||
	    (query.p && !path_query_valid(query)))
		return -1;
	x->path = path;
	x->query = query;
	return 0;
}

static int host_set_request_id(struct gh_request *r, struct gh_str id)
{
	struct exchange *x = exchange_of(r);

	if (id.n < 1 || id.n > HOST_ID_MAX)
		return -1;
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		bool alnum = (c >= '0' && c <= '9') ||
			     (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
		if (!alnum && c != '-' && c != '_' && c != '.')
			return -1;
	}
	memcpy(x->request_id, id.p, id.n);
	x->request_id[id.n] = '\0';
	x->request_id_n = id.n;
	return 0;
}

/* The first word counts, and a plugin ends only its own wait. */
static void host_resume(struct gh_request *r, enum gh_verdict v)
{
	struct exchange *x = exchange_of(r);

	if (!x->waiting || x->resume_later ||
	    ((x->in_callback || x->in_hook) && x->use != x->waiting_use))
		return;
	x->resume_later = true;
	x->resume_verdict = v;
	if (!x->in_callback)
		hooks_later(x);
}

static const void *host_open_options(const struct gh_route *rt)
{
	return rt->options;
}

static void host_set_state(struct gh_route *rt, void *state)
{
	rt->state = state;
}

static void *host_get_state(const struct gh_route *rt)
{
	return rt->state;
}

/* A name that Prometheus takes, behind "gatehouse_plugin_". */
static bool host_metric_name_valid(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++) {
		char c = ascii_lower(name[n]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return n > 0 && n < sizeof(((struct slab_plugin_metric *)NULL)->name);
}

static int host_metric(const char *name, const char *help)
{
	const char *plugin = plugin_set_loading(&host_proxy->plugins);

	if (!host_proxy->slab || !plugin || !name || !host_metric_name_valid(name))
		return -1;
	return slab_plugin_metric(host_proxy->slab, plugin, name, help ? help : "");
}

static void host_metric_add(int metric, uint64_t n)
{
	if (metric >= 0 && metric < SLAB_PLUGIN_METRICS && host_proxy->slab)
		host_proxy->slab->plugin_metrics[metric].value += n;
}

static void host_vlog(struct gh_request *r, enum gh_level level, const char *format, va_list ap)
{
	static const enum log_level levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
	enum log_level as = levels[(unsigned)level <= GH_ERROR ? level : GH_ERROR];
	char text[HOST_LOG_MAX];

	if (as < log_threshold)
		return;
	vsnprintf(text, sizeof(text), format, ap);
	if (!r) {
		log_write(as, text,
			  (const struct log_field[]){
				  LOG_S("plugin", plugin_set_running(&host_proxy->plugins)),
				  LOG_END });
		return;
	}
	struct exchange *x = exchange_of(r);
	log_write(as, text,
		  (const struct log_field[]){ LOG_S("plugin", x->use->image->name),
					      LOG_STR("request_id", exchange_id(x)), LOG_END });
}

static const struct gh_host host_functions = {
	.size = sizeof(struct gh_host),
	.abi_major = GH_ABI_MAJOR,
	.abi_minor = GH_ABI_MINOR,
	.get = host_get,
	.param = host_param,
	.query_param = host_query_param,
	.options = host_options,
	.route_state = host_route_state,
	.data = host_data,
	.set_data = host_set_data,
	.alloc = host_alloc,
	.header = host_header,
	.header_next = host_header_next,
	.header_set = host_header_set,
	.header_add = host_header_add,
	.header_remove = host_header_remove,
	.rewrite = host_rewrite,
	.set_request_id = host_set_request_id,
	.status = host_status,
	.set_status = host_set_status,
	.relay = host_relay,
	.reply = host_reply,
	.problem = host_problem,
	.reply_begin = host_reply_begin,
	.reply_write = host_reply_write,
	.reply_end = host_reply_end,
	.on_writable = host_on_writable,
	.read_body = host_read_body,
	.call = host_call,
	.call_status = host_call_status,
	.call_error = host_call_error,
	.call_body = host_call_body,
	.call_header = host_call_header,
	.timer = host_timer,
	.resume = host_resume,
	.route_options = host_open_options,
	.route_set_state = host_set_state,
	.route_get_state = host_get_state,
	.config_error = plugin_set_config_error,
	.metric = host_metric,
	.metric_add = host_metric_add,
	.vlog = host_vlog,
};

const struct gh_host *host_table(struct proxy *p)
{
	host_proxy = p;
	return &host_functions;
}
