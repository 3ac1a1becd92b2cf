/* SPDX-License-Identifier: Apache-2.0 */
#include "control/lend.h"

#include "base/error.h"
#include "config/gateway.h"
#include "control/generation.h"
#include "control/listen.h"
#include "control/proc.h"
#include "worker/worker.h"

json_t *lend_spares(const struct slot *s, uint32_t *each, int *fds)
{
	const struct generation *g = s->generation;
	size_t addresses = g->config->listen_count;
	json_t *workers = json_array();
	uint32_t n = 0;

	must(workers);
	*each = 0;
	/* A unix socket is one for all workers already, and so is one that was passed. */
	for (size_t i = 0; i < addresses; i++)
		*each += !g->listeners[i]->shared;
	for (uint32_t d = 1; d < g->slot_count && n + *each <= WORKER_SPARES_MAX && *each; d++) {
		uint32_t k = (s->index + d) % g->slot_count;

		for (size_t i = 0; i < addresses; i++)
			if (!g->listeners[i]->shared)
				fds[n++] = listen_fd(g->listeners[i], k);
		json_array_append_new(workers, json_integer((json_int_t)k));
	}
	return workers;
}

static void lend_tell(const struct slot *to, const struct slot *of)
{
	json_t *message = json_pack("{s:s, s:I, s:b}", "type", "adopt", "worker",
				    (json_int_t)of->index, "on", (int)of->lent);

	must(message);
	proc_send(to->proc, message);
	json_decref(message);
}

void lend_check(struct slot *s, uint64_t now_ns, bool silent)
{
	const struct generation *g = s->generation;
	uint64_t beat = s->slab.header->heartbeat_ns;
	bool lent = s->state != SLOT_READY;

	if (g->state != GENERATION_LIVE)
		return;
	if (!lent && silent)
		lent = now_ns > beat && now_ns - beat > LEND_SILENT_MS * UINT64_C(1000000);
	else if (!lent)
		lent = s->lent;
	if (lent == s->lent)
		return;
	s->lent = lent;
	for (uint32_t i = 0; i < g->slot_count; i++)
		if (&g->slots[i] != s && g->slots[i].state == SLOT_READY && g->slots[i].proc)
			lend_tell(&g->slots[i], s);
}

void lend_greet(struct slot *s)
{
	const struct generation *g = s->generation;

	for (uint32_t i = 0; i < g->slot_count; i++)
		if (&g->slots[i] != s && g->slots[i].lent)
			lend_tell(s, &g->slots[i]);
}
