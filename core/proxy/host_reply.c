/* SPDX-License-Identifier: Apache-2.0 */
/* How plugins decide who answers, and answer themselves. */
#include "base/log.h"
#include "proxy/exchange.h"
#include "proxy/hooks.h"
#include "proxy/host_parts.h"
#include "proxy/proxy.h"

enum { HOST_REPLY_FULL = 64 * 1024, HOST_REPLY_MAX = 1024 * 1024 };

/* An answer can be decided until one is on its way. */
static bool host_may_answer(const struct exchange *x)
{
	return x->state < EXCHANGE_LOG && !x->head_sent && x->phase != PHASE_NONE;
}

static enum gh_verdict host_refuse(const struct exchange *x, const char *what)
{
	log_error(what, LOG_S("plugin", x->use->image->name),
		  LOG_STR("request_id", exchange_id(x)));
	return GH_FAIL;
}

enum gh_verdict host_relay(struct gh_request *r, const char *service)
{
	struct exchange *x = exchange_of(r);
	if (!host_may_answer(x) || x->phase != PHASE_REQUEST)
		return host_refuse(x, "gh_relay() where no service can be chosen");
	struct service **of_route = x->chain->services;
	for (size_t i = 0; service && of_route[i]; i++)
		if (strcmp(of_route[i]->name, service) == 0) {
			x->service = of_route[i];
			x->source = SOURCE_SERVICE;
			x->answered = true;
			return GH_DONE;
		}
	return host_refuse(x, "gh_relay() to a service that no option of the route names");
}

/* The service's fields go when a plugin answers instead; what plugins have set stays. */
static void host_replace_response(struct exchange *x)
{
	if (x->phase != PHASE_RESPONSE || x->source != SOURCE_SERVICE)
		return;
	for (uint32_t i = 0; i < x->res.count; i++)
		x->res.fields[i].removed = x->res.fields[i].removed || !x->res.fields[i].added;
	x->hold_n = x->hold_at = 0;
	x->res_rest = (struct str){ NULL, 0 };
}

/* Who answers now: x->use. */
static enum gh_verdict host_answers(struct exchange *x, enum exchange_source source, int status)
{
	x->reply_status = (uint16_t)status;
	x->source = source;
	x->replier = x->use->slot;
	x->answered = true;
	return GH_DONE;
}

static bool host_content_type(struct exchange *x, const char *content_type)
{
	struct str type = str_from(content_type);

	x->reply_type = (struct str){ NULL, 0 };
	if (!content_type)
		return true;
	if (!field_value_valid(type))
		return false;
	x->reply_type = arena_copy(&x->arena, type);
	return x->reply_type.p != NULL;
}

enum gh_verdict host_reply(struct gh_request *r, int status, const char *content_type,
			   const void *body, size_t n)
{
	struct exchange *x = exchange_of(r);

	if (!host_may_answer(x) || status < 200 || status > 599)
		return host_refuse(x,
				   "gh_reply() where no answer can be given, or a status that is "
				   "not from 200 to 599");
	host_replace_response(x);
	if (!host_content_type(x, content_type))
		return host_refuse(x, "gh_reply() with a content type that HTTP does not allow");
	x->reply_body = (struct str){ "", 0 };
	if (n) {
		x->reply_body = arena_copy(&x->arena, (struct str){ body, n });
		if (!x->reply_body.p)
			return host_refuse(x, "gh_reply() with a body over 1 MiB: use "
					      "gh_reply_begin()");
	}
	return host_answers(x, SOURCE_REPLY, status);
}

enum gh_verdict host_problem(struct gh_request *r, int status, const char *title,
			     const char *detail)
{
	struct exchange *x = exchange_of(r);
	struct buf b = { .limit = 16384 };

	buf_lit(&b, "{\"type\":\"about:blank\",\"title\":");
	buf_json(&b, str_from(title ? title : ""));
	buf_printf(&b, ",\"status\":%d,\"detail\":", status);
	buf_json(&b, str_from(detail ? detail : ""));
	buf_lit(&b, ",\"request_id\":");
	buf_json(&b, exchange_id(x));
	buf_lit(&b, "}\n");
	enum gh_verdict v = b.failed ? host_refuse(x, "gh_problem() with a text over 16 KiB") :
				       host_reply(r, status, "application/problem+json", b.p, b.n);
	buf_fini(&b);
	return v;
}

enum gh_verdict host_reply_begin(struct gh_request *r, int status, const char *content_type,
				 int64_t length)
{
	struct exchange *x = exchange_of(r);

	if (!host_may_answer(x) || x->phase != PHASE_REQUEST || status < 200 || status > 599)
		return host_refuse(x, "gh_reply_begin() where no answer can be begun");
	if (!host_content_type(x, content_type))
		return host_refuse(x,
				   "gh_reply_begin() with a content type that HTTP does not allow");
	buf_fini(&x->reply_queue);
	buf_init(&x->reply_queue, HOST_REPLY_MAX);
	x->reply_left = x->reply_length = length < 0 ? -1 : length;
	return host_answers(x, SOURCE_STREAM, status);
}

/* After the plugin's code that asks for it: nothing of a request's ends under its callers. */
static void host_pump(struct exchange *x)
{
	x->pump_later = true;
	if (!x->in_callback)
		hooks_later(x);
}

enum gh_write host_reply_write(struct gh_request *r, const void *p, size_t n)
{
	struct exchange *x = exchange_of(r);

	if (x->source != SOURCE_STREAM || x->state >= EXCHANGE_LOG || x->reply_ended)
		return GH_WRITE_GONE;
	if (x->reply_left >= 0) {
		if (n > (uint64_t)x->reply_left)
			n = (size_t)x->reply_left;
		x->reply_left -= (int64_t)n;
	}
	buf_append(&x->reply_queue, p, n);
	if (x->reply_queue.failed) {
		/* The plugin went on where it was told to wait: the answer is cut. */
		x->reply_ended = true;
		x->reply_left = 1;
		host_pump(x);
		return GH_WRITE_GONE;
	}
	size_t queued = x->reply_queue.n;
	host_pump(x);
	return queued >= HOST_REPLY_FULL ? GH_WRITE_FULL : GH_WRITE_OK;
}

void host_reply_end(struct gh_request *r)
{
	struct exchange *x = exchange_of(r);

	if (x->source != SOURCE_STREAM || x->state >= EXCHANGE_LOG || x->reply_ended)
		return;
	x->reply_ended = true;
	host_pump(x);
}

void host_on_writable(struct gh_request *r, gh_timer_cb cb, void *arg)
{
	struct exchange *x = exchange_of(r);

	x->writable_cb = cb;
	x->writable_arg = arg;
	x->writable_use = x->use;
	if (x->source == SOURCE_STREAM && x->state < EXCHANGE_LOG)
		host_pump(x);
}

int host_status(const struct gh_request *r)
{
	const struct exchange *x = exchange_of_const(r);
	bool service = x->source == SOURCE_SERVICE || x->head_sent || x->state >= EXCHANGE_LOG;
	return service ? x->status : x->reply_status;
}

static bool host_status_bodiless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

int host_set_status(struct gh_request *r, int status)
{
	struct exchange *x = exchange_of(r);

	if (x->phase != PHASE_RESPONSE || x->head_sent || status < 200 || status > 599 ||
	    host_status_bodiless(status) != host_status_bodiless(host_status(r)))
		return -1;
	if (x->source == SOURCE_SERVICE) {
		x->res.status = x->status = (uint16_t)status;
		x->res.reason = (struct str){ NULL, 0 };
	} else {
		x->reply_status = (uint16_t)status;
	}
	return 0;
}
