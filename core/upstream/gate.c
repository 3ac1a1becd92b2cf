/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/gate.h"

#include "base/error.h"

void gate_init(struct gate *g, const struct gate_rules *rules, struct crowd_cell *cells,
	       uint32_t workers, uint32_t worker)
{
	*g = (struct gate){ .rules = *rules, .cells = cells, .workers = workers };
	if (!cells) {
		g->cells = &g->alone;
		g->workers = 1;
		worker = 0;
	}
	must(worker < g->workers);
	g->own = &g->cells[worker];
	list_init(&g->waiting);
}

static uint32_t gate_max(const struct gate *g, enum crowd_kind kind)
{
	uint32_t learnt = 0;

	if (kind == CROWD_REQUESTS && g->rules.learnt)
		learnt = __atomic_load_n(g->rules.learnt, __ATOMIC_RELAXED);
	return learnt ? learnt : g->rules.max[kind];
}

/* The place is taken first and then all are counted: of two workers that take the last one at the
 * same time both may go without, but never both with it. */
bool gate_take(struct gate *g, enum crowd_kind kind)
{
	uint32_t max = gate_max(g, kind);

	__atomic_add_fetch(&g->own->count[kind], 1, __ATOMIC_SEQ_CST);
	if (max == GATE_UNLIMITED || crowd_sum(g->cells, g->workers, kind) <= max)
		return true;
	gate_give(g, kind);
	return false;
}

void gate_give(struct gate *g, enum crowd_kind kind)
{
	__atomic_sub_fetch(&g->own->count[kind], 1, __ATOMIC_SEQ_CST);
}

bool gate_has_room(const struct gate *g, enum crowd_kind kind)
{
	uint32_t max = gate_max(g, kind);

	return max == GATE_UNLIMITED || crowd_sum(g->cells, g->workers, kind) < max;
}

bool gate_is_behind(const struct gate *g, uint64_t since_ms, uint64_t now_ms)
{
	for (uint32_t i = 0; i < g->workers; i++) {
		const struct crowd_cell *c = &g->cells[i];
		uint64_t oldest = __atomic_load_n(&c->oldest_ms, __ATOMIC_ACQUIRE);
		uint64_t looked = __atomic_load_n(&c->looked_ms, __ATOMIC_RELAXED);

		if (c == g->own || !oldest || looked + GATE_STALE_MS < now_ms)
			continue;
		if (oldest < since_ms || (oldest == since_ms && c < g->own))
			return true;
	}
	return false;
}

bool gate_admit(struct gate *g, uint64_t now_ms)
{
	return list_empty(&g->waiting) && !gate_is_behind(g, now_ms, now_ms) &&
	       gate_take(g, CROWD_REQUESTS);
}

/* Tells the other workers how long the first has waited. */
static void gate_tell(struct gate *g)
{
	uint64_t oldest = 0;

	if (!list_empty(&g->waiting))
		oldest = container_of(g->waiting.next, struct gate_waiter, link)->since_ms;
	__atomic_store_n(&g->own->oldest_ms, oldest, __ATOMIC_RELEASE);
}

bool gate_wait(struct gate *g, struct gate_waiter *w, bool front, uint64_t now_ms)
{
	if (!front && !gate_take(g, CROWD_WAITING))
		return false;
	if (front) {
		/* It has waited already: there was room for it. */
		__atomic_add_fetch(&g->own->count[CROWD_WAITING], 1, __ATOMIC_SEQ_CST);
		list_push_front(&g->waiting, &w->link);
	} else {
		w->since_ms = now_ms;
		list_push(&g->waiting, &w->link);
	}
	__atomic_store_n(&g->own->looked_ms, now_ms, __ATOMIC_RELAXED);
	gate_tell(g);
	return true;
}

void gate_leave(struct gate *g, struct gate_waiter *w)
{
	must(list_linked(&w->link));
	list_remove(&w->link);
	gate_give(g, CROWD_WAITING);
	gate_tell(g);
}

struct gate_waiter *gate_next(struct gate *g, uint64_t now_ms)
{
	__atomic_store_n(&g->own->looked_ms, now_ms, __ATOMIC_RELAXED);
	if (list_empty(&g->waiting))
		return NULL;
	struct gate_waiter *w = container_of(g->waiting.next, struct gate_waiter, link);
	if (gate_is_behind(g, w->since_ms, now_ms) || !gate_take(g, CROWD_REQUESTS))
		return NULL;
	gate_leave(g, w);
	return w;
}

bool gate_keeps_too_many(const struct gate *g)
{
	uint32_t max = g->rules.max[CROWD_CONNECTIONS];

	return max != GATE_UNLIMITED &&
	       g->own->count[CROWD_CONNECTIONS] > (int32_t)(max / g->workers);
}
