/* SPDX-License-Identifier: Apache-2.0 */
/* The Consul agent: questions that block until the index moves, and all the ways in which agents
 * were seen to go wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum {
	AGENT_BLIND_MS = WORLD_WAIT_MS * 17 / 16, /* the longest that a question waits */
	AGENT_DEADLINE_MS = AGENT_BLIND_MS + 10000
};

static uint64_t agent_latency(struct world *w)
{
	return 1 + rand_below(&w->rand, world_chance(w, 20) ? 3000 : 50);
}

static bool agent_answers(const struct world *w)
{
	return w->agent.mode == AGENT_GOOD || w->agent.mode >= AGENT_NO_LEADER;
}

static enum watch_fault agent_fault(const struct world *w)
{
	static const enum watch_fault faults[AGENT_MODES] = {
		[AGENT_UNREACHABLE] = WATCH_UNREACHABLE, [AGENT_LIMITED] = WATCH_LIMITED,
		[AGENT_DENIED] = WATCH_DENIED,           [AGENT_FAILED] = WATCH_FAILED,
		[AGENT_GARBLED] = WATCH_GARBLED,         [AGENT_SILENT] = WATCH_UNREACHABLE,
	};

	return faults[w->agent.mode];
}

static void agent_fail(struct world *w, uint64_t at_ms)
{
	w->question.fails = true;
	w->question.fault = agent_fault(w);
	w->question.end_ms = at_ms;
}

/* What becomes of the question that is open, as things are now. */
static void agent_look(struct world *w)
{
	struct sim_question *q = &w->question;

	if (!w->watch.asking || q->end_ms != UINT64_MAX)
		return;
	if (w->agent.mode == AGENT_SILENT)
		return;
	if (!agent_answers(w))
		agent_fail(w, w->now + agent_latency(w));
	else if (q->index == 0 || w->agent.index > q->index || w->agent.mode >= AGENT_EMPTY)
		q->end_ms = w->now + agent_latency(w);
}

/* What it holds is new now; blind_ms: and nobody can know that for so long. */
static void agent_note_change(struct world *w, uint64_t blind_ms)
{
	if (w->agent.changed_ms < w->now + blind_ms)
		w->agent.changed_ms = w->now + blind_ms;
}

void agent_changed(struct world *w)
{
	w->agent.index += 1 + rand_below(&w->rand, 5);
	agent_note_change(w, 0);
	agent_look(w);
}

void agent_change_mode(struct world *w)
{
	enum agent_mode was = w->agent.mode;
	/* Good about half of the time. */
	enum agent_mode to = was != AGENT_GOOD && !world_chance(w, 4) ?
				     AGENT_GOOD :
				     (enum agent_mode)rand_below(&w->rand, AGENT_MODES);

	w->agent.mode = to;
	w->totals->modes[to]++;
	if (to == AGENT_GOOD && was != AGENT_GOOD)
		w->agent.good_ms = w->now;
	world_say(w, "agent: mode %d", (int)to);
	for (size_t i = 0; i < w->count; i++) {
		struct sim_instance *item = &w->all[i];

		item->was_registered = item->registered;
		item->was_status = item->status;
		item->left_out = world_chance(w, 2);
	}
	agent_look(w);
}

/* All is forgotten, and what lives registers again within seconds (world.c does that). */
void agent_restart(struct world *w)
{
	world_say(w, "agent: restart");
	for (size_t i = 0; i < w->count; i++)
		w->all[i].registered = false;
	w->agent.index = 1 + rand_below(&w->rand, 20);
	/* Between two questions nobody notices: the next one blocks at an index of the agent's past
	 * until it expires. */
	agent_note_change(w, w->watch.asking ? 0 : WATCH_SLOW_MS + AGENT_BLIND_MS);
	if (!w->watch.asking)
		return;
	if (world_chance(w, 2)) {
		w->question.fails = true;
		w->question.fault = WATCH_UNREACHABLE;
	}
	w->question.end_ms = w->now + agent_latency(w);
}

