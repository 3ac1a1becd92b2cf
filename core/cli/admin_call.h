/* SPDX-License-Identifier: Apache-2.0 */
/* cli/admin_call.h -- asks the running gateway over its admin listener.
 * Called by: the commands that act on a running gateway.  Never: retries. */
#ifndef GATEHOUSE_CLI_ADMIN_CALL_H
#define GATEHOUSE_CLI_ADMIN_CALL_H

#include <jansson.h>

#include "base/str.h"
#include "cli/command.h"

#define CLI_FLAG_ADMIN                                                                             \
	{                                                                                          \
		"admin", 'a', "ADDRESS", "the admin listener (default: as the configuration says)" \
	}

/* POST with that body (p is not NULL) to the path, at the address of --admin, else of the
 * configuration: the JSON object of the answer, a new reference, whatever its status.  NULL after
 * lines on stderr: no address, no gateway, no JSON. */
json_t *admin_call(const struct cli_args *, const char *path, struct str body);
/* GET, likewise. */
json_t *admin_get(const struct cli_args *, const char *path);
/* Prints the texts of an array to stderr, each with that prefix before it. */
void admin_print_texts(const json_t *texts, const char *prefix);

#endif
