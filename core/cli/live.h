/* SPDX-License-Identifier: Apache-2.0 */
/* cli/live.h -- what the running gateway knows and no file does: instances of services, and routes
 * that services ask for.
 * Called by: cli/explain and routes, with --live.  Never: changes anything. */
#ifndef GATEHOUSE_CLI_LIVE_H
#define GATEHOUSE_CLI_LIVE_H

#include "cli/command.h"

#define CLI_FLAG_LIVE(what)                                                                        \
	{                                                                                          \
		"live", 'l', NULL, what                                                            \
	}

/* Prints what the gateway knows of the service that is the only operand.  The exit status. */
int live_service(const struct cli_args *);
/* Prints the routes that services in Consul ask for.  The exit status. */
int live_routes(const struct cli_args *);

#endif
