/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "control/admin.h"
#include "control/claims.h"
#include "control/generation.h"
#include "control/pidfile.h"
#include "control/privilege.h"
#include "control/reload.h"
#include "control/upgrade.h"
#include "discovery/consul_key.h"
#include "discovery/registration.h"

enum {
	CONTROL_TICK_MS = 100,
	CONTROL_BEHIND_MS = 600, /* a tick that late says that this process stood still */
	CONTROL_GENERATIONS_MAX = 5,
};

static void control_log_start(const struct control *c, const struct gateway_config *config)
{
	int level = c->options.log_level >= 0 ? c->options.log_level : config->log_level;
	int format = c->options.log_format >= 0 ? c->options.log_format : config->log_format;

	log_init((enum log_level)level, format == CONFIG_LOG_JSON, "control");
}

/* ---- ending ---- */

/* Closes what is still open; the loop then comes to its end. */
static void control_finish(struct control *c)
{
	if (c->finished)
		return;
	c->finished = true;
	uv_close((uv_handle_t *)&c->on_term, NULL);
	uv_close((uv_handle_t *)&c->on_int, NULL);
	uv_close((uv_handle_t *)&c->on_hup, NULL);
	uv_close((uv_handle_t *)&c->on_usr2, NULL);
	uv_close((uv_handle_t *)&c->tick, NULL);
	uv_close((uv_handle_t *)&c->linger, NULL);
	registration_close(&c->registration);
	consul_key_close(&c->consul_key);
	observer_close(&c->observer);
	worker_memory_close(&c->worker_memory);
	claims_close(&c->claims);
	reload_close(&c->reload);
	admin_close(&c->admin);
	upgrade_close(&c->upgrade);
	takeover_close(&c->takeover);
	pidfile_remove(c->options.pid_file);
	listen_stop(&c->listen_set);
}

/* New connections are refused as soon as the workers have closed their sockets too. */
static void control_drain(struct control *c)
{
	if (c->draining)
		return;
	c->draining = true;
	listen_stop(&c->listen_set);
	log_info("draining");
	list_each_safe(l, &c->generations)
	{
		struct generation *g = container_of(l, struct generation, link);

		generation_drain(g, g->config->timeouts.drain, g->config->timeouts.drain, false);
	}
	if (list_empty(&c->generations))
		control_finish(c);
}

static void control_on_lingered(uv_timer_t *timer)
{
	control_drain(container_of(timer, struct control, linger));
}

/* Others learn late that it is gone. */
static void control_on_gone(void *arg)
{
	struct control *c = arg;

	registration_close(&c->registration);
	if (!c->draining && c->current)
		uv_timer_start(&c->linger, control_on_lingered,
			       c->current->config->consul.self.linger, 0);
}

static void control_stop(struct control *c, const char *why)
{
	log_info("stopping", LOG_S("why", why));
	notify_stopping(&c->notify, "requests in hand are finished");
	c->stopping = true;
	consul_key_close(&c->consul_key);
	reload_stop(c->reload);
	if (c->registration && c->current)
		registration_leave(c->registration, control_on_gone, c);
	else
		control_drain(c);
}

static void control_stop_now(struct control *c, const char *why)
{
	registration_close(&c->registration);
	uv_timer_stop(&c->linger);
	control_drain(c);
	log_warn("ending at once", LOG_S("why", why));
	/* Not by killing them: what is cut belongs into the access log and the counters. */
	list_each_safe(l, &c->generations)
		generation_drain(container_of(l, struct generation, link), 0, 0, false);
}

void control_hand_over(struct control *c, int pid)
{
	c->stopping = c->draining = true;
	c->listen_set.handed_on = true;
	notify_send(&c->notify, "MAINPID=%d", pid);
	notify_close(&c->notify);
	consul_key_close(&c->consul_key);
	reload_stop(c->reload);
	/* The other registers the same; taking it out would hide both. */
	registration_close(&c->registration);
	admin_retire(c->admin);
	listen_stop(&c->listen_set);
	list_each_safe(l, &c->generations)
	{
		struct generation *g = container_of(l, struct generation, link);

		generation_drain(g, g->config->timeouts.drain, g->config->timeouts.drain_tunnel,
				 true);
	}
}

