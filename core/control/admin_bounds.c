/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "config/gateway.h"
#include "control/admin_pages.h"
#include "control/control.h"
#include "control/generation.h"
#include "discovery/adaptive.h"
#include "discovery/breaker.h"
#include "discovery/guard.h"

static json_t *bounds_bound(int64_t n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

/* What all workers have in hand, and what they may have; null: any number. */
static json_t *bounds_service(const struct crowd *crowd, uint32_t at, const struct config_bounds *b,
			      const struct adaptive *learnt)
{
	const struct crowd_cell *cells = crowd_cells(crowd, at);
	json_int_t in_hand[CROWD_KINDS];

	for (int i = 0; i < CROWD_KINDS; i++)
		in_hand[i] = (json_int_t)crowd_sum(cells, crowd->workers, (enum crowd_kind)i);
	json_t *json = json_pack("{s:I, s:o, s:I, s:o, s:I, s:I}", "requests",
				 in_hand[CROWD_REQUESTS], "requests_max",
				 bounds_bound(b->adaptive ? crowd->rules[at].limit : b->requests),
				 "connections", in_hand[CROWD_CONNECTIONS], "connections_max",
				 bounds_bound(b->connections), "pending", in_hand[CROWD_WAITING],
				 "pending_max", (json_int_t)b->pending);

	if (learnt)
		json_object_set_new(json, "adaptive",
				    json_pack("{s:I, s:I}", "baseline_us",
					      (json_int_t)learnt->baseline_us, "answer_us",
					      (json_int_t)learnt->time_us));
	return json;
}

/* A time of the clock that does not jump, as others show it: milliseconds since 1970. */
static json_int_t bounds_wall(uint64_t mono_ms)
{
	return (json_int_t)(clock_wall_us() / 1000 - clock_mono_ns() / 1000000 + mono_ms);
}

static json_t *bounds_breaker(const struct breaker *b)
{
	char why[80];

	breaker_text(b, why, sizeof(why));
	return json_pack("{s:s, s:s, s:I, s:o, s:I}", "state", breaker_state_name(b->state), "why",
			 why, "since", b->since_ms ? bounds_wall(b->since_ms) : 0, "until",
			 b->state == BREAKER_OPEN ? json_integer(bounds_wall(b->until_ms)) :
						    json_null(),
			 "opens", (json_int_t)b->opens);
}

void admin_bounds(const struct control *c, json_t *services)
{
	const struct generation *g = c->current;
	json_t *service;
	size_t i;

	json_array_foreach(services, i, service)
	{
		const char *name = json_string_value(json_object_get(service, "name"));
		const struct config_service *s = g && name ?
							 gateway_config_service(g->config, name) :
							 NULL;

		const struct breaker *b = s && g->guard ? guard_breaker_of(g->guard, name) : NULL;
		if (b)
			json_object_set_new(service, "breaker", bounds_breaker(b));
		if (!s || (!s->bounds.requests && !s->bounds.connections && !s->bounds.adaptive))
			continue;
		json_object_set_new(
			service, "limits",
			bounds_service(&g->crowd, (uint32_t)(s - g->config->services), &s->bounds,
				       g->guard ? guard_limit_of(g->guard, name) : NULL));
	}
}
