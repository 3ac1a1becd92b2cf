/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void world_print_time(const struct world *w, FILE *out)
{
	uint64_t s = w->now / 1000;

	fprintf(out, "%02llu:%02llu:%02llu.%03llu  ", (unsigned long long)(s / 3600),
		(unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60),
		(unsigned long long)(w->now % 1000));
}

void world_say(const struct world *w, const char *format, ...)
{
	va_list ap;

	if (!w->trace)
		return;
	world_print_time(w, stdout);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

void world_wrong(struct world *w, const char *format, ...)
{
	va_list ap;

	if (w->wrong[0])
		return;
	va_start(ap, format);
	vsnprintf(w->wrong, sizeof(w->wrong), format, ap);
	va_end(ap);
	world_say(w, "WRONG: %s", w->wrong);
}

bool world_chance(struct world *w, uint64_t n)
{
	return rand_below(&w->rand, n) == 0;
}

/* ---- what happens to instances ---- */

static void world_set_alive(struct world *w, size_t i, bool alive)
{
	struct sim_instance *item = &w->all[i];

	world_say(w, "i%zu: %s", i, alive ? "starts" : "crashes");
	item->alive = alive;
	item->sick = 0;
	item->well_ms = w->now;
	if (alive && !item->registered) {
		item->registered = true;
		item->status = INSTANCE_PASSING;
		agent_changed(w);
	}
}

static void world_set_sick(struct world *w, size_t i)
{
	static const double sick[] = { 0, 0, 0.05, 0.5, 1 };
	struct sim_instance *item = &w->all[i];

	item->sick = sick[rand_below(&w->rand, 5)];
	item->well_ms = w->now;
	world_say(w, "i%zu: fails %.0f %%", i, item->sick * 100);
}

static void world_set_status(struct world *w, size_t i)
{
	struct sim_instance *item = &w->all[i];

	if (item->status != INSTANCE_PASSING)
		item->status = INSTANCE_PASSING;
	else
		item->status = world_chance(w, 2) ? INSTANCE_MAINTENANCE : INSTANCE_CRITICAL;
	world_say(w, "i%zu: status %d", i, (int)item->status);
	agent_changed(w);
}

static void world_set_registered(struct world *w, size_t i)
{
	struct sim_instance *item = &w->all[i];

	item->registered = !item->registered;
	item->status = INSTANCE_PASSING;
	world_say(w, "i%zu: %s", i, item->registered ? "registers" : "deregisters");
	agent_changed(w);
}

/* The same to all at once. */
static void world_strike_all(struct world *w)
{
	uint64_t what = rand_below(&w->rand, 5);

	for (size_t i = 0; i < w->count; i++) {
		if (what == 0)
			world_set_alive(w, i, false);
		else if (what == 1)
			world_set_sick(w, i);
		else if (what == 2)
			world_set_status(w, i);
		else
			world_set_alive(w, i, true);
	}
}

static void world_crash(struct world *w, size_t i)
{
	world_set_alive(w, i, false);
}

static void world_start(struct world *w, size_t i)
{
	world_set_alive(w, i, true);
}

static void world_flood(struct world *w)
{
	w->flood_until_ms = w->now + 1000 + rand_below(&w->rand, 20000);
	w->traffic_ms = w->now;
	world_say(w, "flood");
}

/* As often as they stand here. */
static void world_event(struct world *w)
{
	static void (*const to_one[])(struct world *, size_t) = {
		world_crash,      world_crash,          world_start,    world_start,
		world_start,      world_set_sick,       world_set_sick, world_set_status,
		world_set_status, world_set_registered,
	};
	static void (*const to_all[])(struct world *) = {
		agent_change_mode, agent_change_mode, agent_restart,
		agent_restore,     world_strike_all,  world_flood,
	};
	enum { ONE = sizeof(to_one) / sizeof(to_one[0]), ALL = sizeof(to_all) / sizeof(to_all[0]) };
	uint64_t what = rand_below(&w->rand, ONE + ALL);

	if (what < ONE)
		to_one[what](w, rand_below(&w->rand, w->count));
	else
		to_all[what - ONE](w);
	/* Often things come together, and then nothing for long. */
	w->event_ms = w->now + (world_chance(w, 3) ? rand_below(&w->rand, 3000) :
						     rand_below(&w->rand, 400000));
}

/* ---- the code under test ---- */

/* What the watch offers, and who of these is used. */
static void world_publish(struct world *w)
{
	struct instance_set view = watch_view(&w->watch);
	struct fit fits[WORLD_INSTANCES] = { { 0 } };
	enum fit_level level;

	w->totals->holds += w->watch.holding > 0;
	w->totals->panics += w->watch.panicking > 0;
	for (size_t i = 0; i < w->count; i++) {
		char id[3] = { 'i', (char)('0' + i), '\0' };
		const struct instance *item = instance_set_find(&view, id);
		struct sim_instance *own = &w->all[i];
		bool offered = item && item->usable;

		if (offered && !own->offered) {
			own->offered_ms = w->now;
			outlier_offered(&own->outlier, w->now);
		}
		own->offered = offered;
		fits[i] = (struct fit){ .offered = offered, .state = own->outlier.state };
	}
	instance_set_fini(&view);
	level = fit_choose(fits, w->count, w->panic);
	w->totals->level[level]++;
	for (size_t i = 0; i < w->count; i++)
		w->all[i].used = fits[i].used;
	w->changed = false;
}

static void world_judge(struct world *w)
{
	struct outlier *all[WORLD_INSTANCES];
	enum outlier_state before[WORLD_INSTANCES];
	bool over = w->now >= w->interval_end_ms;
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++) {
		before[i] = w->all[i].outlier.state;
		if (w->all[i].offered)
			all[n++] = &w->all[i].outlier;
	}
	outlier_judge(&w->rules, all, n, over, &w->rand, w->now);
	if (over)
		w->interval_end_ms = w->now + w->rules.interval_ms;
	model_judged(w, before);
	for (size_t i = 0; i < w->count; i++) {
		const struct outlier *o = &w->all[i].outlier;

		if (o->state == before[i])
			continue;
		w->changed = true;
		w->totals->ejections += o->state == OUTLIER_EJECTED;
		w->totals->downs += o->state == OUTLIER_DOWN;
		w->totals->returns += o->state == OUTLIER_IN;
		world_say(w, "i%zu: %s", i,
			  o->state == OUTLIER_IN      ? "in again" :
			  o->state == OUTLIER_EJECTED ? "ejected" :
							"down");
	}
}

