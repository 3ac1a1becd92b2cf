/* SPDX-License-Identifier: Apache-2.0 */
#include "control/supervisor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/death.h"
#include "control/handed_set.h"
#include "control/lend.h"
#include "control/listen.h"
#include "control/proc.h"
#include "control/quarantine.h"
#include "control/refused.h"
#include "worker/worker.h"

#define SUPERVISOR_MS UINT64_C(1000000)

enum {
	SUPERVISOR_STUCK_MS = 2000,      /* in one call of a plugin */
	SUPERVISOR_LOAD_MS = 20 * 1000,  /* in one call of a plugin before the worker is ready */
	SUPERVISOR_SLOW_MS = 5 * 1000,   /* without a heartbeat, in no plugin: logged */
	SUPERVISOR_DEAD_MS = 30 * 1000,  /* ... and killed */
	SUPERVISOR_START_MS = 30 * 1000, /* until a replaced worker must be ready */
	SUPERVISOR_LOST_MS = 2000,       /* from the end of the channel to that of the process */
	SUPERVISOR_ALONE_MS = 250,       /* the longest wait while no other worker serves */
};

static void supervisor_message(void *arg, const json_t *message)
{
	struct slot *s = arg;

	if (message)
		generation_message(s, message);
	else
		s->lost_ns = clock_mono_ns();
}

static void supervisor_exit(void *arg, int64_t status, int signal)
{
	supervisor_on_exit(arg, status, signal);
}

static const struct proc_events supervisor_events = { supervisor_message, supervisor_exit };

/* The worker's own socket of each address, and those of workers that there are no more since a
 * reload: all workers share these, since closing one would lose the connections in its queue. */
static uint32_t supervisor_sockets(const struct slot *s, int fds[GENERATION_SOCKETS_MAX])
{
	const struct generation *g = s->generation;
	uint32_t n = 0;

	for (size_t i = 0; i < g->config->listen_count; i++)
		fds[n++] = listen_fd(g->listeners[i], s->index);
	for (size_t i = 0; i < g->config->listen_count; i++) {
		for (uint32_t k = g->slot_count; k < g->sockets[i]; k++)
			fds[n++] = listen_fd(g->listeners[i], k);
	}
	return n;
}

int supervisor_spawn(struct slot *s, struct error *e)
{
	struct generation *g = s->generation;
	int fds[GENERATION_SOCKETS_MAX + WORKER_SPARES_MAX];
	uint32_t n = supervisor_sockets(s, fds), each;
	json_t *spares = lend_spares(s, &each, fds + n), *hold = quarantine_list(g->quarantine);

	must(!s->proc);
	struct proc_spec spec = {
		.loop = g->loop,
		.generation = g->number,
		.worker = s->index,
		.file = g->config->file,
		.log_level = g->log_level,
		.log_format = g->log_format,
		.slab_fd = s->slab.fd,
		.config_fd = g->config_fd,
		.crowd_fd = g->crowd.fd,
		.listen_fds = fds,
		.listen_count = n,
		.spares = spares,
		.spare_each = each,
		.hold = hold,
		.plugin_fds = g->handed->fds,
		.plugin_count = g->handed->count,
		.text_bytes = g->config->text.n,
	};
	slab_renew(&s->slab);
	crowd_renew(&g->crowd, s->index);
	s->refused_told = 0;
	s->proc = proc_spawn(&spec, &supervisor_events, s, e);
	json_decref(spares);
	json_decref(hold);
	if (!s->proc)
		return -1;
	s->state = SLOT_STARTING;
	s->spawned_ns = clock_mono_ns();
	s->lost_ns = s->asked_ns = 0;
	s->killed = s->slow = s->has_asked = false;
	generation_greet(s);
	return 0;
}

/* A generation that never became ready is not kept alive: its author is told why. */
static void supervisor_failed_start(struct slot *s, int64_t status, int signal,
				    const struct death_blame *b)
{
	char how[48], where[320] = "";

	death_how(status, signal, how);
	if (b->any)
		snprintf(where, sizeof(where), ", in plugin %s, hook %s%s%s", b->plugin, b->hook,
			 b->route[0] ? ", route " : "", b->route);
	generation_fail(s->generation, "worker %" PRIu32 " %s %s before it was ready%s", s->index,
			signal ? "was killed by" : "ended with", how, where);
}

/* Counts against the plugin whose code ran.  True: it has just come into quarantine. */
static bool supervisor_count(const struct slot *s, const struct death_blame *b, uint64_t now)
{
	const struct generation *g = s->generation;
	const struct config_quarantine *c = &g->config->quarantine;
	struct quarantine_rule rule = { (unsigned)c->crashes, c->window * SUPERVISOR_MS };

	if (!b->any || !b->hash[0] ||
	    !quarantine_crash(g->quarantine, b->plugin, b->hash, &rule, now, clock_wall_us()))
		return false;
	log_error("plugin quarantined", LOG_S("plugin", b->plugin), LOG_S("version", b->version),
		  LOG_S("hash", b->hash), LOG_U("crashes", rule.crashes),
		  LOG_U("within_s", c->window / 1000));
	g->events->on_hold(g->arg);
	return true;
}

/* How long until the next is started.  Whoever waits for the only worker waits for it. */
static uint64_t supervisor_delay(struct slot *s, uint64_t alive_ms, bool cured)
{
	if (cured)
		s->backoff = (struct backoff){ 0 };
	uint64_t delay = backoff_delay(&s->backoff, alive_ms);
	return delay > SUPERVISOR_ALONE_MS && generation_ready_count(s->generation) == 0 ?
		       SUPERVISOR_ALONE_MS :
		       delay;
}