static void control_on_usr2(uv_signal_t *h, int number)
{
	struct error e = { "" };

	(void)number;
	upgrade_start(h->data, &(struct upgrade_request){ .who = "SIGUSR2" }, &e);
}

static void control_on_signal(uv_signal_t *h, int number)
{
	struct control *c = h->data;
	const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";

	if (!c->stopping)
		control_stop(c, name);
	else
		control_stop_now(c, name);
}

/* ---- generations ---- */

/* Why it does not start: to whoever started it. */
static void control_say(struct control *c, const char *why)
{
	fprintf(stderr, "gatehouse: %s\n", why);
	takeover_note(&c->takeover, why);
}

static void control_print_failure(struct control *c, const struct generation *g)
{
	for (size_t i = 0; i < g->error_count; i++)
		control_say(c, g->errors[i]);
}

static void control_log_ready(const struct control *c, const struct generation *g, bool reload)
{
	char text[64];

	snprintf(text, sizeof(text), "gatehouse %s %s", PACKAGE_VERSION,
		 reload ? "reloaded" : "ready");
	for (size_t i = 0; i < g->config->listen_count; i++)
		log_info(text, LOG_S("on", g->listeners[i]->url), LOG_U("generation", g->number),
			 LOG_U("workers", g->slot_count), LOG_S("admin", admin_url(c->admin)));
}

/* Sockets that no worker of the generation accepts from must not take connections: those that a
 * failed reload has added, and what is more than workers can share. */
static void control_trim_sockets(const struct generation *g)
{
	for (size_t i = 0; i < g->config->listen_count; i++)
		listen_trim(g->listeners[i], g->sockets[i]);
}

/* A generation that drains keeps its memory: when there are too many, the oldest must go. */
static void control_limit_generations(struct control *c)
{
	unsigned n = 0;

	list_each(l, &c->generations) n++;
	list_each(l, &c->generations)
	{
		struct generation *g = container_of(l, struct generation, link);

		if (n-- <= CONTROL_GENERATIONS_MAX)
			return;
		log_warn("too many generations drain: the oldest is ended",
			 LOG_U("generation", g->number));
		generation_kill(g);
	}
}

static void control_on_left(void *arg)
{
	struct registration *r = arg;

	registration_close(&r);
}

/* What registered for the generation before gives way. */
static void control_register(struct control *c, const struct gateway_config *config)
{
	struct registration *old = c->registration;
	struct error e;

	c->registration = registration_start(&c->loop, config, &e);
	if (e.text[0])
		log_error("cannot register in Consul", LOG_S("error", e.text));
	if (old && c->registration && registration_same(old, c->registration))
		registration_close(&old);
	else if (old)
		registration_leave(old, control_on_left, old);
}

/* The first generation serves, and no other gateway has a part in it. */
static void control_begin(struct control *c)
{
	struct error e = { "" };

	passed_report(&c->passed);
	passed_trim(&c->passed);
	if (pidfile_write(c->options.pid_file, &e))
		log_error("no pid file", LOG_S("error", e.text));
	control_tell_ready(c, "");
}

/* The gateway before has stepped back: this one answers for all that it did. */
static void control_on_go(void *arg)
{
	struct control *c = arg;

	c->listen_set.handed_on = false;
	admin_serve(c->admin);
	if (!c->current)
		return;
	log_info("took over from another process");
	control_register(c, c->current->config);
	control_begin(c);
	takeover_serving(&c->takeover);
}

static void control_on_ready(void *arg, struct generation *g)
{
	struct control *c = arg;
	struct generation *old = c->current;

	if (c->stopping)
		return;
	c->current = g;
	generation_serve(g, old);
	/* Those that drain keep what they hold. */
	if (quarantine_forget(&c->quarantine, g->slots[0].plugins))
		log_info("quarantine ended: another file took the plugin's place");
	if (old) {
		c->reloads++;
		c->reloaded_us = clock_wall_us();
		control_trim_sockets(g);
		control_log_start(c, g->config);
		generation_drain(old, old->config->timeouts.drain,
				 old->config->timeouts.drain_tunnel, true);
		control_limit_generations(c);
	}
	if (old || !c->takeover.on)
		control_register(c, g->config);
	claims_serve(c->claims, g->config);
	control_log_ready(c, g, old != NULL);
	if (!old) {
		bound_drop(&c->bound, &c->listen_set);
		if (c->takeover.on)
			takeover_ready(&c->takeover);
		else
			control_begin(c);
	}
	reload_on_ready(c->reload, g);
}

