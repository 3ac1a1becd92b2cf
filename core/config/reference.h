/* SPDX-License-Identifier: Apache-2.0 */
/* config/reference.h -- tables of options for people to read, and the schema of gateway.json.
 * Called by: command line (schema, plugin).  Never: holds a text of its own about a setting. */
#ifndef GATEHOUSE_CONFIG_REFERENCE_H
#define GATEHOUSE_CONFIG_REFERENCE_H

#include <stdio.h>

#include "config/option.h"

/* The rows of a table and of those inside it, in order, as an array (a new reference) of {"name":
 * "limits.head", "type": TEXT, "default": TEXT or null, "required": BOOL, "help": TEXT}. */
json_t *reference_rows(const struct option_table *);
/* The members of gateway.json, as reference_rows(). */
json_t *reference_gateway_rows(void);
/* Such an array as a table in Markdown. */
void reference_markdown(const json_t *rows, FILE *);
/* The JSON Schema of gateway.json: a new reference.  plugins is an object of the schemas of
 * plugins' options by name; "config" is checked by them. */
json_t *reference_gateway_schema(const json_t *plugins);

#endif
