/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_rollout.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/handed.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/handed_set.h"
#include "control/reload_texts.h"

void reload_rollout_note(json_t *notes, const struct control_options *options,
			 const struct gateway_config *before, const struct gateway_config *new)
{
	const char *was = before->admin_on ? before->admin.text : "off";
	const char *is = new->admin_on ? new->admin.text : "off";

	if (strcmp(was, is) != 0)
		reload_texts_addf(notes, "admin: \"%s\" from the next start on, still \"%s\" now",
				  is, was);
	if (!options->user && (str_cmp(str_from(before->user), str_from(new->user)) ||
			       str_cmp(str_from(before->group), str_from(new->group))))
		reload_texts_add(notes, "user, group: from the next start on");
	if (options->log_level >= 0 && new->log_level != options->log_level)
		reload_texts_add(notes, "log.level: the command line's --log-level wins");
	if (options->log_format >= 0 && new->log_format != options->log_format)
		reload_texts_add(notes, "log.format: the command line's --log-format wins");
}

const struct generation *reload_rollout_start(struct control *c, struct gateway_config *config,
					      struct handed_set *handed, json_t *errors)
{
	struct config_errors found = { 0 };
	struct error e = { "" };
	struct generation *g = NULL;

	if (handed_apply(config, handed->json, -1, &found) == 0) {
		g = control_start_generation(c, config, handed_set_ref(handed), &e);
		if (!g)
			reload_texts_add(errors, e.text);
	} else {
		gateway_config_free(config);
	}
	reload_texts_add_errors(errors, &found, c->options.file);
	config_errors_fini(&found);
	return g;
}

void reload_rollout_failed(const struct generation *g, json_t *errors)
{
	for (size_t i = 0; i < g->error_count; i++)
		reload_texts_add(errors, g->errors[i]);
	if (!g->error_count)
		reload_texts_add(errors, "the new workers ended before they were ready");
}
