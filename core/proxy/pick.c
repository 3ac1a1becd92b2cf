/* SPDX-License-Identifier: Apache-2.0 */
/* From a service to a connection: choose an endpoint, take or open a connection, and try again
 * elsewhere when that fails and may be repeated. */
#include <llhttp.h>

#include "config/gateway.h"
#include "proxy/admit.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hash_key.h"
#include "proxy/hedge.h"
#include "proxy/hooks.h"
#include "proxy/pick.h"
#include "proxy/proxy.h"
#include "proxy/queue.h"
#include "proxy/relay.h"
#include "proxy/response.h"

static void pick_on_connect(void *owner, int status);
static void pick_on_sent(void *owner, int status);

const struct upconn_events pick_events = {
	.on_connect = pick_on_connect,
	.on_data = response_on_data,
	.on_end = response_on_end,
	.on_sent = pick_on_sent,
	.wants_splice = relay_wants_splice,
	.on_readable = relay_splice,
};

static void pick_forget_endpoint(struct exchange *x)
{
	if (!x->endpoint)
		return;
	x->endpoint->active--;
	endpoint_unref(x->endpoint);
	x->endpoint = NULL;
}

void exchange_drop_upstream(struct exchange *x, bool reset)
{
	if (x->hedge)
		hedge_drop(x);
	if (x->up)
		upconn_close(&x->up, reset && x->sent);
}

/* RFC 9110, 9.2.2. */
static bool pick_is_idempotent(const struct exchange *x)
{
	switch (x->req.method_id) {
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_OPTIONS:
	case HTTP_PUT:
	case HTTP_DELETE:
		return true;
	default:
		return false;
	}
}

enum end_reason pick_connect_reason(int status)
{
	return status == UV_ECONNREFUSED ? END_CONNECT_REFUSED :
	       status == UV_ETIMEDOUT    ? END_CONNECT_TIMEOUT :
					   END_CONNECT_FAILED;
}

/* A kept connection on which nothing waits to be read: not an end, and not an answer that nobody
 * asked for, which would be taken for this request's.  A request that can be sent once more is sent
 * without a look, since what waits there comes to light in time: see upconn_asks(). */
static bool pick_take_kept(struct exchange *x)
{
	bool repeatable = x->req.framing == FRAMING_NONE && pick_is_idempotent(x);

	while ((x->up = upconn_take(x->endpoint, &pick_events, x))) {
		if ((repeatable && upconn_can_tell(x->up)) || upconn_is_quiet(x->up))
			return true;
		upconn_close(&x->up, false);
	}
	return false;
}

/* Takes a kept connection, unless the last one of that kind had just died under us. */
static void pick_connect(struct exchange *x, bool fresh)
{
	int status = 0;

	if (fresh || !pick_take_kept(x)) {
		x->up = upconn_open(&x->proxy->upstream, x->endpoint, &pick_events, x, &status);
		if (!x->up && status == UV_EBUSY) {
			pick_forget_endpoint(x);
			x->tries--;
			queue_again(x);
			return;
		}
	}
	exchange_enter(x, EXCHANGE_CONNECT);
	if (x->up && x->up->reused) {
		pick_on_connect(x, 0);
		return;
	}
	if (!x->up) {
		exchange_retry_or_fail(x, pick_connect_reason(status), NULL);
		return;
	}
	exchange_wait(x, WAIT_CONNECT, x->service->connect_ms);
}

/* The first service with an endpoint, and not left alone, of those that stand in for this one. */
static bool pick_fail_over(struct exchange *x)
{
	for (size_t i = 0; i < x->service->failover_count; i++) {
		struct service *other = x->service->failover[i];
		if (!other->endpoint_count || !admit_enter(x, other))
			continue;
		x->service->metrics->failovers++;
		x->service = other;
		return true;
	}
	return false;
}

struct endpoint *pick_endpoint(struct exchange *x, const struct pick_tried *tried)
{
	struct balance_ask ask = { .tried = tried,
				   .rand = &x->proxy->rand,
				   .now_ms = uv_now(x->proxy->loop) };

	if (x->service->hash)
		ask.keyed = hash_key(x, x->service->hash, &ask.key);
	return service_pick(x->service, &ask);
}

