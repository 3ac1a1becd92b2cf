/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option_kind.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/source.h"
#include "config/unit.h"

/* The value as it is shown in an error; valid until the next call. */
static const char *option_found(const struct option_slot *slot, const json_t *v)
{
	static char out[64];
	char *text;

	if (slot->row->flags & GH_OPT_SECRET)
		return "what is there";
	if (json_is_object(v))
		return "an object";
	if (json_is_array(v))
		return "an array";
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	must(text);
	snprintf(out, sizeof(out), strlen(text) > 50 ? "%.50s..." : "%s", text);
	free(text);
	return out;
}

void option_bad(const struct option_slot *slot, const json_t *v)
{
	const char *expects = option_expects(slot->row, slot->ctx->arena);

	if (slot->row->flags & GH_OPT_SECRET)
		option_error(slot, "must be %s", expects);
	else
		option_error(slot, "must be %s, not %s", expects, option_found(slot, v));
}

static bool option_bounded(const struct option_slot *slot, const json_t *v, bool inside)
{
	const struct gh_option *row = slot->row;
	const char *range = option_range(row, slot->ctx->arena);

	if (inside || !range)
		return true;
	if (row->flags & OPTION_WORD)
		option_error(slot, "%s is out of range; it must be \"%s\" or %s",
			     option_found(slot, v), row->choices, range);
	else
		option_error(slot, "%s is out of range; it must be %s", option_found(slot, v),
			     range);
	return false;
}

/* Whether text may stand for a number or a boolean here. */
static bool option_text_counts(const struct option_slot *slot)
{
	return slot->is_default ||
	       (slot->ctx->source && config_source_is_reference(slot->ctx->source, slot->pointer));
}

static struct str option_text(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static void option_set_string(const struct option_slot *slot, const json_t *v, void *field)
{
	char *copy;

	if (!json_is_string(v)) {
		option_bad(slot, v);
		return;
	}
	/* One for all: most strings that may be left out are empty. */
	if (json_string_length(v) == 0) {
		*(const char **)field = "";
		return;
	}
	copy = arena_strdup(slot->ctx->arena, option_text(v));
	must(copy);
	*(const char **)field = copy;
}

static void option_set_bool(const struct option_slot *slot, const json_t *v, void *field)
{
	if (json_is_boolean(v))
		*(int *)field = json_is_true(v);
	else if (!json_is_string(v) || !option_text_counts(slot) ||
		 unit_bool(option_text(v), field) < 0)
		option_bad(slot, v);
}

static int option_int_text(struct str s, int64_t *out)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	uint64_t n;

	if (str_to_u64((struct str){ s.p + minus, s.n - minus }, INT64_MAX, &n) < 0)
		return -1;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

static void option_set_int(const struct option_slot *slot, const json_t *v, void *field)
{
	int64_t n;

	if (json_is_integer(v)) {
		n = json_integer_value(v);
	} else if (!json_is_string(v) || !option_text_counts(slot) ||
		   option_int_text(option_text(v), &n) < 0) {
		option_bad(slot, v);
		return;
	}
	if (option_bounded(slot, v, n >= slot->row->min && n <= slot->row->max))
		*(int64_t *)field = n;
}

static void option_set_number(const struct option_slot *slot, const json_t *v, void *field)
{
	double n;

	if (json_is_number(v)) {
		n = json_number_value(v);
	} else {
		json_t *parsed = json_is_string(v) && option_text_counts(slot) ?
					 json_loads(json_string_value(v), JSON_DECODE_ANY, NULL) :
					 NULL;
		bool ok = json_is_number(parsed);
		n = ok ? json_number_value(parsed) : 0;
		json_decref(parsed);
		if (!ok) {
			option_bad(slot, v);
			return;
		}
	}
	if (option_bounded(slot, v, n >= (double)slot->row->min && n <= (double)slot->row->max))
		*(double *)field = n;
}

/* Durations and sizes: text with a unit; the number 0 needs none, and bytes are bytes. */
static void option_set_measure(const struct option_slot *slot, const json_t *v, void *field)
{
	const struct gh_option *row = slot->row;
	bool is_size = row->kind == GH_OPT_SIZE, ok = false;
	uint64_t n = 0;

	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		n = (uint64_t)json_integer_value(v);
		ok = is_size ? n <= UNIT_SIZE_MAX : n == 0;
	} else if (json_is_string(v)) {
		ok = (is_size ? unit_size(option_text(v), &n) :
				unit_duration(option_text(v), &n)) == 0;
	}
	if (!ok) {
		option_bad(slot, v);
		return;
	}
	if (option_bounded(slot, v, n >= (uint64_t)row->min && n <= (uint64_t)row->max))
		*(uint64_t *)field = n;
}