static void supervisor_replace(struct slot *s, uint64_t now, uint64_t delay_ms)
{
	struct error e = { "" };

	s->restarts++;
	if (delay_ms == 0 && supervisor_spawn(s, &e) == 0)
		return;
	if (e.text[0]) {
		delay_ms = backoff_delay(&s->backoff, 0);
		log_error("worker not replaced yet", LOG_U("worker", s->index),
			  LOG_S("error", e.text), LOG_U("restart_in_ms", delay_ms));
	}
	s->state = SLOT_WAITING;
	s->due_ns = now + delay_ms * SUPERVISOR_MS;
}

void supervisor_on_exit(struct slot *s, int64_t status, int signal)
{
	struct generation *g = s->generation;
	uint64_t now = clock_mono_ns();
	struct death_blame blame;

	/* What it had in hand of a service, others may have now. */
	crowd_renew(&g->crowd, s->index);
	refused_check(s, now);
	death_blame_read(s, now, &blame);
	bool cured = g->state != GENERATION_STARTING && supervisor_count(s, &blame, now);
	if (g->state == GENERATION_LIVE) {
		s->state = SLOT_WAITING;
		lend_check(s, now, false);
		uint64_t delay = supervisor_delay(s, (now - s->spawned_ns) / SUPERVISOR_MS, cured);

		death_log(s, status, signal, &blame, delay);
		s->proc = NULL;
		supervisor_replace(s, now, delay);
		return;
	}
	if (g->state == GENERATION_STARTING)
		supervisor_failed_start(s, status, signal, &blame);
	else if (!s->killed && (signal || status))
		death_log(s, status, signal, &blame, 0);
	s->proc = NULL;
	s->state = SLOT_ENDED;
	slab_renew(&s->slab);
	generation_check_end(g);
}

static void supervisor_kill(struct slot *s)
{
	s->killed = true;
	proc_kill(s->proc, SIGKILL);
}

static bool supervisor_older(uint64_t now_ns, uint64_t then_ns, uint64_t ms)
{
	return now_ns > then_ns && now_ns - then_ns > ms * SUPERVISOR_MS;
}

/* The heart beats once a turn of the loop and at least four times a second. */
static void supervisor_check_heart(struct slot *s, uint64_t now)
{
	uint64_t beat = s->slab.header->heartbeat_ns;
	struct death_blame b;

	death_blame_read(s, now, &b);
	uint64_t limit = s->state == SLOT_READY ? SUPERVISOR_STUCK_MS : SUPERVISOR_LOAD_MS;
	if (b.any && b.for_ms > limit && supervisor_older(now, beat, limit)) {
		log_error("worker stuck in plugin code: killed", LOG_U("worker", s->index),
			  LOG_I("pid", proc_pid(s->proc)), LOG_S("plugin", b.plugin),
			  LOG_S("version", b.version), LOG_S("hook", b.hook),
			  LOG_S("route", b.route), LOG_S("request_id", b.request_id),
			  LOG_U("for_ms", b.for_ms));
		supervisor_kill(s);
	} else if (s->state == SLOT_READY && supervisor_older(now, beat, SUPERVISOR_DEAD_MS)) {
		log_error("worker without a heartbeat: killed", LOG_U("worker", s->index),
			  LOG_I("pid", proc_pid(s->proc)));
		supervisor_kill(s);
	} else if (s->state == SLOT_READY && !s->slow &&
		   supervisor_older(now, beat, SUPERVISOR_SLOW_MS)) {
		s->slow = true;
		log_warn("worker without a heartbeat", LOG_U("worker", s->index),
			 LOG_I("pid", proc_pid(s->proc)));
	} else if (s->slow && !supervisor_older(now, beat, SUPERVISOR_SLOW_MS)) {
		s->slow = false;
	}
}

static void supervisor_check_proc(struct slot *s, uint64_t now, bool behind)
{
	if (s->lost_ns && supervisor_older(now, s->lost_ns, SUPERVISOR_LOST_MS) &&
	    s->generation->state != GENERATION_DRAINING) {
		log_error("worker has closed its channel and does not end: killed",
			  LOG_U("worker", s->index), LOG_I("pid", proc_pid(s->proc)));
		supervisor_kill(s);
	} else if (s->state == SLOT_STARTING && s->generation->state == GENERATION_LIVE &&
		   supervisor_older(now, s->spawned_ns, SUPERVISOR_START_MS)) {
		log_error("worker not ready in time: killed", LOG_U("worker", s->index),
			  LOG_I("pid", proc_pid(s->proc)));
		supervisor_kill(s);
	} else if (!behind) {
		supervisor_check_heart(s, now);
	}
}

void supervisor_tick(struct slot *s, uint64_t now_ns, bool behind)
{
	lend_check(s, now_ns, !behind);
	refused_check(s, now_ns);
	if (s->state == SLOT_WAITING && now_ns >= s->due_ns) {
		struct error e = { "" };

		if (supervisor_spawn(s, &e)) {
			uint64_t delay = backoff_delay(&s->backoff, 0);

			log_error("worker not replaced yet", LOG_U("worker", s->index),
				  LOG_S("error", e.text), LOG_U("restart_in_ms", delay));
			s->due_ns = now_ns + delay * SUPERVISOR_MS;
		}
	} else if (s->proc && !s->killed) {
		supervisor_check_proc(s, now_ns, behind);
	}
}
