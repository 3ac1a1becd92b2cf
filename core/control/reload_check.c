/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/secrets.h"
#include "control/handed_set.h"
#include "control/reload_texts.h"
#include "control/store.h"

struct inspect *reload_check_start(const struct reload_check_spec *spec, struct error *e)
{
	struct str text = spec->config->text;
	char size[24];
	const char *operands[] = { "reload", spec->file, size, NULL };
	char *handed = json_dumps(spec->handed->json, JSON_COMPACT);
	char *hidden = secrets_hide(spec->config);
	struct buf input = { 0 };

	must(handed);
	snprintf(size, sizeof(size), "%zu", text.n);
	buf_append(&input, hidden, text.n);
	buf_append(&input, handed, strlen(handed));
	must(!input.failed);
	struct inspect *inspect = inspect_start(
		&(struct inspect_spec){ .loop = spec->loop,
					.operands = operands,
					.input = buf_str(&input),
					.fds = spec->handed->fds,
					.fd_count = spec->handed->count,
					.cb = spec->cb,
					.arg = spec->arg },
		e);
	free(handed);
	free(hidden);
	buf_fini(&input);
	return inspect;
}

/* A plugin that crashed or hangs, with the place where it is used. */
static void check_fault(const struct gateway_config *config, const char *file, const json_t *report,
			json_t *errors)
{
	const char *fault = json_string_value(json_object_get(report, "fault"));
	const char *plugin = json_string_value(json_object_get(report, "plugin"));
	struct config_errors found = { 0 };
	char pointer[256] = "";

	if (!fault)
		return;
	if (!plugin)
		plugin = "";
	const struct config_use *use = gateway_config_find_use(config, plugin);
	if (use)
		snprintf(pointer, sizeof(pointer), "%s/plugin", use->pointer);
	config_errors_add(&found, config->source, pointer, "plugin \"%s\" %s", plugin, fault);
	reload_texts_add_errors(errors, &found, file);
	config_errors_fini(&found);
}

/* A plugin that could not be read when its copy was to be made, and could when it was checked. */
static void check_copies(const struct gateway_config *config, const struct store *store,
			 json_t *errors)
{
	list_each(l, &store->files)
	{
		const struct store_file *f = container_of(l, struct store_file, link);

		if (f->error && gateway_config_find_use(config, f->name))
			reload_texts_add(errors, f->error);
	}
}

void reload_check_read(const struct gateway_config *config, const struct store *store,
		       const char *file, const json_t *report, const char *why, json_t *errors)
{
	const json_t *item;
	size_t i;

	if (!report)
		reload_texts_add(errors, why);
	check_fault(config, file, report, errors);
	json_array_foreach(json_object_get(report, "errors"), i, item)
		reload_texts_add(errors, json_string_value(json_object_get(item, "line")));
	if (json_array_size(errors) == 0)
		check_copies(config, store, errors);
}
