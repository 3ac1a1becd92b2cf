/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_asks.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"
#include "control/reload.h"

struct reload_ask {
	struct list link;
	char *who;
	bool same_text, only_if_changed;
	reload_cb on_outcome; /* NULL: nobody wants to know */
	void *arg;
};

void reload_asks_init(struct reload_asks *asks)
{
	list_init(&asks->waiting);
	list_init(&asks->serving);
}

struct reload_ask *reload_asks_add(struct reload_asks *asks, const struct reload_request *request)
{
	struct reload_ask *ask = xcalloc(1, sizeof(*ask));

	ask->who = xstrdup(request->who);
	ask->same_text = request->same_text;
	ask->only_if_changed = request->only_if_changed;
	ask->on_outcome = request->on_outcome;
	ask->arg = request->arg;
	list_push(&asks->waiting, &ask->link);
	return ask;
}

void reload_forget(struct reload_ask *ask)
{
	ask->on_outcome = NULL;
}

bool reload_asks_any(const struct reload_asks *asks)
{
	return !list_empty(&asks->waiting);
}

static void reload_asks_move(struct list *from, struct list *to)
{
	list_each_safe(l, from)
	{
		list_remove(l);
		list_push(to, l);
	}
}

const char *reload_asks_take(struct reload_asks *asks)
{
	must(!list_empty(&asks->waiting));
	const struct reload_ask *first = container_of(asks->waiting.next, struct reload_ask, link);

	reload_asks_move(&asks->waiting, &asks->serving);
	return first->who;
}

bool reload_asks_same_text(const struct reload_asks *asks)
{
	list_each(l, &asks->serving)
	{
		if (!container_of(l, struct reload_ask, link)->same_text)
			return false;
	}
	return true;
}

bool reload_asks_only_if_changed(const struct reload_asks *asks)
{
	list_each(l, &asks->serving)
	{
		if (!container_of(l, struct reload_ask, link)->only_if_changed)
			return false;
	}
	return true;
}

static void reload_asks_answer(struct list *asks, const struct reload_outcome *outcome)
{
	while (!list_empty(asks)) {
		struct reload_ask *ask = container_of(asks->next, struct reload_ask, link);

		list_remove(&ask->link);
		if (ask->on_outcome)
			ask->on_outcome(ask->arg, outcome);
		free(ask->who);
		free(ask);
	}
}

/* Of a list of its own: who asks again while others are told waits for another outcome. */
void reload_asks_tell(struct reload_asks *asks, const struct reload_outcome *outcome)
{
	struct list told;

	list_init(&told);
	reload_asks_move(&asks->serving, &told);
	reload_asks_answer(&told, outcome);
}

void reload_asks_refuse(struct reload_asks *asks)
{
	json_t *errors = json_pack("[s]", "the gateway is ending"), *notes = json_array();
	struct reload_outcome outcome = { .errors = errors, .notes = notes };

	must(errors && notes);
	reload_asks_move(&asks->waiting, &asks->serving);
	reload_asks_tell(asks, &outcome);
	json_decref(errors);
	json_decref(notes);
}
