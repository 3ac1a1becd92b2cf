/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugins.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "config/errors.h"
#include "config/gateway.h"

char *plugins_dir(const struct cli_args *args)
{
	const char *dir = cli_value(args, "plugin-dir"), *file = cli_config_file(args);
	struct config_errors errors = { 0 };
	struct gateway_config *config;
	char *out = NULL;

	if (dir)
		return xstrdup(dir);
	if (!cli_value(args, "config") && access(file, F_OK) != 0)
		return xstrdup(GATEHOUSE_PLUGIN_DIR);
	/* Faults elsewhere in the file are the business of check. */
	config = gateway_config_read(file, NULL, &errors);
	if (config)
		out = xstrdup(config->plugin_dir);
	else
		config_errors_print(&errors, file, stderr);
	gateway_config_free(config);
	config_errors_fini(&errors);
	return out;
}

json_t *plugins_inspect(const char *dir, const char *name)
{
	const char *operands[] = { "plugin", dir, name, NULL }, *fault, *text = NULL;
	struct error e = { "" };
	json_t *report = child_report(operands, (struct str){ "", 0 }, &e), *out;

	if (report && json_unpack(report, "{ss}", "fault", &fault) == 0)
		error_set(&e, "%s", fault);
	else if (report && json_unpack(report, "{ss}", "error", &text) == 0)
		error_set(&e, "%s", text);
	else if (report)
		return report;
	json_decref(report);
	out = json_pack("{ssss}", "name", name, "error", e.text);
	must(out);
	return out;
}

static int plugins_is_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && d->d_name[0] != '.' && strcmp(d->d_name + n - 3, ".so") == 0;
}

static int plugins_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

json_t *plugins_list(const char *dir, struct error *e)
{
	struct dirent **files;
	int n = scandir(dir, &files, plugins_is_file, plugins_order);
	json_t *out;

	if (n < 0) {
		error_set(e, "%s: %s", dir, strerror(errno));
		return NULL;
	}
	out = json_array();
	for (int i = 0; i < n; i++) {
		files[i]->d_name[strlen(files[i]->d_name) - 3] = '\0';
		json_array_append_new(out, plugins_inspect(dir, files[i]->d_name));
		free(files[i]);
	}
	free(files);
	return out;
}