void control_check_end(struct control *c)
{
	if (!c->stopping || !list_empty(&c->generations) || c->finished ||
	    upgrade_waits(c->upgrade))
		return;
	log_info("ended");
	control_finish(c);
}

static void control_on_end(void *arg, struct generation *g)
{
	struct control *c = arg;

	list_remove(&g->link);
	for (uint32_t i = 0; i < g->slot_count; i++) {
		total_add_slab(&c->ended, &g->slots[i].slab, false);
		c->ended_restarts += g->slots[i].restarts;
	}
	if (g->failed && !c->current && !c->stopping) {
		control_print_failure(c, g);
		c->status = 1;
		control_finish(c);
	} else if (g->failed && !c->stopping) {
		control_trim_sockets(c->current);
		reload_on_failed(c->reload, g);
	}
	log_debug("generation ended", LOG_U("generation", g->number));
	if (g == c->current)
		c->current = NULL;
	generation_free(g);
	/* Two generations lived side by side: what that took goes back to the system. */
	malloc_trim(0);
	control_check_end(c);
}

void control_hold(struct control *c)
{
	json_t *held = quarantine_list(&c->quarantine);

	list_each(l, &c->generations)
		generation_hold(container_of(l, struct generation, link), held);
	json_decref(held);
}

static void control_on_hold(void *arg)
{
	control_hold(arg);
}

static const struct generation_events control_events = { control_on_ready, control_on_end,
							 control_on_hold };

void control_first_failed(struct control *c, const json_t *errors)
{
	const json_t *text;
	size_t i;

	json_array_foreach(errors, i, text) control_say(c, json_string_value(text));
	c->status = 1;
	control_finish(c);
}

struct generation *control_start_generation(struct control *c, struct gateway_config *config,
					    struct handed_set *handed, struct error *e)
{
	struct generation *g = generation_start(
		&(struct generation_spec){
			.loop = &c->loop,
			.number = ++c->last_number,
			.config = config,
			.handed = handed,
			.listen_set = &c->listen_set,
			.quarantine = &c->quarantine,
			.log_level = c->options.log_level,
			.log_format = c->options.log_format,
			.before = c->current,
			.saved = takeover_services(&c->takeover),
			.events = &control_events,
			.arg = c,
		},
		e);

	if (g)
		list_push(&c->generations, &g->link);
	return g;
}

void control_tell_ready(struct control *c, const char *what)
{
	const struct generation *g = c->current;
	char text[512];

	if (!g || c->stopping)
		return;
	snprintf(text, sizeof(text), "%s%sgeneration %" PRIu64 " serves with %" PRIu32 " workers",
		 what, *what ? "; " : "", g->number, g->slot_count);
	notify_ready(&c->notify, getpid(), text);
}

static void control_on_hup(uv_signal_t *h, int number)
{
	struct control *c = h->data;

	(void)number;
	reload_ask(c->reload, &(struct reload_request){ .who = "SIGHUP" });
}

/* A key that goes takes nothing with it: what serves goes on. */
static void control_on_key(void *arg, struct str value)
{
	struct control *c = arg;

	if (value.p)
		reload_ask(c->reload, &(struct reload_request){ .who = "consul-kv",
								.text = &value,
								.only_if_changed = true });
	else
		log_warn("there is no such key in Consul; what serves stays",
			 LOG_S("key", c->options.consul_key));
}

/* ---- starting ---- */

static void control_on_tick(uv_timer_t *t)
{
	struct control *c = t->data;
	uint64_t now = clock_mono_ns();
	bool behind = now - c->tick_ns > CONTROL_BEHIND_MS * UINT64_C(1000000);

	c->tick_ns = now;
	notify_tick(&c->notify, now);
	list_each_safe(l, &c->generations)
		generation_tick(container_of(l, struct generation, link), now, behind);
}

static void control_watch(struct control *c, uv_signal_t *h, uv_signal_cb cb, int number)
{
	must(uv_signal_init(&c->loop, h) == 0);
	h->data = c;
	must(uv_signal_start(h, cb, number) == 0);
}

