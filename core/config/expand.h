/* SPDX-License-Identifier: Apache-2.0 */
/* config/expand.h -- ${VAR} and ${VAR:-default} in the string values of a configuration.
 * Called by: config/gateway (the whole file), config/option (defaults).  Never: touches names of
 * members, expands what a variable holds, or runs anything. */
#ifndef GATEHOUSE_CONFIG_EXPAND_H
#define GATEHOUSE_CONFIG_EXPAND_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/errors.h"

/* Appends text with its references replaced: ${VAR} must be set, ${VAR:-default} gives default when
 * VAR is unset or empty, $$ is one $; any other $ stands for itself.  0 or -1 and the reason. */
int expand_text(struct str text, struct buf *out, struct error *);
/* Expands every string of a value that was read from source, in place. */
void expand_json(json_t *value, const struct config_source *source, struct config_errors *errors);

#endif
