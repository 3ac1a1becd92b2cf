/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul_query.h"

#include <curl/curl.h>

#include "base/buf.h"
#include "config/gateway.h"
#include "discovery/consul_settings.h"

enum {
	CONSUL_GRACE_MS = 10000,
	/* A connection that is reset this soon was not accepted; later, the agent has gone. */
	CONSUL_RESET_SOON_MS = 1000
};

struct consul_scope consul_scope_default(const struct consul_settings *s)
{
	const struct config_consul *c = s->config;

	return (struct consul_scope){ c->datacenter, c->ns, c->consistency };
}

static void consul_query_argument(struct buf *b, char *sep, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(b, "%c%s=", *sep, name);
	buf_url(b, value);
	*sep = '&';
}

static void consul_query_arguments(struct buf *b, const struct consul_settings *s,
				   const struct consul_scope *scope, uint64_t index)
{
	char sep = '?';

	if (index > 0) {
		buf_printf(b, "?index=%llu&wait=%llums", (unsigned long long)index,
			   (unsigned long long)s->config->wait);
		sep = '&';
	}
	if (scope->consistency != CONSUL_DEFAULT) {
		buf_printf(b, "%c%s", sep,
			   scope->consistency == CONSUL_STALE ? "stale" : "consistent");
		sep = '&';
	}
	consul_query_argument(b, &sep, "dc", scope->datacenter);
	consul_query_argument(b, &sep, "ns", scope->ns);
}

void consul_query_url(struct buf *b, const struct consul_settings *s,
		      const struct consul_scope *scope, const char *service, uint64_t index)
{
	buf_printf(b, "%s/v1/health/service/", s->base);
	buf_url(b, service);
	consul_query_arguments(b, s, scope, index);
}

void consul_query_path(struct buf *b, const struct consul_settings *s,
		       const struct consul_scope *scope, const char *path, uint64_t index)
{
	buf_printf(b, "%s%s", s->base, path);
	consul_query_arguments(b, s, scope, index);
}

uint64_t consul_query_deadline(const struct consul_settings *s, uint64_t index)
{
	return index > 0 ? s->config->wait + s->config->wait / 16 + CONSUL_GRACE_MS :
			   CONSUL_GRACE_MS;
}

static enum watch_fault consul_query_fault(const struct consul_reply *r)
{
	bool cut = r->curl_code == CURLE_RECV_ERROR || r->curl_code == CURLE_SEND_ERROR ||
		   r->curl_code == CURLE_GOT_NOTHING;

	if (r->status == 429)
		return WATCH_LIMITED;
	if (r->status == 403)
		return WATCH_DENIED;
	if (r->status != 0)
		return WATCH_FAILED;
	/* Too large, badly compressed, cut short: something answered, but not an agent's answer. */
	if (r->curl_code == CURLE_WRITE_ERROR || r->curl_code == CURLE_BAD_CONTENT_ENCODING ||
	    r->curl_code == CURLE_PARTIAL_FILE || r->curl_code == CURLE_UNSUPPORTED_PROTOCOL ||
	    r->curl_code == CURLE_WEIRD_SERVER_REPLY)
		return WATCH_GARBLED;
	return cut && r->total_ms < CONSUL_RESET_SOON_MS ? WATCH_LIMITED : WATCH_UNREACHABLE;
}

int consul_query_read(const struct consul_reply *r, struct watch_answer *a, enum watch_fault *fault)
{
	if (r->status != 200) {
		*fault = consul_query_fault(r);
		return -1;
	}
	*fault = WATCH_GARBLED;
	/* An agent always sends it; without it there is nothing to wait by. */
	if (!r->index.p || str_to_u64(r->index, UINT64_MAX, &a->index))
		return -1;
	a->known_leader = str_ieq(r->known_leader, STR("true"));
	if (!r->last_contact.p || str_to_u64(r->last_contact, UINT64_MAX, &a->last_contact_ms))
		a->known_leader = false;
	return 0;
}
