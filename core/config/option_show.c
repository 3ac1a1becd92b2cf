/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option_show.h"

#include <stdio.h>

#include "config/unit.h"

/* Text from a field: jansson refuses what is not UTF-8, which no configuration holds. */
static json_t *show_text(const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	must(value);
	return value;
}

static json_t *show_enum(const struct gh_option *row, int position)
{
	struct str choice = option_choice(row->choices, (size_t)position);

	return choice.p ? json_stringn(choice.p, choice.n) : json_null();
}

static json_t *show_rate(double per_second)
{
	char text[UNIT_TEXT_SIZE];

	snprintf(text, sizeof(text), "%.9g/s", per_second);
	return json_string(text);
}

static json_t *show_measure(const struct gh_option *row, uint64_t n)
{
	char text[UNIT_TEXT_SIZE];

	if ((row->flags & OPTION_ABSENT_MAX) && n == UINT64_MAX)
		return json_null();
	if (!row->def && n == 0 && !(row->flags & OPTION_ABSENT_MAX))
		return json_null();
	if (row->kind == GH_OPT_SIZE)
		unit_size_text(n, text);
	else
		unit_duration_text(n, text);
	return json_string(text);
}

static json_t *show_strings(const struct gh_strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < strings->n; i++)
		json_array_append_new(list, show_text(strings->items[i]));
	return list;
}

static json_t *show_list(const struct option_table *t, const struct gh_option *row,
			 const struct gh_list *list)
{
	struct option_table sub = option_sub(t, row);
	bool map = row->kind == GH_OPT_MAP;
	json_t *out = map ? json_object() : json_array();

	for (size_t i = 0; i < list->n; i++) {
		const char *item = (const char *)list->items + i * row->item_size;
		const char *name = map ? *(const char *const *)(const void *)item : NULL;
		json_t *value = option_show(&sub, item);

		if (map)
			json_object_set_new(out, name, value);
		else
			json_array_append_new(out, value);
	}
	return out;
}

static json_t *show_json(const char *text)
{
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return value ? value : json_null();
}

static bool show_is_word(const struct gh_option *row, const void *field)
{
	if (!(row->flags & OPTION_WORD))
		return false;
	if (row->kind == GH_OPT_INT)
		return *(const int64_t *)field == 0;
	if (row->kind == GH_OPT_NUMBER)
		return *(const double *)field <= 0;
	return *(const uint64_t *)field == 0;
}

static json_t *show_field(const struct option_table *t, const struct gh_option *row,
			  const void *field)
{
	struct option_table sub = option_sub(t, row);

	if (show_is_word(row, field))
		return show_text(row->choices);
	switch (row->kind) {
	case GH_OPT_BOOL:
		return json_boolean(*(const int *)field);
	case GH_OPT_INT:
		return json_integer((json_int_t) * (const int64_t *)field);
	case GH_OPT_NUMBER:
		return json_real(*(const double *)field);
	case GH_OPT_DURATION:
	case GH_OPT_SIZE:
		return show_measure(row, *(const uint64_t *)field);
	case GH_OPT_RATE:
		return show_rate(*(const double *)field);
	case GH_OPT_ENUM:
		return show_enum(row, *(const int *)field);
	case GH_OPT_STRINGS:
		return show_strings(field);
	case GH_OPT_OBJECT:
		return option_show(&sub, field);
	case GH_OPT_LIST:
	case GH_OPT_MAP:
		return show_list(t, row, field);
	case GH_OPT_JSON:
		return show_json(*(const char *const *)field);
	default:
		return show_text(*(const char *const *)field);
	}
}

json_t *option_show(const struct option_table *t, const void *filled)
{
	json_t *out = json_object();

	for (uint32_t i = 0; i < t->count; i++) {
		const struct gh_option *row = option_row(t, i);
		json_t *value = show_field(t, row, (const char *)filled + row->offset);

		if (row->flags & GH_OPT_SECRET)
			value = json_pack("{s:o}", OPTION_SECRET, value);
		must(value && json_object_set_new(out, row->name, value) == 0);
	}
	return out;
}
