/* SPDX-License-Identifier: Apache-2.0 */
/* cli/describe.h -- what there is to say of a loaded plugin, as JSON.
 * Called by: cli/probe, in a child process.  Never: calls a hook. */
#ifndef GATEHOUSE_CLI_DESCRIBE_H
#define GATEHOUSE_CLI_DESCRIBE_H

#include <jansson.h>

struct plugin_image;

/* {"name", "version", "summary", "abi", "file", "hash", "hooks": [...], "options": rows as in
 * config/reference.h, "schema": of the options, "default_routes": [...]}: a new reference. */
json_t *describe_plugin(const struct plugin_image *);

#endif