void exchange_pick(struct exchange *x)
{
	exchange_enter(x, EXCHANGE_PICK);
	bool any = x->service->endpoint_count > 0;
	if ((!any || !admit_enter(x, x->service)) && !pick_fail_over(x) && any) {
		admit_refuse(x);
		return;
	}
	/* A further try keeps the place of the first. */
	if (x->service->gate != x->gate && !queue_admit(x))
		return;
	exchange_pick_admitted(x);
}

void exchange_pick_admitted(struct exchange *x)
{
	x->endpoint = pick_endpoint(x, &x->tried);
	if (!x->endpoint) {
		exchange_fail(x,
			      x->service->state == SERVICE_NEVER ? END_NEVER_REGISTERED :
								   END_NO_ENDPOINTS,
			      NULL);
		return;
	}
	endpoint_ref(x->endpoint);
	x->endpoint->active++;
	if (!x->earned)
		service_retry_earn(x->service, x->proxy->config->limits.retry_budget);
	x->earned = true;
	x->tries++;
	pick_connect(x, false);
}

static void pick_on_connect(void *owner, int status)
{
	struct exchange *x = owner;

	if (status) {
		exchange_retry_or_fail(x, pick_connect_reason(status), NULL);
		return;
	}
	if (!x->up->reused && upconn_has_spoken(x->up)) {
		response_bad(x, END_RESPONSE_UNREQUESTED, NULL);
		return;
	}
	if (hooks_run_upstream(x))
		relay_request_begin(x);
}

static void pick_on_sent(void *owner, int status)
{
	relay_request_on_sent(owner, status);
}

/* A kept connection that the service closed, or spoke on, while we were about to use it: not a
 * failure of the service, so one further try on a new connection is free. */
static bool pick_retry_stale(struct exchange *x)
{
	if (!x->up || !x->up->reused || x->stale_retried || x->interim || !pick_is_idempotent(x) ||
	    !relay_can_replay(x))
		return false;
	x->stale_retried = true;
	upconn_close(&x->up, true);
	relay_replay(x);
	x->sent = false;
	exchange_enter(x, EXCHANGE_PICK);
	pick_connect(x, true);
	return true;
}

static bool pick_may_retry(struct exchange *x)
{
	if (x->head_sent || x->interim || x->tries > (uint64_t)x->proxy->config->limits.retries)
		return false;
	if (!relay_can_replay(x) || (x->sent && !pick_is_idempotent(x)) || !admit_allows_retry(x))
		return false;
	if (!service_retry_take(x->service)) {
		x->service->metrics->retries_refused++;
		return false;
	}
	return true;
}

void exchange_count_failure(struct exchange *x, enum end_reason reason)
{
	bool refused = reason == END_CONNECT_REFUSED;

	x->service->metrics->failures[reason]++;
	if (reason == END_INTERNAL || !x->endpoint)
		return;
	slab_endpoint_failed(x->endpoint->counts, refused);
	admit_result(x, false);
	if (refused && x->proxy->on_refused)
		x->proxy->on_refused(x->proxy, x->service);
}

void exchange_retry_or_fail(struct exchange *x, enum end_reason reason, const char *why)
{
	struct slab_service *metrics = x->service->metrics;

	x->waiting = false;
	if (x->hedge && hedge_stands_in(x, reason))
		return;
	if ((reason == END_UPSTREAM_CLOSED || reason == END_UPSTREAM_RESET ||
	     reason == END_RESPONSE_UNREQUESTED) &&
	    pick_retry_stale(x)) {
		/* That a kept connection ended says nothing of the endpoint. */
		metrics->failures[reason]++;
		return;
	}
	exchange_count_failure(x, reason);
	exchange_drop_upstream(x, true);
	if (!pick_may_retry(x)) {
		exchange_fail(x, reason, why);
		return;
	}
	if (x->tried.count < PICK_TRIED_MAX)
		x->tried.tried[x->tried.count++] = x->endpoint;
	pick_forget_endpoint(x);
	x->service->metrics->retries++;
	x->sent = false;
	relay_replay(x);
	exchange_pick(x);
}
