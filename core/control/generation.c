/* SPDX-License-Identifier: Apache-2.0 */
#include "control/generation.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/gateway.h"
#include "config/secrets.h"
#include "control/generation_private.h"
#include "control/handed_set.h"
#include "control/listen.h"
#include "control/proc.h"
#include "control/supervisor.h"
#include "discovery/discovery.h"
#include "discovery/guard.h"

enum {
	GENERATION_START_MS = 30 * 1000, /* until all workers must be ready */
	GENERATION_GRACE_MS = 1000,      /* workers end by themselves at the drain limit */
	GENERATION_ERRORS_MAX = 200,
	GENERATION_SERVICES_MIN = 64,   /* services that have counters of their own ... */
	GENERATION_SERVICES_MAX = 2048, /* ... the others share those of "other" */
};

/* ---- failure ---- */

void generation_add_error(struct generation *g, const char *text)
{
	if (g->error_count == GENERATION_ERRORS_MAX)
		return;
	g->errors = xrealloc(g->errors, (g->error_count + 1) * sizeof(*g->errors));
	g->errors[g->error_count++] = xstrdup(text);
}

/* The first failure is told; the others end as it does. */
void generation_give_up(struct generation *g)
{
	g->failed = true;
	g->state = GENERATION_DRAINING;
	generation_kill(g);
}

void generation_fail(struct generation *g, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	generation_add_error(g, text);
	generation_give_up(g);
}

/* ---- start ---- */

/* FNV-1a: tells two texts apart for people; nothing relies on it. */
static void generation_hash(struct str text, char out[17])
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3;
	snprintf(out, 17, "%016" PRIx64, h);
}

