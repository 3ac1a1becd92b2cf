/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include "cli/commands.h"

static int worker_run(const struct cli_args *args)
{
	(void)args;
	return worker_main();
}

const struct cli_command cli_worker_command = {
	.name = "worker",
	.summary = "Serve clients; gatehouse run starts it.",
	.hidden = true,
	.run = worker_run,
};
