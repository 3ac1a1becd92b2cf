/* SPDX-License-Identifier: Apache-2.0 */
/* cli/print.h -- output that several commands share: JSON, and columns.
 * Called by: the commands.  Never: writes to another stream than stdout. */
#ifndef GATEHOUSE_CLI_PRINT_H
#define GATEHOUSE_CLI_PRINT_H

#include <jansson.h>
#include <stddef.h>

/* Flags of json_dump*() with which 0.3 stays 0.3: as many digits as every double keeps. */
#define PRINT_NUMBERS JSON_REAL_PRECISION(15)

/* Prints the value, indented, and a newline; takes the reference. */
void print_json(json_t *);
/* Prints a text that came from outside: control characters are shown as "?". */
void print_text(const char *);
/* Prints rows of count cells each under a head, in aligned columns, as print_text() does. */
void print_columns(const char *const *head, const char *const *cells, size_t rows, size_t count);

#endif