static void option_set_rate(const struct option_slot *slot, const json_t *v, void *field)
{
	const struct gh_option *row = slot->row;
	double n;

	if (!json_is_string(v) || unit_rate(option_text(v), &n) < 0) {
		option_bad(slot, v);
		return;
	}
	if (option_bounded(slot, v, n >= (double)row->min && n <= (double)row->max))
		*(double *)field = n;
}

/* " (did you mean "x"?)", or "" when nothing is near. */
static const char *option_hint(struct arena *a, const char *word, const char *const *candidates,
			       size_t n)
{
	const char *near = str_nearest(word, candidates, n);
	const char *text = near ? arena_printf(a, " (did you mean \"%s\"?)", near) : "";

	must(text);
	return text;
}

static void option_set_enum(const struct option_slot *slot, const json_t *v, void *field)
{
	struct arena *a = slot->ctx->arena;
	const char *candidates[64];
	struct str choice;
	size_t n = 0;

	if (!json_is_string(v)) {
		option_bad(slot, v);
		return;
	}
	for (; n < 64 && (choice = option_choice(slot->row->choices, n)).p; n++) {
		if (str_eq(choice, option_text(v))) {
			*(int *)field = (int)n;
			return;
		}
		candidates[n] = arena_strdup(a, choice);
		must(candidates[n]);
	}
	option_error(slot, "%s is no choice here%s; it must be %s", option_found(slot, v),
		     option_hint(a, json_string_value(v), candidates, n),
		     option_expects(slot->row, a));
}

static void option_set_strings(const struct option_slot *slot, const json_t *v, void *field)
{
	struct arena *a = slot->ctx->arena;
	bool one = json_is_string(v) && (slot->row->flags & OPTION_SHORTHAND);
	size_t n = one ? 1 : json_array_size(v);
	const char **items;

	if (!one && !json_is_array(v)) {
		option_bad(slot, v);
		return;
	}
	items = arena_alloc(a, (n + 1) * sizeof(*items));
	must(items);
	for (size_t i = 0; i < n; i++) {
		struct option_slot item = *slot;
		const json_t *s = one ? v : json_array_get(v, i);
		if (!one)
			item.pointer = arena_printf(a, "%s/%zu", slot->pointer, i);
		if (json_is_string(s))
			items[i] = arena_strdup(a, option_text(s));
		else
			option_error(&item, "%s is not a string", option_found(slot, s));
	}
	*(struct gh_strings *)field = (struct gh_strings){ items, n };
}

static void option_set_service(const struct option_slot *slot, const json_t *v, void *field)
{
	struct str name = option_text(v);
	bool ok = json_is_string(v) && name.n > 0 && name.n <= 255;

	for (size_t i = 0; ok && i < name.n; i++)
		ok = (unsigned char)name.p[i] > ' ' && name.p[i] != 0x7f && name.p[i] != '/';
	if (!ok) {
		option_bad(slot, v);
		return;
	}
	option_set_string(slot, v, field);
	const char **service = field;
	if (slot->ctx->on_service)
		*service = slot->ctx->on_service(slot->ctx->arg, *service);
}

