/* SPDX-License-Identifier: Apache-2.0 */
/* cli/plugins.h -- the plugins of a directory, each looked at in a child process of its own.
 * Called by: the commands schema and plugin.  Never: loads a plugin in this process. */
#ifndef GATEHOUSE_CLI_PLUGINS_H
#define GATEHOUSE_CLI_PLUGINS_H

#include <jansson.h>

#include "base/error.h"
#include "cli/command.h"

#define CLI_FLAG_PLUGIN_DIR                                                                        \
	{                                                                                          \
		"plugin-dir", 0, "DIR",                                                            \
			"where the plugins are (default: as the configuration says)"               \
	}

/* The directory that --plugin-dir names, else the configuration's, else the one that gatehouse was
 * installed with: on the heap.  NULL after lines on stderr. */
char *plugins_dir(const struct cli_args *);
/* What cli/describe says of DIR/NAME.so, or {"name", "error"}, or {"name", "error"} for a crash:
 * a new reference. */
json_t *plugins_inspect(const char *dir, const char *name);
/* plugins_inspect() of every DIR/NAME.so, by name: a new reference, or NULL and the reason. */
json_t *plugins_list(const char *dir, struct error *);

#endif
