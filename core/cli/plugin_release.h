/* SPDX-License-Identifier: Apache-2.0 */
/* cli/plugin_release.h -- has the running gateway take a plugin out of quarantine.
 * Called by: cli/plugin.  Never: loads a plugin. */
#ifndef GATEHOUSE_CLI_PLUGIN_RELEASE_H
#define GATEHOUSE_CLI_PLUGIN_RELEASE_H

#include "cli/command.h"

/* The exit status; what became of it is printed. */
int plugin_release(const struct cli_args *, const char *name);

#endif
