/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expand.h"

#include <stdlib.h>

#include "config/source.h"

enum { EXPAND_NAME_MAX = 128, EXPAND_OUT_MAX = 1024 * 1024 };

static size_t expand_name_length(struct str s)
{
	size_t n = 0;

	while (n < s.n &&
	       (s.p[n] == '_' || (ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z') ||
		(n > 0 && s.p[n] >= '0' && s.p[n] <= '9')))
		n++;
	return n;
}

/* The inside of one pair of braces. */
static int expand_reference(struct str inside, struct buf *out, struct error *e)
{
	size_t n = expand_name_length(inside);
	struct str rest = { inside.p + n, inside.n - n };
	char name[EXPAND_NAME_MAX];
	const char *value;

	if (n == 0 || n >= sizeof(name) || (rest.n > 0 && !str_starts(rest, STR(":-"))))
		return error_set(e,
				 "${%.*s} is not a reference; write ${NAME} or ${NAME:-default}, "
				 "and $$ for a dollar sign",
				 (int)(inside.n < 80 ? inside.n : 80), inside.p);
	memcpy(name, inside.p, n);
	name[n] = '\0';
	value = getenv(name);
	if (rest.n > 0) {
		if (memmem(rest.p, rest.n, "${", 2))
			return error_set(
				e,
				"the default of ${%s} holds another reference; that is not "
				"possible",
				name);
		if (!value || !*value)
			buf_append(out, rest.p + 2, rest.n - 2);
		else
			buf_append(out, value, strlen(value));
		return 0;
	}
	if (!value)
		return error_set(
			e,
			"the environment variable %s is not set; set it, or give a default: "
			"${%s:-default}",
			name, name);
	buf_append(out, value, strlen(value));
	return 0;
}

int expand_text(struct str text, struct buf *out, struct error *e)
{
	const char *p = text.p, *end = text.p + text.n;

	while (p < end) {
		const char *dollar = memchr(p, '$', (size_t)(end - p));
		const char *close;
		if (!dollar || dollar + 1 == end) {
			buf_append(out, p, (size_t)(end - p));
			break;
		}
		buf_append(out, p, (size_t)(dollar - p));
		p = dollar + 2;
		if (dollar[1] == '$') {
			buf_char(out, '$');
		} else if (dollar[1] == '{') {
			close = memchr(p, '}', (size_t)(end - p));
			if (!close)
				return error_set(
					e,
					"\"${\" without \"}\"; write $${ for the two characters");
			if (expand_reference((struct str){ p, (size_t)(close - p) }, out, e) < 0)
				return -1;
			p = close + 1;
		} else {
			p = dollar + 1;
			buf_char(out, '$');
		}
	}
	return out->failed ? error_set(e, "longer than 1 MiB once its references are replaced") : 0;
}

struct expand_walk {
	const struct config_source *source;
	struct config_errors *errors;
	struct buf pointer; /* of the value that the walk stands on */
};

static void expand_push(struct expand_walk *w, const char *key)
{
	buf_char(&w->pointer, '/');
	for (; *key; key++) {
		if (*key == '~')
			buf_lit(&w->pointer, "~0");
		else if (*key == '/')
			buf_lit(&w->pointer, "~1");
		else
			buf_char(&w->pointer, *key);
	}
}

static void expand_string(struct expand_walk *w, json_t *value)
{
	struct str text = { json_string_value(value), json_string_length(value) };
	struct error e;
	struct buf out;

	if (!memchr(text.p, '$', text.n))
		return;
	buf_init(&out, EXPAND_OUT_MAX);
	if (expand_text(text, &out, &e) < 0) {
		buf_char(&w->pointer, '\0');
		config_errors_add(w->errors, w->source, w->pointer.p, "%s", e.text);
	} else if (json_string_setn(value, out.p ? out.p : "", out.n) < 0) {
		buf_char(&w->pointer, '\0');
		config_errors_add(w->errors, w->source, w->pointer.p,
				  "what its references stand for is not UTF-8");
	}
	buf_fini(&out);
}

static void expand_walk(struct expand_walk *w, json_t *value)
{
	size_t mark = w->pointer.n;

	if (json_is_string(value)) {
		expand_string(w, value);
	} else if (json_is_object(value)) {
		const char *key;
		json_t *child;
		json_object_foreach(value, key, child)
		{
			expand_push(w, key);
			expand_walk(w, child);
			w->pointer.n = mark;
		}
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			buf_printf(&w->pointer, "/%zu", i);
			expand_walk(w, json_array_get(value, i));
			w->pointer.n = mark;
		}
	}
	w->pointer.n = mark;
}

void expand_json(json_t *value, const struct config_source *source, struct config_errors *errors)
{
	struct expand_walk w = { .source = source, .errors = errors };

	buf_init(&w.pointer, 0);
	expand_walk(&w, value);
	buf_fini(&w.pointer);
}