/* Each connection takes a descriptor: workers inherit the highest limit there is. */
static void control_raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void control_note_errors(struct control *c, struct config_errors *errors)
{
	config_errors_print(errors, c->options.file, stderr);
	for (size_t i = 0; i < errors->count; i++) {
		char *line = config_error_line(&errors->items[i], c->options.file);

		takeover_note(&c->takeover, line);
		free(line);
	}
}

static struct gateway_config *control_load(struct control *c)
{
	struct str text = takeover_text(&c->takeover);
	struct config_errors errors = { 0 };
	json_t *utf8 = json_string(c->options.file);

	if (!utf8) {
		fprintf(stderr, "gatehouse: the configuration's path must be UTF-8\n");
		return NULL;
	}
	json_decref(utf8);
	struct gateway_config *config = gateway_config_load(c->options.file, text.p ? &text : NULL,
							    &errors);
	if (!config)
		control_note_errors(c, &errors);
	config_errors_fini(&errors);
	return config;
}

static int control_follow_key(struct control *c, const struct gateway_config *config,
			      struct error *e)
{
	if (!c->options.consul_key)
		return 0;
	c->consul_key = consul_key_start(&(struct consul_key_spec){ .loop = &c->loop,
								    .config = config,
								    .key = c->options.consul_key,
								    .cb = control_on_key,
								    .arg = c },
					 e);
	return c->consul_key ? 0 : -1;
}

static int control_prepare(struct control *c, const struct gateway_config *config, struct error *e)
{
	struct privilege who;

	if (privilege_find(config, c->options.user, &who, e) || control_follow_key(c, config, e))
		return -1;
	if (config->admin_on) {
		c->admin = admin_open(c, &config->admin, e);
		if (!c->admin)
			return -1;
	}
	return bound_leave_root(&c->bound, &c->listen_set, config, &who, e);
}

static int control_start(struct control *c, struct gateway_config *config, struct error *e)
{
	if (control_prepare(c, config, e)) {
		gateway_config_free(config);
		return -1;
	}
	claims_begin(c->claims, config);
	reload_first(c->reload, config);
	return 0;
}

static void control_open(struct control *c)
{
	must(uv_loop_init(&c->loop) == 0);
	must(uv_timer_init(&c->loop, &c->tick) == 0);
	c->tick.data = c;
	must(uv_timer_init(&c->loop, &c->linger) == 0);
	c->tick_ns = clock_mono_ns();
	must(uv_timer_start(&c->tick, control_on_tick, CONTROL_TICK_MS, CONTROL_TICK_MS) == 0);
	signal(SIGPIPE, SIG_IGN);
	control_watch(c, &c->on_term, control_on_signal, SIGTERM);
	control_watch(c, &c->on_int, control_on_signal, SIGINT);
	control_watch(c, &c->on_hup, control_on_hup, SIGHUP);
	control_watch(c, &c->on_usr2, control_on_usr2, SIGUSR2);
	takeover_wait(&c->takeover, &c->loop, control_on_go, c);
	c->claims = claims_open(c);
	c->reload = reload_open(c);
	observer_start(&c->observer, c);
	worker_memory_start(&c->worker_memory, c);
}

int control_run(const struct control_options *options)
{
	static struct control c;
	struct error e = { "" };
	struct gateway_config *config;

	c = (struct control){ .options = *options,
			      .started_us = clock_wall_us(),
			      .started_ns = clock_mono_ns() };
	upgrade_init();
	takeover_read(&c.takeover, &c);
	config = control_load(&c);
	if (!config) {
		takeover_close(&c.takeover);
		return 1;
	}
	list_init(&c.generations);
	control_log_start(&c, config);
	notify_open(&c.notify);
	passed_read(&c.passed);
	c.listen_set.passed = &c.passed;
	c.listen_set.handed_on = c.takeover.on;
	control_raise_limits();
	control_open(&c);
	if (control_start(&c, config, &e)) {
		control_say(&c, e.text);
		c.status = 1;
		control_finish(&c);
	}
	uv_run(&c.loop, UV_RUN_DEFAULT);
	bound_drop(&c.bound, &c.listen_set);
	total_fini(&c.ended);
	quarantine_fini(&c.quarantine);
	passed_fini(&c.passed);
	notify_close(&c.notify);
	uv_loop_close(&c.loop);
	return c.status;
}
