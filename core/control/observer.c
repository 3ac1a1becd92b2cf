/* SPDX-License-Identifier: Apache-2.0 */
#include "control/observer.h"

#include "base/error.h"
#include "config/gateway.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/reload.h"
#include "control/store.h"

enum { OBSERVER_MS = 150 };

/* Whether it is another than the one that serves, and no longer on its way.  before: the print of
 * the last look. */
static bool observer_changed(uint64_t now, uint64_t serves, uint64_t *before)
{
	bool stable = now == *before;

	*before = now;
	return stable && now != serves;
}

static void observer_ask(const struct observer *o, const char *who, bool same_text)
{
	reload_ask(o->control->reload, &(struct reload_request){ .who = who,
								 .same_text = same_text,
								 .only_if_changed = true });
}

static void observer_on_timer(uv_timer_t *t)
{
	struct observer *o = t->data;
	const struct control *c = o->control;

	if (!reload_is_idle(c->reload))
		return;
	const struct gateway_config *config = c->current->config;
	if (config->watch && observer_changed(store_print_file(c->options.file),
					      reload_file_print(c->reload), &o->file))
		observer_ask(o, "file change", false);
	if (config->autoload && observer_changed(store_print_directory(config->plugin_dir),
						 reload_directory_print(c->reload), &o->directory))
		observer_ask(o, "plugin change", true);
}

void observer_start(struct observer *o, struct control *control)
{
	o->control = control;
	must(uv_timer_init(&control->loop, &o->timer) == 0);
	o->timer.data = o;
	must(uv_timer_start(&o->timer, observer_on_timer, OBSERVER_MS, OBSERVER_MS) == 0);
}

void observer_close(struct observer *o)
{
	uv_close((uv_handle_t *)&o->timer, NULL);
}
