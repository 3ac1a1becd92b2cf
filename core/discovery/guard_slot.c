/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint is counted where in the slabs.  A place that an endpoint has left rests for a
 * while: a worker may still write to it, before it has read that the endpoint is gone. */
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "discovery/guard_private.h"

static int32_t guard_slot_find(struct guard *g, uint64_t now_ms)
{
	struct guard_rest *oldest = &g->rests[g->rest_first];

	if (g->rest_count > 0 && now_ms - oldest->since_ms >= GUARD_SLOT_REST_MS) {
		g->rest_first++;
		g->rest_count--;
		return oldest->slot;
	}
	return g->next_slot < SLAB_ENDPOINTS ? g->next_slot++ : -1;
}

/* The worker's figures; its memory may hold anything after a plugin gone wild. */
static struct slab_endpoint guard_slot_read(const struct slab *slab, int32_t slot)
{
	const struct slab_endpoint *e = &slab->endpoints[slot];
	struct slab_endpoint out;

	out.ok = __atomic_load_n(&e->ok, __ATOMIC_ACQUIRE);
	out.row = __atomic_load_n(&e->row, __ATOMIC_RELAXED);
	out.failed = __atomic_load_n(&e->failed, __ATOMIC_RELAXED);
	out.refused = __atomic_load_n(&e->refused, __ATOMIC_RELAXED);
	return out;
}

void guard_slot_take(struct guard *g, struct guard_member *m)
{
	if (m->slot >= 0)
		return;
	m->slot = guard_slot_find(g, guard_now());
	if (m->slot < 0) {
		if (!g->full)
			log_warn("too many endpoints: some are not judged by their requests",
				 LOG_S("service", m->service->name), LOG_S("endpoint", m->id));
		g->full = true;
		return;
	}
	if (!m->seen)
		m->seen = xcalloc(g->slab_count + 1, sizeof(*m->seen));
	for (size_t i = 0; i < g->slab_count; i++)
		m->seen[i] = guard_slot_read(g->slabs[i], m->slot);
}

void guard_slot_drop(struct guard *g, struct guard_member *m)
{
	if (m->slot < 0)
		return;
	if (g->rest_first > 0 && g->rest_first + g->rest_count == g->rest_cap) {
		for (size_t i = 0; i < g->rest_count; i++)
			g->rests[i] = g->rests[g->rest_first + i];
		g->rest_first = 0;
	}
	if (g->rest_first + g->rest_count == g->rest_cap) {
		g->rest_cap = g->rest_cap ? g->rest_cap * 2 : 64;
		g->rests = xrealloc(g->rests, g->rest_cap * sizeof(*g->rests));
	}
	g->rests[g->rest_first + g->rest_count++] = (struct guard_rest){ .slot = m->slot,
									 .since_ms = guard_now() };
	m->slot = -1;
}

static bool guard_slot_grew(const struct slab_endpoint *from, const struct slab_endpoint *to)
{
	return to->ok >= from->ok && to->failed >= from->failed && to->refused >= from->refused;
}

/* What all workers have counted since the last look. */
void guard_slot_count(struct guard *g, struct guard_member *m, struct breaker_counts *all)
{
	struct outlier_counts sum = { 0 };

	for (size_t i = 0; m->slot >= 0 && i < g->slab_count; i++) {
		struct slab_endpoint now = guard_slot_read(g->slabs[i], m->slot);
		const struct slab_endpoint *was = &m->seen[i];

		if (guard_slot_grew(was, &now))
			outlier_add(&sum, now.ok - was->ok, now.failed - was->failed,
				    now.refused > was->refused, now.row);
		m->seen[i] = now;
	}
	all->ok += sum.ok;
	all->failed += sum.failed;
	if (sum.ok || sum.failed)
		outlier_count(&m->outlier, &sum);
}