static void option_set_object(const struct option_slot *slot, const json_t *v, void *field)
{
	struct option_table sub = option_sub(slot->table, slot->row);

	option_fill(slot->ctx, &sub, v, slot->pointer, field);
}

/* One item of a list or map: an object, or the value of the first row alone. */
static void option_set_item(const struct option_slot *slot, const json_t *v, const char *pointer,
			    void *item)
{
	struct option_table sub = option_sub(slot->table, slot->row);
	const struct gh_option *first = option_row(&sub, 0);
	json_t *object;

	if (!json_is_string(v) || !(slot->row->flags & OPTION_SHORTHAND)) {
		option_fill(slot->ctx, &sub, v, pointer, item);
		return;
	}
	object = json_pack("{sO}", first->name, (json_t *)(uintptr_t)v);
	must(object);
	option_fill(slot->ctx, &sub, object, pointer, item);
	json_decref(object);
}

static void option_set_list(const struct option_slot *slot, const json_t *v, void *field)
{
	size_t n = json_array_size(v), size = slot->row->item_size;
	char *items;

	if (!json_is_array(v)) {
		option_bad(slot, v);
		return;
	}
	items = arena_alloc(slot->ctx->arena, (n + 1) * size);
	must(items);
	for (size_t i = 0; i < n; i++)
		option_set_item(slot, json_array_get(v, i),
				arena_printf(slot->ctx->arena, "%s/%zu", slot->pointer, i),
				items + i * size);
	*(struct gh_list *)field = (struct gh_list){ items, n };
}

static void option_set_map(const struct option_slot *slot, const json_t *v, void *field)
{
	struct arena *a = slot->ctx->arena;
	size_t n = json_object_size(v), size = slot->row->item_size;
	char *items, *item;
	const char *key;
	json_t *child;

	if (!json_is_object(v)) {
		option_bad(slot, v);
		return;
	}
	items = item = arena_alloc(a, (n + 1) * size);
	must(items);
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		char *copy = arena_strdup(a, str_from(key));
		must(copy);
		option_set_item(slot, child, option_pointer(a, slot->pointer, key), item);
		*(const char **)(void *)item = copy;
		item += size;
	}
	*(struct gh_list *)field = (struct gh_list){ items, n };
}

static void option_set_json(const struct option_slot *slot, const json_t *v, void *field)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY), *copy;

	must(text);
	copy = arena_strdup(slot->ctx->arena, str_from(text));
	must(copy);
	free(text);
	*(const char **)field = copy;
}

void option_value(const struct option_slot *slot, const json_t *v, void *field)
{
	static void (*const setters[])(const struct option_slot *, const json_t *, void *) = {
		[GH_OPT_STRING] = option_set_string,    [GH_OPT_BOOL] = option_set_bool,
		[GH_OPT_INT] = option_set_int,          [GH_OPT_NUMBER] = option_set_number,
		[GH_OPT_DURATION] = option_set_measure, [GH_OPT_SIZE] = option_set_measure,
		[GH_OPT_RATE] = option_set_rate,        [GH_OPT_ENUM] = option_set_enum,
		[GH_OPT_STRINGS] = option_set_strings,  [GH_OPT_SERVICE] = option_set_service,
		[GH_OPT_OBJECT] = option_set_object,    [GH_OPT_LIST] = option_set_list,
		[GH_OPT_MAP] = option_set_map,          [GH_OPT_JSON] = option_set_json,
	};
	const struct gh_option *row = slot->row;

	must(row->kind >= GH_OPT_STRING && row->kind <= GH_OPT_JSON);
	/* The word for 0 leaves the zero that is there. */
	if ((row->flags & OPTION_WORD) && json_is_string(v) &&
	    str_eq(option_text(v), str_from(row->choices)))
		return;
	setters[row->kind](slot, v, field);
}
