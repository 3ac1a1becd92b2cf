/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_texts.h -- the texts of an outcome, in JSON arrays: why a reload was refused, and
 * what it cannot do.
 * Called by: control/reload and its parts.  Never: decides an outcome. */
#ifndef GATEHOUSE_CONTROL_RELOAD_TEXTS_H
#define GATEHOUSE_CONTROL_RELOAD_TEXTS_H

#include <jansson.h>

struct config_errors;

/* Appends a text. */
void reload_texts_add(json_t *texts, const char *text);
__attribute__((format(printf, 2, 3))) void reload_texts_addf(json_t *texts, const char *format,
							     ...);
/* Appends a line for each error, in the order of the file. */
void reload_texts_add_errors(json_t *texts, struct config_errors *, const char *file);
/* Writes both to the log; NULL is none. */
void reload_texts_log(const json_t *errors, const json_t *notes);

#endif
