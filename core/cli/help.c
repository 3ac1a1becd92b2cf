/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

static int help_run(const struct cli_args *args)
{
	const struct cli_command *command = NULL;

	if (args->operand_count > 0) {
		command = cli_find(args->operands[0]);
		if (!command)
			return cli_unknown_command(args->operands[0]);
	}
	cli_help(command);
	return CLI_OK;
}

const struct cli_command cli_help_command = {
	.name = "help",
	.summary = "Explain a command.",
	.operands = "[COMMAND]",
	.max_operands = 1,
	.run = help_run,
};