/* A snapshot is restored: the open question returns at once with old data and the same index, and
 * the index does not tell of what has changed. */
void agent_restore(struct world *w)
{
	size_t i = rand_below(&w->rand, w->count);

	world_say(w, "agent: restore, i%zu %s", i, w->all[i].registered ? "gone" : "there");
	if (w->watch.asking && agent_answers(w) && w->question.end_ms == UINT64_MAX) {
		w->question.end_ms = w->now + agent_latency(w);
		w->question.old = true;
	}
	for (size_t k = 0; k < w->count; k++) {
		w->all[k].was_registered = w->all[k].registered;
		w->all[k].was_status = w->all[k].status;
	}
	w->all[i].registered = !w->all[i].registered;
	w->all[i].status = INSTANCE_PASSING;
	/* An answer that would have come about now anyhow does not look early: it takes another
	 * question until the change is seen. */
	if (w->watch.asking && w->now - w->watch.asked_ms > WORLD_WAIT_MS - 5000)
		agent_note_change(w, AGENT_BLIND_MS);
	else
		agent_note_change(w, w->watch.asking ? 0 : AGENT_BLIND_MS);
}

void agent_ask(struct world *w)
{
	struct watch *watch = &w->watch;

	watch_asked(watch, w->now);
	w->asked_ms[w->questions++ % 64] = w->now;
	w->totals->questions++;
	w->question = (struct sim_question){
		.index = watch->ask_index,
		.end_ms = UINT64_MAX,
		.expires_ms = w->now + WORLD_WAIT_MS + rand_below(&w->rand, WORLD_WAIT_MS / 16),
	};
	if (w->agent.mode == AGENT_SILENT)
		agent_fail(w, w->now + AGENT_DEADLINE_MS);
	else
		agent_look(w);
}

/* The answer's instances, as the agent is now. */
static struct instance_set agent_content(const struct world *w)
{
	enum agent_mode mode = w->agent.mode;
	bool old = mode == AGENT_OLD || w->question.old;
	struct instance_set set = { 0 };

	for (size_t i = 0; i < w->count && mode != AGENT_EMPTY; i++) {
		const struct sim_instance *item = &w->all[i];
		struct instance *out;
		char id[3] = { 'i', (char)('0' + i), '\0' };

		if (!(old ? item->was_registered : item->registered) ||
		    (mode == AGENT_PARTIAL && item->left_out))
			continue;
		out = instance_set_add(&set, id, "10.0.0.1");
		out->port = (uint16_t)(8000 + i);
		out->weight = 1;
		out->status = old ? item->was_status : item->status;
	}
	instance_set_sort(&set);
	return set;
}

static void agent_answer(struct world *w)
{
	struct instance_set set = agent_content(w);
	struct watch_answer answer = {
		.index = w->question.old ? w->question.index : w->agent.index,
		.known_leader = w->agent.mode != AGENT_NO_LEADER,
		.last_contact_ms = w->agent.mode == AGENT_OLD ? 20000 : 0,
		.set = &set,
	};

	if (world_chance(w, 200))
		answer.index = 0; /* an agent without the header */
	world_say(w, "answer: %zu instances, index %llu%s", set.count,
		  (unsigned long long)answer.index, w->question.old ? ", of before" : "");
	model_answered(w, &set, answer.known_leader && answer.last_contact_ms == 0);
	w->totals->answers++;
	watch_answered(&w->watch, w->now, &answer);
}

void agent_end(struct world *w)
{
	w->changed = true;
	if (w->question.fails || !agent_answers(w)) {
		enum watch_fault fault = w->question.fails ? w->question.fault : agent_fault(w);

		world_say(w, "fault %d", (int)fault);
		w->totals->faults++;
		model_failed(w);
		watch_failed(&w->watch, w->now, fault);
		return;
	}
	agent_answer(w);
}
