/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hooks.h"

#include "base/error.h"
#include "base/log.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/respond.h"
#include "proxy/response.h"

typedef enum gh_verdict (*hooks_fn)(struct gh_request *);

/* Host functions that are called while nothing of the request's runs, from a hook of another
 * request, are those of whoever waits, or writes the reply. */
static void hooks_rest(struct exchange *x)
{
	if (x->waiting)
		x->use = x->waiting_use;
	else if (x->source == SOURCE_STREAM)
		x->use = &x->chain->uses[x->replier];
}

/* What is looked for is a turn of the loop that does not end: its beginning will do, and no clock
 * is read. */
static uint64_t hooks_now_ns(const struct exchange *x)
{
	return uv_now(x->proxy->loop) * 1000000;
}

void hooks_enter(struct exchange *x, struct gh_route *use, enum plugin_hook hook)
{
	x->use = use;
	x->in_hook = true;
	plugin_enter(&x->proxy->plugins, use, hook, x->request_id, hooks_now_ns(x));
}

void hooks_leave(struct exchange *x)
{
	x->in_hook = false;
	plugin_leave(&x->proxy->plugins);
	hooks_rest(x);
}

/* What plugin code asked for, now that none of it runs.  x may be gone afterwards. */
static void hooks_settle(struct exchange *x)
{
	if (x->resume_later) {
		x->resume_later = x->pump_later = false;
		exchange_resume(x, x->resume_verdict);
	} else if (x->waiting && x->collecting && !x->collect_begun) {
		relay_collect_begin(x);
	} else if (x->pump_later) {
		x->pump_later = false;
		respond_stream_pump(x);
	}
}

void hooks_callback_begin(struct exchange *x, struct gh_route *use)
{
	x->use = use;
	x->in_callback = true;
	plugin_enter(&x->proxy->plugins, use, HOOK_CALLBACK, x->request_id, hooks_now_ns(x));
}

void hooks_callback_end(struct exchange *x)
{
	x->in_callback = false;
	plugin_leave(&x->proxy->plugins);
	hooks_rest(x);
	hooks_settle(x);
}

static void hooks_call_writable(struct exchange *x)
{
	gh_timer_cb cb = x->writable_cb;

	x->writable_later = false;
	x->writable_cb = NULL;
	if (!cb)
		return;
	hooks_callback_begin(x, x->writable_use);
	cb(exchange_request(x), x->writable_arg);
	x->pump_later = true;
	hooks_callback_end(x);
}

/* One round for each: what they ask for meanwhile has the next turn, behind other sockets. */
static void hooks_on_later(uv_idle_t *turn)
{
	struct proxy *p = turn->data;
	struct list round;

	list_init(&round);
	while (!list_empty(&p->later)) {
		struct list *l = p->later.next;
		list_remove(l);
		list_push(&round, l);
	}
	while (!list_empty(&round)) {
		struct exchange *x = container_of(round.next, struct exchange, later);
		list_remove(&x->later);
		if (x->writable_later)
			hooks_call_writable(x);
		else
			hooks_settle(x);
	}
	if (list_empty(&p->later))
		uv_idle_stop(turn);
}

void hooks_later(struct exchange *x)
{
	if (!list_linked(&x->later))
		list_push(&x->proxy->later, &x->later);
	uv_idle_start(&x->proxy->later_turn, hooks_on_later);
}

void hooks_writable(struct exchange *x)
{
	if (!x->writable_cb)
		return;
	x->writable_later = true;
	hooks_later(x);
}

static void hooks_complain(const struct exchange *x, const char *what)
{
	log_error(what, LOG_S("plugin", x->use ? x->use->image->name : "?"),
		  LOG_STR("request_id", exchange_id(x)));
}

static enum chain_hook hooks_of(enum exchange_phase phase)
{
	return phase == PHASE_REQUEST  ? CHAIN_ON_REQUEST :
	       phase == PHASE_UPSTREAM ? CHAIN_ON_UPSTREAM :
					 CHAIN_ON_RESPONSE;
}

