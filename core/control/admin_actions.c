/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin_actions.h"

#include "base/error.h"
#include "control/admin_pages.h"
#include "control/control.h"
#include "control/reload.h"

static void action_on_reloaded(void *arg, const struct reload_outcome *o)
{
	struct admin_pending *p = arg;

	p->ask = NULL;
	p->reply->status = o->done ? 200 : 409;
	admin_json(p->reply,
		   json_pack("{s:s, s:I, s:O, s:O}", "outcome", o->done ? "done" : "refused",
			     "generation", (json_int_t)o->generation, "errors", o->errors, "notes",
			     o->notes));
	p->done(p);
}

static bool action_reload(struct control *c, struct str body, struct admin_pending *p)
{
	(void)body;
	p->ask = reload_ask(c->reload, &(struct reload_request){ .who = "admin",
								 .on_outcome = action_on_reloaded,
								 .arg = p });
	return false;
}

static const struct {
	const char *path;
	bool (*run)(struct control *, struct str body, struct admin_pending *);
} admin_actions[] = {
	{ "/reload", action_reload },
};

enum { ADMIN_ACTIONS = sizeof(admin_actions) / sizeof(admin_actions[0]) };

static size_t action_find(struct str path)
{
	size_t i = 0;

	while (i < ADMIN_ACTIONS && !str_eq(path, str_from(admin_actions[i].path)))
		i++;
	return i;
}

bool admin_action_exists(struct str path)
{
	return action_find(path) < ADMIN_ACTIONS;
}

bool admin_action(struct control *c, struct str path, struct str body, struct admin_pending *p)
{
	size_t i = action_find(path);

	must(i < ADMIN_ACTIONS);
	return admin_actions[i].run(c, body, p);
}

void admin_action_forget(struct admin_pending *p)
{
	if (p->ask)
		reload_forget(p->ask);
	p->ask = NULL;
}
