/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hooks.h"

#include "base/log.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/respond.h"
#include "proxy/response.h"

typedef enum gh_verdict (*hooks_fn)(struct gh_request *);

void hooks_enter(struct exchange *x, struct gh_route *use, enum plugin_hook hook)
{
	x->use = use;
	x->in_hook = true;
	plugin_enter(&x->proxy->plugins, use, hook, exchange_id(x));
}

void hooks_leave(struct exchange *x)
{
	x->in_hook = false;
	plugin_leave(&x->proxy->plugins);
}

void hooks_callback_begin(struct exchange *x, struct gh_route *use)
{
	x->use = use;
	x->in_callback = true;
	x->resume_later = x->pump_later = false;
	plugin_enter(&x->proxy->plugins, use, HOOK_CALLBACK, exchange_id(x));
}

void hooks_callback_end(struct exchange *x)
{
	x->in_callback = false;
	plugin_leave(&x->proxy->plugins);
	if (x->resume_later) {
		x->resume_later = false;
		exchange_resume(x, x->resume_verdict);
	} else if (x->pump_later) {
		x->pump_later = false;
		respond_stream_pump(x);
	}
}

void hooks_writable(struct exchange *x)
{
	gh_timer_cb cb = x->writable_cb;

	if (!cb) {
		respond_stream_pump(x);
		return;
	}
	x->writable_cb = NULL;
	hooks_callback_begin(x, x->writable_use);
	cb(exchange_request(x), x->writable_arg);
	x->pump_later = true;
	hooks_callback_end(x);
}

static void hooks_complain(const struct exchange *x, const char *what)
{
	log_error(what, LOG_S("plugin", x->use ? x->use->image->name : "?"),
		  LOG_STR("request_id", exchange_id(x)));
}

static struct gh_route **hooks_list(const struct exchange *x, enum exchange_phase phase,
				    uint32_t *count)
{
	const struct plugin_chain *chain = x->chain;
	switch (phase) {
	case PHASE_REQUEST:
		*count = chain->on_request_count;
		return chain->on_request;
	case PHASE_UPSTREAM:
		*count = chain->on_upstream_count;
		return chain->on_upstream;
	case PHASE_RESPONSE:
		*count = chain->on_response_count;
		return chain->on_response;
	case PHASE_NONE:
		break;
	}
	*count = 0;
	return NULL;
}

static enum gh_verdict hooks_call(struct exchange *x, enum exchange_phase phase,
				  struct gh_route *use)
{
	const struct gh_plugin *plugin = &use->image->plugin;
	hooks_fn fn = phase == PHASE_REQUEST  ? plugin->on_request :
		      phase == PHASE_UPSTREAM ? plugin->on_upstream :
						plugin->on_response;
	enum plugin_hook hook = phase == PHASE_REQUEST	? HOOK_ON_REQUEST :
				phase == PHASE_UPSTREAM ? HOOK_ON_UPSTREAM :
							  HOOK_ON_RESPONSE;
	hooks_enter(x, use, hook);
	enum gh_verdict v = fn(exchange_request(x));
	hooks_leave(x);
	return v;
}

/* The request's hooks are through: whoever was chosen answers. */
static void hooks_decided(struct exchange *x)
{
	x->phase = PHASE_NONE;
	switch (x->source) {
	case SOURCE_SERVICE:
		exchange_pick(x);
		break;
	case SOURCE_REPLY:
		respond_reply(x);
		break;
	case SOURCE_STREAM:
		respond_stream_begin(x);
		break;
	case SOURCE_NONE:
		hooks_complain(x, "no plugin of the route answered or relayed");
		exchange_fail(x, END_PLUGIN_FAILED, "no plugin answered");
		break;
	}
}

/* What follows when every hook of the phase has said GH_NEXT or one GH_DONE.  Upstream and
 * response are left to the caller, who may be in the middle of something. */
static void hooks_phase_over(struct exchange *x, enum exchange_phase phase)
{
	x->phase = PHASE_NONE;
	if (phase == PHASE_REQUEST)
		hooks_decided(x);
	else if (x->source == SOURCE_REPLY)
		respond_reply(x);
	else if (x->source == SOURCE_STREAM)
		respond_stream_begin(x);
	else if (phase == PHASE_UPSTREAM)
		relay_request_begin(x);
	else if (phase == PHASE_RESPONSE)
		response_begin(x);
}

