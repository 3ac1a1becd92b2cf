/* SPDX-License-Identifier: Apache-2.0 */
/* cli/commands.h -- the descriptors of all commands, one file each; commands.c lists them.
 * Called by: commands.c, tests.  Never: holds more than names. */
#ifndef GATEHOUSE_CLI_COMMANDS_H
#define GATEHOUSE_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct cli_command cli_run_command, cli_worker_command, cli_check_command,
	cli_routes_command, cli_explain_command, cli_schema_command, cli_plugin_command,
	cli_version_command, cli_help_command, cli_probe_command, cli_reload_command,
	cli_diff_command, cli_upgrade_command;

#endif