static enum gh_verdict hooks_call(struct exchange *x, enum exchange_phase phase,
				  struct gh_route *use)
{
	const struct gh_plugin *plugin = &use->image->plugin;
	hooks_fn fn = phase == PHASE_REQUEST  ? plugin->on_request :
		      phase == PHASE_UPSTREAM ? plugin->on_upstream :
						plugin->on_response;
	enum plugin_hook hook = phase == PHASE_REQUEST  ? HOOK_ON_REQUEST :
				phase == PHASE_UPSTREAM ? HOOK_ON_UPSTREAM :
							  HOOK_ON_RESPONSE;
	x->answered = false;
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

/* A request whose body is still being read for gh_read_body() cannot be relayed. */
static bool hooks_leaves_body(const struct exchange *x, enum gh_verdict v)
{
	return x->collecting && (v == GH_NEXT || (v == GH_DONE && x->source == SOURCE_SERVICE));
}

static bool hooks_fail(struct exchange *x, const char *what)
{
	if (what)
		hooks_complain(x, what);
	exchange_fail(x, END_PLUGIN_FAILED, what ? what : "GH_FAIL");
	return false;
}

/* What a hook said, at once or with gh_resume().  True: on with the next hook of the phase. */
static bool hooks_verdict(struct exchange *x, enum exchange_phase phase, enum gh_verdict v)
{
	if (hooks_leaves_body(x, v))
		return hooks_fail(x, "gh_read_body() without GH_WAIT until the body was there");
	switch (v) {
	case GH_NEXT:
		return true;
	case GH_DONE:
		if (!x->answered)
			return hooks_fail(x, "GH_DONE without gh_reply() or gh_relay()");
		/* An answer instead of the service's still passes the filters before. */
		if (phase != PHASE_RESPONSE)
			x->hook_at = UINT32_MAX;
		x->collecting = false;
		return true;
	case GH_WAIT:
		x->waiting = true;
		if (x->collecting && !x->collect_begun)
			relay_collect_begin(x);
		return false;
	case GH_DROP:
		exchange_drop(x, END_PLUGIN_DROPPED);
		return false;
	case GH_FAIL:
		break;
	}
	return hooks_fail(x, NULL);
}

/* Runs the phase from x->hook_at on.  True: all said yes.  False: one waits, or the request has
 * ended.  After the request's own hooks only those are asked whose turn had come there. */
static bool hooks_run(struct exchange *x, enum exchange_phase phase)
{
	enum chain_hook hook = hooks_of(phase);

	x->phase = phase;
	while (x->hook_at < x->chain->count[hook]) {
		struct gh_route *use = chain_use(x->chain, hook, x->hook_at++);
		if (phase == PHASE_REQUEST)
			x->hooks_begun = use->slot + 1;
		else if (use->slot >= x->hooks_begun)
			continue;
		x->waiting_use = use;
		enum gh_verdict v = hooks_call(x, phase, use);
		if ((v != GH_NEXT || x->collecting) && !hooks_verdict(x, phase, v))
			return false;
	}
	if (phase == PHASE_REQUEST && x->hook_at != UINT32_MAX)
		x->hooks_begun = x->chain->use_count;
	return true;
}

void exchange_run_request_hooks(struct exchange *x)
{
	x->hook_at = 0;
	if (hooks_run(x, PHASE_REQUEST))
		hooks_phase_over(x, PHASE_REQUEST);
}

bool hooks_run_upstream(struct exchange *x)
{
	if (!x->chain->count[CHAIN_ON_UPSTREAM])
		return true;
	x->hook_at = 0;
	exchange_wait(x, WAIT_NONE, 0);
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
	if (!x->chain || !x->chain->count[CHAIN_ON_RESPONSE])
		return true;
	x->response_hooks_done = true;
	x->hook_at = 0;
	if (x->source != SOURCE_SERVICE)
		while (x->hook_at < x->chain->count[CHAIN_ON_RESPONSE] &&
		       chain_use(x->chain, CHAIN_ON_RESPONSE, x->hook_at)->slot >= x->replier)
			x->hook_at++;
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

	if (!x->waiting || x->state >= EXCHANGE_LOG)
		return;
	must(phase != PHASE_NONE); /* whose hook waits */
	x->waiting = false;
	x->use = x->waiting_use;
	if (hooks_verdict(x, phase, v) && hooks_run(x, phase))
		hooks_phase_over(x, phase);
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
	for (uint32_t i = 0; i < x->chain->count[CHAIN_ON_REQUEST_BODY]; i++) {
		struct gh_route *use = chain_use(x->chain, CHAIN_ON_REQUEST_BODY, i);
		if (use->slot >= x->hooks_begun)
			continue;
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
	for (uint32_t i = 0; i < x->chain->count[CHAIN_ON_RESPONSE_BODY]; i++) {
		struct gh_route *use = chain_use(x->chain, CHAIN_ON_RESPONSE_BODY, i);
		if (use->slot >= x->hooks_begun)
			continue;
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
	for (uint32_t i = 0; i < x->chain->count[CHAIN_ON_END]; i++) {
		struct gh_route *use = chain_use(x->chain, CHAIN_ON_END, i);
		if (use->slot >= x->hooks_begun)
			continue;
		hooks_enter(x, use, HOOK_ON_END);
		use->image->plugin.on_end(exchange_request(x), end);
		hooks_leave(x);
	}
}
