/* SPDX-License-Identifier: Apache-2.0 */
#include "config/errors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/source.h"

/* Values of the file are quoted in texts; none of them may forge a line or move a cursor. */
static void errors_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void errors_push(struct config_errors *e, unsigned line, unsigned column,
			const char *pointer, const char *format, va_list ap)
{
	struct config_error *item;

	if (e->count == CONFIG_ERRORS_MAX) {
		e->dropped++;
		return;
	}
	e->items = xrealloc(e->items, (e->count + 1) * sizeof(*e->items));
	item = &e->items[e->count++];
	*item = (struct config_error){ .pointer = xstrdup(pointer),
				       .line = line,
				       .column = column };
	must(vasprintf(&item->text, format, ap) >= 0);
	errors_clean(item->pointer);
	errors_clean(item->text);
}

void config_errors_add(struct config_errors *e, const struct config_source *source,
		       const char *pointer, const char *format, ...)
{
	unsigned line = 0, column = 0;
	va_list ap;

	if (source && e->count < CONFIG_ERRORS_MAX)
		config_source_place(source, pointer, &line, &column);
	va_start(ap, format);
	errors_push(e, line, column, pointer, format, ap);
	va_end(ap);
}

void config_errors_add_at(struct config_errors *e, unsigned line, unsigned column,
			  const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	errors_push(e, line, column, "", format, ap);
	va_end(ap);
}

static bool errors_before(const struct config_error *a, const struct config_error *b)
{
	if ((a->line == 0) != (b->line == 0))
		return a->line != 0;
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By insertion: there are at most 100, and errors of one place keep their order. */
void config_errors_sort(struct config_errors *e)
{
	for (size_t i = 1; i < e->count; i++) {
		struct config_error item = e->items[i];
		size_t k = i;
		for (; k > 0 && errors_before(&item, &e->items[k - 1]); k--)
			e->items[k] = e->items[k - 1];
		e->items[k] = item;
	}
}

char *config_error_line(const struct config_error *item, const char *file)
{
	char place[32] = "", *out;

	if (item->line)
		snprintf(place, sizeof(place), ":%u:%u", item->line, item->column);
	must(asprintf(&out, "%s%s%s%s: %s", file, place, item->pointer[0] ? ": " : "",
		      item->pointer, item->text) >= 0);
	return out;
}

void config_errors_print(const struct config_errors *e, const char *file, FILE *out)
{
	struct config_errors sorted = *e;

	if (e->count == 0)
		return;
	sorted.items = xcalloc(e->count, sizeof(*sorted.items));
	memcpy(sorted.items, e->items, e->count * sizeof(*sorted.items));
	config_errors_sort(&sorted);
	for (size_t i = 0; i < sorted.count; i++) {
		char *line = config_error_line(&sorted.items[i], file);
		fprintf(out, "%s\n", line);
		free(line);
	}
	if (e->dropped)
		fprintf(out, "%s: and %zu more\n", file, e->dropped);
	free(sorted.items);
}

void config_errors_fini(struct config_errors *e)
{
	for (size_t i = 0; i < e->count; i++) {
		free(e->items[i].pointer);
		free(e->items[i].text);
	}
	free(e->items);
	*e = (struct config_errors){ 0 };
}