/* ---- time ---- */

static void world_earlier(uint64_t *at, uint64_t other)
{
	if (other < *at)
		*at = other;
}

static uint64_t world_next(const struct world *w)
{
	uint64_t at = w->event_ms;

	world_earlier(&at, w->traffic_ms);
	world_earlier(&at, watch_due(&w->watch));
	world_earlier(&at, breakers_due(w));
	if (w->watch.asking) {
		world_earlier(&at, w->question.end_ms);
		if (!w->question.fails)
			world_earlier(&at, w->question.expires_ms);
	}
	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];

		if (own->offered && own->outlier.state == OUTLIER_DOWN)
			world_earlier(&at, own->outlier.probe_at_ms);
		if (own->offered && own->outlier.state == OUTLIER_EJECTED)
			world_earlier(&at, own->outlier.until_ms);
	}
	return at > w->now ? at : w->now;
}

static bool world_question_over(const struct world *w)
{
	const struct sim_question *q = &w->question;

	return w->watch.asking && (q->end_ms <= w->now || (!q->fails && q->expires_ms <= w->now));
}

static void world_step(struct world *w)
{
	uint64_t next = world_next(w);

	w->idle_steps = next == w->now ? w->idle_steps + 1 : 0;
	if (w->idle_steps > WORLD_IDLE_STEPS)
		world_wrong(w, "time stands still");
	w->now = next;
	if (w->now >= w->event_ms)
		world_event(w);
	if (world_question_over(w))
		agent_end(w);
	w->changed |= watch_tick(&w->watch, w->now);
	if (!w->watch.asking && w->watch.ask_at_ms <= w->now)
		agent_ask(w);
	if (w->changed)
		world_publish(w);
	if (w->now >= w->traffic_ms)
		traffic_send(w);
	traffic_probe(w);
	world_judge(w);
	breakers_judge(w);
	if (w->changed)
		world_publish(w);
	model_check(w);
	w->totals->steps++;
}

static void world_begin(struct world *w)
{
	static const double shares[] = { 0.1, 0.3, 0.5, 1 };
	struct watch_rules rules = { .wait_ms = WORLD_WAIT_MS, .hold_ms = WORLD_HOLD_MS };

	w->panic = !world_chance(w, 4);
	rules.panic = w->panic;
	w->count = 1 + rand_below(&w->rand, WORLD_INSTANCES);
	w->rules = (struct outlier_rules){
		.row = 5,
		.gap = 0.3,
		.requests = 50,
		.interval_ms = 10000,
		.time_ms = 30000,
		.time_max_ms = 300000,
		.share = shares[rand_below(&w->rand, 4)],
		.refused = true,
	};
	breakers_begin(w);
	w->agent.index = 10;
	for (size_t i = 0; i < w->count; i++)
		w->all[i].alive = w->all[i].registered = true;
	watch_init(&w->watch, &rules, &w->rand);
	watch_start(&w->watch, w->now);
	w->event_ms = w->now + 5000;
	w->end_ms = w->now + WORLD_DAY_MS;
}

void world_run(struct world *w, uint64_t seed, bool trace, struct sim_totals *totals)
{
	*w = (struct world){ .seed = seed, .trace = trace, .totals = totals };
	rand_seed(&w->rand, seed);
	w->now = 1000;
	world_begin(w);
	while (w->now < w->end_ms && !w->wrong[0])
		world_step(w);
	totals->retries += w->retries;
}

void world_fini(struct world *w)
{
	watch_fini(&w->watch);
}