/* Runs the phase from x->hook_at on.  1: all said yes.  0: one waits, or the request has ended. */
static int hooks_run(struct exchange *x, enum exchange_phase phase)
{
	uint32_t count;
	struct gh_route **list = hooks_list(x, phase, &count);

	x->phase = phase;
	while (x->hook_at < count) {
		struct gh_route *use = list[x->hook_at++];
		if (phase == PHASE_REQUEST)
			x->hooks_begun = use->slot + 1;
		enum gh_verdict v = hooks_call(x, phase, use);
		switch (v) {
		case GH_NEXT:
			continue;
		case GH_DONE:
			if (x->source != SOURCE_NONE)
				return 1;
			hooks_complain(x, "GH_DONE without gh_reply() or gh_relay()");
			exchange_fail(x, END_PLUGIN_FAILED, "GH_DONE without an answer");
			return 0;
		case GH_WAIT:
			x->waiting = true;
			if (x->collecting)
				relay_collect_begin(x);
			return 0;
		case GH_DROP:
			exchange_drop(x, END_PLUGIN_DROPPED);
			return 0;
		case GH_FAIL:
			break;
		}
		exchange_fail(x, END_PLUGIN_FAILED, "GH_FAIL");
		return 0;
	}
	return 1;
}

void exchange_run_request_hooks(struct exchange *x)
{
	x->hook_at = 0;
	if (hooks_run(x, PHASE_REQUEST))
		hooks_phase_over(x, PHASE_REQUEST);
}

bool hooks_run_upstream(struct exchange *x)
{
	if (!x->chain->on_upstream_count)
		return true;
	x->hook_at = 0;
	if (!hooks_run(x, PHASE_UPSTREAM))
		return false;
	if (x->source != SOURCE_SERVICE) {
		hooks_phase_over(x, PHASE_UPSTREAM);
		return false;
	}
	x->phase = PHASE_NONE;
	return true;
}

/* An answer made by a plugin passes only the filters before it. */
bool hooks_run_response(struct exchange *x)
{
	if (!x->chain || !x->chain->on_response_count)
		return true;
	x->response_hooks_done = true;
	x->hook_at = 0;
	if (x->source != SOURCE_SERVICE) {
		uint32_t replier = x->hooks_begun ? x->hooks_begun - 1 : 0;
		while (x->hook_at < x->chain->on_response_count &&
		       x->chain->on_response[x->hook_at]->slot >= replier)
			x->hook_at++;
	}
	enum exchange_source before = x->source;
	if (!hooks_run(x, PHASE_RESPONSE))
		return false;
	if (before == SOURCE_SERVICE && x->source != SOURCE_SERVICE) {
		hooks_phase_over(x, PHASE_RESPONSE);
		return false;
	}
	x->phase = PHASE_NONE;
	return true;
}

void exchange_resume(struct exchange *x, enum gh_verdict v)
{
	enum exchange_phase phase = x->phase;

	if (!x->waiting || x->in_hook || x->state >= EXCHANGE_LOG)
		return;
	if (x->in_callback) {
		x->resume_later = true;
		x->resume_verdict = v;
		return;
	}
	x->waiting = false;
	switch (v) {
	case GH_NEXT:
		if (hooks_run(x, phase))
			hooks_phase_over(x, phase);
		return;
	case GH_DONE:
		if (x->source != SOURCE_NONE) {
			hooks_phase_over(x, phase);
			return;
		}
		hooks_complain(x, "GH_DONE without gh_reply() or gh_relay()");
		break;
	case GH_WAIT:
		x->waiting = true;
		return;
	case GH_DROP:
		exchange_drop(x, END_PLUGIN_DROPPED);
		return;
	case GH_FAIL:
		break;
	}
	exchange_fail(x, END_PLUGIN_FAILED, "GH_FAIL");
}

static bool hooks_body_verdict(struct exchange *x, enum gh_verdict v)
{
	if (v == GH_NEXT)
		return true;
	if (v == GH_DROP)
		exchange_drop(x, END_PLUGIN_DROPPED);
	else
		exchange_fail(x, END_PLUGIN_FAILED, "body hook");
	return false;
}

bool hooks_run_request_body(struct exchange *x, struct gh_body *body)
{
	for (uint32_t i = 0; i < x->chain->on_request_body_count; i++) {
		struct gh_route *use = x->chain->on_request_body[i];
		hooks_enter(x, use, HOOK_ON_REQUEST_BODY);
		enum gh_verdict v = use->image->plugin.on_request_body(exchange_request(x), body);
		hooks_leave(x);
		if (!hooks_body_verdict(x, v))
			return false;
	}
	return true;
}

bool hooks_run_response_body(struct exchange *x, struct gh_body *body)
{
	for (uint32_t i = 0; i < x->chain->on_response_body_count; i++) {
		struct gh_route *use = x->chain->on_response_body[i];
		hooks_enter(x, use, HOOK_ON_RESPONSE_BODY);
		enum gh_verdict v = use->image->plugin.on_response_body(exchange_request(x), body);
		hooks_leave(x);
		if (!hooks_body_verdict(x, v))
			return false;
	}
	return true;
}

void hooks_run_end(struct exchange *x, const struct gh_end *end)
{
	for (uint32_t i = 0; i < x->chain->on_end_count; i++) {
		struct gh_route *use = x->chain->on_end[i];
		hooks_enter(x, use, HOOK_ON_END);
		use->image->plugin.on_end(exchange_request(x), end);
		hooks_leave(x);
	}
}
