/* SPDX-License-Identifier: Apache-2.0 */
#include "control/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "control/control.h"
#include "control/generation.h"

struct release {
	struct control *control;
	char *name;
	char hash[17];
	reload_cb cb; /* NULL: nobody wants to know */
	void *arg;
};

static bool release_is_known(const struct control *c, const char *name)
{
	const json_t *loaded = c->current ? c->current->slots[0].plugins : NULL, *plugin;
	size_t i;

	json_array_foreach(loaded, i, plugin)
	{
		const char *is = json_string_value(json_object_get(plugin, "name"));

		if (is && strcmp(is, name) == 0)
			return true;
	}
	return false;
}

static void release_on_outcome(void *arg, const struct reload_outcome *outcome)
{
	struct release *r = arg;
	struct control *c = r->control;

	if (outcome->done) {
		log_info("plugin released from quarantine", LOG_S("plugin", r->name),
			 LOG_S("hash", r->hash), LOG_U("generation", outcome->generation));
	} else {
		log_warn("plugin not released: it stays in quarantine", LOG_S("plugin", r->name),
			 LOG_S("hash", r->hash));
		quarantine_hold(&c->quarantine, r->name, r->hash, clock_wall_us());
		/* A worker that was replaced meanwhile has loaded it. */
		control_hold(c);
	}
	if (r->cb)
		r->cb(r->arg, outcome);
	free(r->name);
	free(r);
}

enum release_answer release_start(struct control *c, const char *name, reload_cb cb, void *arg,
				  struct release **out)
{
	char hash[17];

	if (!quarantine_release(&c->quarantine, name, hash))
		return release_is_known(c, name) ? RELEASE_HELD_NOT : RELEASE_UNKNOWN;
	struct release *r = xcalloc(1, sizeof(*r));
	*r = (struct release){ .control = c, .name = xstrdup(name), .cb = cb, .arg = arg };
	memcpy(r->hash, hash, sizeof(hash));
	reload_ask(c->reload, &(struct reload_request){ .who = "plugin release",
							.same_text = true,
							.on_outcome = release_on_outcome,
							.arg = r });
	*out = r;
	return RELEASE_STARTED;
}

void release_forget(struct release *r)
{
	r->cb = NULL;
}