static int generation_write(int fd, struct str text)
{
	for (size_t done = 0; done < text.n;) {
		ssize_t n = write(fd, text.p + done, text.n - done);

		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* The text without its secrets and what was handed with it, in a file without a name, for the
 * workers to read. */
static int generation_text_fd(const struct generation *g, struct error *e)
{
	int fd = memfd_create("gatehouse-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return error_set(e, "memfd_create failed");
	char *handed = json_dumps(g->handed->json, JSON_COMPACT);
	must(handed);
	char *hidden = secrets_hide(g->config);
	int rc = generation_write(fd, (struct str){ hidden, g->config->text.n });
	if (rc == 0)
		rc = generation_write(fd, str_from(handed));
	free(handed);
	free(hidden);
	if (rc == 0)
		return fd;
	close(fd);
	return error_set(e, "cannot hand the configuration to workers");
}

static uint32_t generation_service_cap(const struct gateway_config *c)
{
	size_t n = GENERATION_SERVICES_MIN + c->service_count + 2 * c->route_count;

	return n < GENERATION_SERVICES_MAX ? (uint32_t)n : GENERATION_SERVICES_MAX;
}

static int generation_make_slots(struct generation *g, struct error *e)
{
	const struct gateway_config *c = g->config;

	if (crowd_create(&g->crowd, c->workers, (uint32_t)c->service_count, e))
		return -1;
	g->slots = xcalloc(c->workers, sizeof(*g->slots));
	for (uint32_t i = 0; i < c->workers; i++) {
		struct slot *s = &g->slots[i];

		s->generation = g;
		s->index = i;
		s->state = SLOT_ENDED;
		s->slab.fd = -1;
		g->slot_count = i + 1;
		if (slab_create(&s->slab, i, g->number, (uint32_t)c->route_count,
				generation_service_cap(c), e))
			return -1;
		for (size_t r = 0; r < c->route_count; r++)
			snprintf(s->slab.routes[r].name, SLAB_NAME_SIZE, "%s", c->routes[r].path);
	}
	return 0;
}

static int generation_listen(struct generation *g, struct error *e)
{
	const struct gateway_config *c = g->config;

	if (c->listen_count > GENERATION_SOCKETS_MAX)
		return error_set(e, "more than %d addresses to listen on", GENERATION_SOCKETS_MAX);
	g->listeners = xcalloc(c->listen_count, sizeof(struct listener *));
	g->sockets = xcalloc(c->listen_count, sizeof(*g->sockets));
	for (size_t i = 0; i < c->listen_count; i++) {
		g->listeners[i] = listen_take(g->listen_set, &c->listen[i], c->workers, e);
		if (!g->listeners[i])
			return -1;
		uint32_t most = c->workers - 1 + GENERATION_SOCKETS_MAX / (uint32_t)c->listen_count;
		uint32_t count = g->listeners[i]->count;
		g->sockets[i] = count < most ? count : most;
	}
	return 0;
}

static void generation_make_guard(struct generation *g)
{
	const struct slab **slabs = xcalloc(g->slot_count + 1, sizeof(struct slab *));

	for (uint32_t i = 0; i < g->slot_count; i++)
		slabs[i] = &g->slots[i].slab;
	g->guard = guard_new(g->loop, g->config, discovery_registry(g->discovery), slabs,
			     g->slot_count, &g->crowd);
	free(slabs);
}

static int generation_prepare(struct generation *g, struct error *e)
{
	generation_hash(g->config->text, g->config_hash);
	g->config_fd = generation_text_fd(g, e);
	if (g->config_fd < 0 || generation_listen(g, e) || generation_make_slots(g, e))
		return -1;
	g->discovery = discovery_new(g->loop, g->config, generation_on_change, g);
	if (!g->discovery)
		return error_set(e, "discovery cannot start: see the lines above");
	generation_make_guard(g);
	return 0;
}

static void generation_release(void *arg)
{
	struct generation *g = arg;
	struct map_entry *e;
	size_t i = 0;

	for (uint32_t k = 0; k < g->slot_count; k++) {
		slab_close(&g->slots[k].slab);
		json_decref(g->slots[k].plugins);
	}
	free(g->slots);
	crowd_close(&g->crowd);
	while ((e = map_next(&g->needs, &i)))
		free(e->value);
	map_fini(&g->needs);
	for (i = 0; g->listeners && i < g->config->listen_count; i++)
		if (g->listeners[i])
			listen_drop(g->listen_set, g->listeners[i]);
	free(g->listeners);
	free(g->sockets);
	for (i = 0; i < g->error_count; i++)
		free(g->errors[i]);
	free(g->errors);
	if (g->config_fd >= 0)
		close(g->config_fd);
	gateway_config_free(g->config);
	handed_set_unref(&g->handed);
	free(g);
}

void generation_free(struct generation *g)
{
	struct discovery *d = g->discovery;

	must(g->state == GENERATION_ENDED);
	g->discovery = NULL;
	if (g->guard)
		guard_close(g->guard);
	g->guard = NULL;
	if (d)
		discovery_close(d, generation_release, g);
	else
		generation_release(g);
}

static int generation_adopt(struct generation *g, const json_t *saved)
{
	struct error e = { "" };
	int rc = discovery_adopt(g->discovery, saved, &e);

	if (rc)
		log_warn("what the gateway before knew of services is ignored",
			 LOG_S("error", e.text));
	return rc;
}

struct generation *generation_start(const struct generation_spec *spec, struct error *e)
{
	struct generation *g = xcalloc(1, sizeof(*g));

	*g = (struct generation){
		.number = spec->number,
		.loop = spec->loop,
		.config = spec->config,
		.handed = spec->handed,
		.config_fd = -1,
		.log_level = spec->log_level,
		.log_format = spec->log_format,
		.listen_set = spec->listen_set,
		.quarantine = spec->quarantine,
		.events = spec->events,
		.arg = spec->arg,
		.started_ns = clock_mono_ns(),
	};
	if (generation_prepare(g, e)) {
		g->state = GENERATION_ENDED;
		generation_free(g);
		return NULL;
	}
	if (spec->before) {
		guard_inherit(g->guard, spec->before->guard);
		discovery_inherit(g->discovery, spec->before->discovery);
	} else if (!spec->saved || generation_adopt(g, spec->saved)) {
		discovery_restore(g->discovery);
	}
	for (uint32_t i = 0; i < g->slot_count && !g->failed; i++) {
		struct error why = { "" };

		if (supervisor_spawn(&g->slots[i], &why))
			generation_fail(g, "%s", why.text);
		else if (spec->before)
			generation_send_all(&g->slots[i], spec->before);
	}
	return g;
}

void generation_serve(struct generation *g, struct generation *before)
{
	if (before) {
		guard_stop(before->guard);
		guard_inherit(g->guard, before->guard);
	}
	guard_start(g->guard);
}

/* ---- end ---- */

void generation_check_end(struct generation *g)
{
	if (g->state != GENERATION_DRAINING)
		return;
	for (uint32_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].state != SLOT_ENDED)
			return;
	g->state = GENERATION_ENDED;
	g->events->on_end(g->arg, g);
}

/* A limit that runs is not put off. */
static void generation_limit(const struct generation *g, uint64_t *until_ns, uint64_t limit_ms)
{
	uint64_t until = clock_mono_ns() + (limit_ms + GENERATION_GRACE_MS) * GENERATION_MS;

	if (g->state != GENERATION_DRAINING || until < *until_ns)
		*until_ns = until;
}

void generation_drain(struct generation *g, uint64_t limit_ms, uint64_t tunnel_ms, bool keep_idle)
{
	if (g->state == GENERATION_ENDED || (g->state == GENERATION_DRAINING && keep_idle))
		return;
	json_t *message = json_pack("{s:s, s:I, s:I, s:b}", "type", "drain", "limit_ms",
				    (json_int_t)limit_ms, "tunnel_ms", (json_int_t)tunnel_ms,
				    "keep_idle", (int)keep_idle);
	generation_limit(g, &g->drain_until_ns, limit_ms);
	generation_limit(g, &g->tunnel_until_ns, tunnel_ms);
	g->state = GENERATION_DRAINING;
	discovery_keep(g->discovery, false);
	for (uint32_t i = 0; i < g->slot_count; i++) {
		struct slot *s = &g->slots[i];

		if (s->proc)
			proc_send(s->proc, message);
		else
			s->state = SLOT_ENDED;
	}
	json_decref(message);
	generation_check_end(g);
}

void generation_kill(struct generation *g)
{
	if (g->state == GENERATION_ENDED)
		return;
	g->state = GENERATION_DRAINING;
	for (uint32_t i = 0; i < g->slot_count; i++) {
		struct slot *s = &g->slots[i];

		if (s->proc) {
			s->killed = true;
			proc_kill(s->proc, SIGKILL);
		} else {
			s->state = SLOT_ENDED;
		}
	}
}

/* When its worker must be gone: a moment after the limit, for workers that keep to it themselves,
 * or after its last tunnel. */
static uint64_t generation_slot_until(struct slot *s, uint64_t now)
{
	const struct generation *g = s->generation;
	uint64_t until = g->drain_until_ns,
		 last = s->tunnel_ns + GENERATION_GRACE_MS * GENERATION_MS;

	if (s->slab.header->tunnels_open > 0) {
		s->tunnel_ns = now;
		return g->tunnel_until_ns > until ? g->tunnel_until_ns : until;
	}
	return s->tunnel_ns && last > until ? last : until;
}

static void generation_check_drain(struct generation *g, uint64_t now)
{
	if (g->drain_until_ns == 0)
		return;
	for (uint32_t i = 0; i < g->slot_count; i++) {
		struct slot *s = &g->slots[i];

		if (!s->proc || s->killed || now < generation_slot_until(s, now))
			continue;
		log_warn("worker did not finish within the drain limit: killed",
			 LOG_U("worker", s->index), LOG_I("pid", proc_pid(s->proc)),
			 LOG_I("requests", s->slab.header->requests_active));
		s->killed = true;
		proc_kill(s->proc, SIGKILL);
	}
}

void generation_tick(struct generation *g, uint64_t now, bool behind)
{
	for (uint32_t i = 0; i < g->slot_count; i++) {
		supervisor_tick(&g->slots[i], now, behind);
		generation_tell(&g->slots[i], now);
	}
	guard_tick(g->guard);
	if (g->state == GENERATION_DRAINING)
		generation_check_drain(g, now);
	else if (g->state == GENERATION_STARTING &&
		 now - g->started_ns > GENERATION_START_MS * GENERATION_MS)
		generation_fail(g, "%u of %" PRIu32 " workers ready after %d s",
				generation_ready_count(g), g->slot_count,
				GENERATION_START_MS / 1000);
	generation_check_end(g);
}

/* ---- for people ---- */

unsigned generation_ready_count(const struct generation *g)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < g->slot_count; i++)
		n += g->slots[i].state == SLOT_READY;
	return n;
}

const char *generation_state_name(enum generation_state state)
{
	static const char *const names[] = { "starting", "live", "draining", "ended" };

	return names[state];
}

const char *slot_state_name(enum slot_state state)
{
	static const char *const names[] = { "starting", "ready", "waiting", "ended" };

	return names[state];
}
