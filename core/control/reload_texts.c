/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_texts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/errors.h"

void reload_texts_add(json_t *texts, const char *text)
{
	json_t *value = json_string(text);

	/* A text that is not UTF-8 comes from a file's name. */
	json_array_append_new(texts, value ? value : json_string("a text that is not UTF-8"));
}

void reload_texts_addf(json_t *texts, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reload_texts_add(texts, text);
}

void reload_texts_add_errors(json_t *texts, struct config_errors *errors, const char *file)
{
	config_errors_sort(errors);
	for (size_t i = 0; i < errors->count; i++) {
		char *line = config_error_line(&errors->items[i], file);

		reload_texts_add(texts, line);
		free(line);
	}
}

void reload_texts_log(const json_t *errors, const json_t *notes)
{
	const json_t *text;
	size_t i;

	json_array_foreach(errors, i, text)
		log_error("reload refused", LOG_S("error", json_string_value(text)));
	json_array_foreach(notes, i, text)
		log_warn("not reloaded", LOG_S("why", json_string_value(text)));
}
