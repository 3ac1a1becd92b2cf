/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/access_line.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "plugin/chain.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

enum {
	LINE_FIXED = 512, /* names of members, numbers, the time and words of our own */
	LINE_ESCAPED = 6  /* what a byte of a text can become: "\u0000" */
};

void access_routes_fini(struct access_routes *r)
{
	for (size_t i = 0; i < r->count; i++)
		free((char *)(uintptr_t)r->texts[i].p);
	free(r->texts);
	*r = (struct access_routes){ NULL, 0 };
}

#define line_member(to, name, value) put_json(put_lit(to, ",\"" name "\":"), value)

/* Formats two members once. */
static struct str line_keep(const char *first, struct str a, const char *second, struct str b)
{
	struct buf out = { 0 };

	buf_append(&out, first, strlen(first));
	buf_json(&out, a);
	buf_append(&out, second, strlen(second));
	buf_json(&out, b);
	must(!out.failed);
	return buf_str(&out);
}

static struct str line_route(struct access_routes *r, const struct exchange *x)
{
	const struct gh_route *handler = &x->chain->uses[x->chain->use_count - 1];

	if (!r->texts) {
		r->count = x->proxy->plugins.chain_count;
		r->texts = xcalloc(r->count, sizeof(*r->texts));
	}
	struct str *text = &r->texts[x->route];
	if (!text->p)
		*text = line_keep(",\"route\":", str_from(x->proxy->slab->routes[x->route].name),
				  ",\"plugin\":", str_from(handler->image->name));
	return *text;
}

static struct str line_endpoint(struct endpoint *ep)
{
	if (!ep->logged.p)
		ep->logged = line_keep(",\"service\":", str_from(ep->service->name),
				       ",\"endpoint\":", str_from(ep->text));
	return ep->logged;
}

static struct str line_path(const struct exchange *x)
{
	return x->path.p ? x->path : x->req.target;
}

size_t access_line_room(struct access_routes *routes, const struct exchange *x)
{
	size_t kept = x->chain ? line_route(routes, x).n : 0;
	size_t texts = x->conn->peer_n + x->req.method.n + x->req.authority.n + line_path(x).n +
		       (x->why ? strlen(x->why) : 0);

	if (x->endpoint)
		kept += line_endpoint(x->endpoint).n;
	else if (x->service)
		texts += strlen(x->service->name);
	return LINE_FIXED + x->request_id_n + kept + LINE_ESCAPED * texts;
}

/* Microseconds as milliseconds with three decimals. */
static char *line_put_ms(char *to, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000);

	to = put_u64(to, us / 1000);
	*to++ = '.';
	*to++ = (char)('0' + rest / 100);
	*to++ = (char)('0' + rest / 10 % 10);
	*to++ = (char)('0' + rest % 10);
	return to;
}

/* Whom it was for, as far as that was found. */
static char *line_put_target(char *to, struct access_routes *routes, const struct exchange *x)
{
	if (x->chain)
		to = put_str(to, line_route(routes, x));
	if (x->endpoint)
		return put_str(to, line_endpoint(x->endpoint));
	return x->service ? line_member(to, "service", str_from(x->service->name)) : to;
}

static char *line_put_outcome(char *to, const struct exchange *x)
{
	to = put_u64(put_lit(to, ",\"status\":"), x->status);
	to = put_lit(to, ",\"reason\":\"");
	to = put_lit(put_str(to, str_from(end_reason_table[x->reason].word)), "\"");
	if (x->why)
		to = line_member(to, "why", str_from(x->why));
	return x->tries > 1 ? put_u64(put_lit(to, ",\"tries\":"), x->tries) : to;
}

char *access_line_put(char *to, struct access_routes *routes, const struct exchange *x, uint64_t us,
		      int64_t wall_us)
{
	to = put_lit(to, "{\"time\":\"");
	clock_rfc3339((uint64_t)((int64_t)(x->started_ns / 1000) + wall_us), to);
	to = put_lit(to + CLOCK_RFC3339_SIZE - 1, "\",\"request_id\":\"");
	to = put_lit(put_str(to, exchange_id(x)), "\"");
	to = line_member(to, "client", ((struct str){ x->conn->peer, x->conn->peer_n }));
	to = line_member(to, "method", x->req.method);
	to = line_member(to, "host", x->req.authority);
	to = line_member(to, "path", line_path(x));
	to = line_put_target(to, routes, x);
	to = line_put_outcome(to, x);
	to = put_u64(put_lit(to, ",\"bytes_in\":"), x->bytes_in);
	to = put_u64(put_lit(to, ",\"bytes_out\":"), x->bytes_out);
	to = line_put_ms(put_lit(to, ",\"duration_ms\":"), us);
	if (x->upstream_us)
		to = line_put_ms(put_lit(to, ",\"upstream_ms\":"), x->upstream_us);
	return put_lit(to, "}\n");
}
