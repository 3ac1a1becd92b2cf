/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"

#include <stdlib.h>

#include "base/error.h"
#include "config/scan.h"

struct config_source {
	char *file;
	char *text; /* a copy, NUL-terminated */
	size_t size;
	struct str body; /* without a byte order mark */
	json_t *root;
};

static void source_place(const struct config_source *s, const char *at, unsigned *line,
			 unsigned *column)
{
	const char *start = s->body.p;

	*line = 1;
	for (const char *p = start; (p = memchr(p, '\n', (size_t)(at - p))) != NULL;) {
		start = ++p;
		++*line;
	}
	*column = (unsigned)(at - start) + 1;
}

static void source_fail(const struct config_source *s, const char *at, struct config_errors *errors,
			const char *text)
{
	unsigned line, column;

	source_place(s, at, &line, &column);
	config_errors_add_at(errors, line, column, "%s", text);
}

/* From behind a name's closing quote to its opening one: inside a string every quote has an odd
 * number of backslashes before it, outside there are none. */
static const char *source_string_start(const struct config_source *s, const char *end)
{
	for (const char *p = end - 2; p >= s->body.p; p--) {
		const char *q = p;
		while (q > s->body.p && q[-1] == '\\')
			q--;
		if (*p == '"' && (p - q) % 2 == 0)
			return p;
	}
	return s->body.p;
}

/* What the scanner lets pass and jansson does not: duplicate names, bad UTF-8, huge numbers. */
static void source_refused(const struct config_source *s, const json_error_t *e,
			   struct config_errors *errors)
{
	size_t offset = e->position > 0 ? (size_t)e->position : 0;
	const char *at = s->body.p + (offset < s->body.n ? offset : s->body.n);

	if (json_error_code(e) == json_error_duplicate_key) {
		const char *start = source_string_start(s, at);
		char text[160];
		snprintf(text, sizeof(text), "duplicate member %.*s; remove one of the two",
			 (int)(at - start < 80 ? at - start : 80), start);
		source_fail(s, start, errors, text);
		return;
	}
	source_fail(s, at, errors, e->text);
}

static bool source_read(struct config_source *s, struct config_errors *errors)
{
	struct scan_error fault;
	json_error_t refused;

	if (str_trim(s->body).n == 0) {
		config_errors_add_at(errors, 1, 1, "the file is empty; it must hold a JSON object");
		return false;
	}
	if (!scan_check(s->body, CONFIG_SOURCE_DEPTH, &fault)) {
		source_fail(s, fault.at, errors, fault.text);
		return false;
	}
	s->root = json_loadb(s->body.p, s->body.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			     &refused);
	if (!s->root)
		source_refused(s, &refused, errors);
	return s->root != NULL;
}

struct config_source *config_source_parse(const char *file, struct str text,
					  struct config_errors *errors)
{
	struct config_source *s;

	if (text.n > CONFIG_SOURCE_MAX) {
		config_errors_add_at(errors, 0, 0, "the file is larger than 64 MiB");
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->file = xstrdup(file);
	s->text = str_dup(text);
	s->size = text.n;
	s->body = (struct str){ s->text, text.n };
	if (str_starts(s->body, STR("\xef\xbb\xbf"))) {
		s->body.p += 3;
		s->body.n -= 3;
	}
	if (!source_read(s, errors)) {
		config_source_free(s);
		return NULL;
	}
	return s;
}

void config_source_free(struct config_source *s)
{
	if (!s)
		return;
	json_decref(s->root);
	free(s->text);
	free(s->file);
	free(s);
}

const char *config_source_file(const struct config_source *s)
{
	return s->file;
}

struct str config_source_text(const struct config_source *s)
{
	return (struct str){ s->text, s->size };
}

json_t *config_source_root(const struct config_source *s)
{
	return s->root;
}

void config_source_place(const struct config_source *s, const char *pointer, unsigned *line,
			 unsigned *column)
{
	source_place(s, scan_find(s->body, pointer), line, column);
}

struct str config_source_raw(const struct config_source *s, const char *pointer)
{
	return scan_value_text(s->body, scan_find(s->body, pointer));
}

bool config_source_is_reference(const struct config_source *s, const char *pointer)
{
	struct str raw = config_source_raw(s, pointer);

	return raw.n > 0 && raw.p[0] == '"' && memmem(raw.p, raw.n, "${", 2) != NULL;
}
