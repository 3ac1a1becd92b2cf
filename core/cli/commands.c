/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stddef.h>

const struct cli_command *const cli_commands[] = {
	&cli_run_command,     &cli_reload_command,
	&cli_upgrade_command, &cli_diff_command,
	&cli_check_command,   &cli_routes_command,
	&cli_explain_command, &cli_schema_command,
	&cli_plugin_command,  &cli_version_command,
	&cli_help_command,    &cli_worker_command,
	&cli_probe_command,   NULL,
};
