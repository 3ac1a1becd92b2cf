/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/proc.h"
#include "control/reload.h"

enum { WORKER_MEMORY_LOOK_MS = 1000, WORKER_MEMORY_NAMES_MAX = 1000 };

uint64_t worker_memory_of(int pid)
{
	uint64_t pages = 0;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool worker_memory_due(struct worker_memory *m, uint64_t now_ms)
{
	uint64_t passed = now_ms - m->asked_ms;

	if (m->asked_ms && passed < m->wait_ms)
		return false;
	/* A limit that was kept for so long is not too low. */
	if (!m->asked_ms || passed > 2 * WORKER_MEMORY_WAIT_MAX_MS)
		m->wait_ms = WORKER_MEMORY_WAIT_MS;
	else if ((m->wait_ms *= 2) > WORKER_MEMORY_WAIT_MAX_MS)
		m->wait_ms = WORKER_MEMORY_WAIT_MAX_MS;
	m->asked_ms = now_ms;
	m->replaced++;
	return true;
}

/* Any of them may be what grows: "orders 1.0, relay 1.0". */
static void worker_memory_log(const struct slot *s, uint64_t bytes, uint64_t limit,
			      const char *what)
{
	struct buf plugins;
	const json_t *p;
	size_t i;

	buf_init(&plugins, WORKER_MEMORY_NAMES_MAX);
	json_array_foreach(s->plugins, i, p) buf_printf(
		&plugins, "%s%s %s", i ? ", " : "", json_string_value(json_object_get(p, "name")),
		json_string_value(json_object_get(p, "version")));
	buf_char(&plugins, '\0');
	log_warn(what, LOG_I("worker", s->index), LOG_I("pid", proc_pid(s->proc)),
		 LOG_I("memory", (int64_t)bytes), LOG_I("limit", (int64_t)limit),
		 LOG_S("plugins", plugins.failed ? "many" : plugins.p));
	buf_fini(&plugins);
}

static void worker_memory_replace(struct worker_memory *m, const struct slot *s, uint64_t bytes,
				  uint64_t limit)
{
	const struct generation *g = m->control->current;

	if (worker_memory_due(m, uv_now(m->timer.loop))) {
		worker_memory_log(s, bytes, limit,
				  "worker over limits.worker_memory: workers are replaced");
		reload_ask(m->control->reload,
			   &(struct reload_request){ .who = "worker memory", .same_text = true });
	} else if (m->told != g->number) {
		m->told = g->number;
		worker_memory_log(s, bytes, limit,
				  "worker over limits.worker_memory again, soon after it was "
				  "replaced: it waits for the next time; raise the limit, or mend "
				  "the plugin that grows");
	}
}

static void worker_memory_on_timer(uv_timer_t *t)
{
	struct worker_memory *m = t->data;
	const struct generation *g = m->control->current;
	uint64_t limit = g && g->config ? g->config->limits.worker_memory : 0;

	if (!limit || !reload_is_idle(m->control->reload))
		return;
	for (uint32_t i = 0; i < g->slot_count; i++) {
		const struct slot *s = &g->slots[i];
		uint64_t bytes = s->state == SLOT_READY ? worker_memory_of(proc_pid(s->proc)) : 0;

		if (bytes <= limit)
			continue;
		worker_memory_replace(m, s, bytes, limit);
		return;
	}
}

void worker_memory_start(struct worker_memory *m, struct control *control)
{
	m->control = control;
	must(uv_timer_init(&control->loop, &m->timer) == 0);
	m->timer.data = m;
	must(uv_timer_start(&m->timer, worker_memory_on_timer, WORKER_MEMORY_LOOK_MS,
			    WORKER_MEMORY_LOOK_MS) == 0);
}

void worker_memory_close(struct worker_memory *m)
{
	uv_close((uv_handle_t *)&m->timer, NULL);
}
