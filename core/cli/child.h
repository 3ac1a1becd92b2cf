/* SPDX-License-Identifier: Apache-2.0 */
/* cli/child.h -- runs gatehouse itself as a child process, for what may crash or hang: plugins.
 * Called by: cli/survey, cli/plugins.  Never: runs plugin code in this process. */
#ifndef GATEHOUSE_CLI_CHILD_H
#define GATEHOUSE_CLI_CHILD_H

#include <jansson.h>

#include "base/error.h"
#include "base/str.h"

/* Runs "gatehouse probe WHAT NAME..." (operands ends with NULL) with input on its standard input;
 * what it prints goes to standard error.  Its report: a new reference, or NULL and the reason.  The
 * report of a crash or of a plugin that hangs is {"fault": TEXT, "plugin": NAME}. */
json_t *child_report(const char *const *operands, struct str input, struct error *);

#endif
