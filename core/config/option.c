/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include <stdio.h>

#include "base/buf.h"
#include "config/expand.h"
#include "config/option_kind.h"
#include "config/unit.h"

const struct gh_option *option_row(const struct option_table *t, uint32_t i)
{
	return (const struct gh_option *)(const void *)((const char *)t->rows +
							(size_t)i * t->row_size);
}

struct option_table option_sub(const struct option_table *t, const struct gh_option *row)
{
	return (struct option_table){ row->sub, row->sub_count, t->row_size };
}

struct str option_choice(const char *choices, size_t i)
{
	struct str rest = str_from(choices), choice = { NULL, 0 };

	for (size_t k = 0; k <= i; k++)
		if (!str_next(&rest, '|', &choice))
			return (struct str){ NULL, 0 };
	return choice;
}

char *option_pointer(struct arena *a, const char *pointer, const char *name)
{
	size_t base = strlen(pointer), n = base + 1;
	char *out, *p;

	for (const char *c = name; *c; c++)
		n += *c == '~' || *c == '/' ? 2 : 1;
	out = arena_text(a, n + 1);
	must(out);
	memcpy(out, pointer, base);
	p = out + base;
	*p++ = '/';
	for (const char *c = name; *c; c++) {
		if (*c == '~' || *c == '/') {
			*p++ = '~';
			*p++ = *c == '/' ? '1' : '0';
		} else {
			*p++ = *c;
		}
	}
	*p = '\0';
	return out;
}

static const char *option_expects_enum(const struct gh_option *row, struct arena *a)
{
	struct str rest = str_from(row->choices), choice;
	const char *text = strchr(row->choices, '|') ? "one of" : "";

	while (str_next(&rest, '|', &choice)) {
		text = arena_printf(a, "%s%s\"%.*s\"%s", text, *text ? " " : "", STR_ARGS(choice),
				    rest.n ? "," : "");
		must(text);
	}
	return text;
}

const char *option_expects(const struct gh_option *row, struct arena *a)
{
	static const char *const texts[] = {
		[GH_OPT_STRING] = "a string",
		[GH_OPT_BOOL] = "true or false",
		[GH_OPT_INT] = "a whole number",
		[GH_OPT_NUMBER] = "a number",
		[GH_OPT_DURATION] = "a duration, such as \"15s\" (units: ms, s, m, h)",
		[GH_OPT_SIZE] = "a size, such as \"16KiB\" (units: B, KiB, MiB, GiB, TiB)",
		[GH_OPT_RATE] = "a rate, such as \"100/s\" (per s, m or h)",
		[GH_OPT_STRINGS] = "an array of strings",
		[GH_OPT_SERVICE] = "the name of a service",
		[GH_OPT_OBJECT] = "an object",
		[GH_OPT_LIST] = "an array of objects",
		[GH_OPT_MAP] = "an object of objects",
		[GH_OPT_JSON] = "a JSON value",
	};
	const char *text = row->kind < sizeof(texts) / sizeof(texts[0]) ? texts[row->kind] : NULL;

	if (row->kind == GH_OPT_ENUM)
		text = option_expects_enum(row, a);
	if (row->flags & OPTION_WORD)
		text = arena_printf(a, "\"%s\" or %s", row->choices, text);
	else if (row->flags & OPTION_SHORTHAND)
		text = row->kind == GH_OPT_STRINGS ? "a string or an array of strings" :
		       row->kind == GH_OPT_LIST    ? "an array of strings or objects" :
						     "an object of strings or objects";
	must(text);
	return text;
}

/* A bound as it would be written. */
static const char *option_bound(const struct gh_option *row, int64_t bound,
				char out[UNIT_TEXT_SIZE])
{
	if (row->kind == GH_OPT_DURATION)
		unit_duration_text((uint64_t)bound, out);
	else if (row->kind == GH_OPT_SIZE)
		unit_size_text((uint64_t)bound, out);
	else
		snprintf(out, UNIT_TEXT_SIZE, "%lld%s", (long long)bound,
			 row->kind == GH_OPT_RATE ? "/s" : "");
	return out;
}

const char *option_range(const struct gh_option *row, struct arena *a)
{
	char min[UNIT_TEXT_SIZE], max[UNIT_TEXT_SIZE];
	const char *text;

	if (row->min == 0 && row->max == 0)
		return NULL;
	text = arena_printf(a, "%s to %s", option_bound(row, row->min, min),
			    option_bound(row, row->max, max));
	must(text);
	return text;
}

void option_error(const struct option_slot *slot, const char *format, ...)
{
	const struct option_context *ctx = slot->ctx;
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (slot->is_default)
		config_errors_add(ctx->errors, ctx->source, slot->pointer,
				  "%s (it is absent, and its default is %s)", text, slot->row->def);
	else
		config_errors_add(ctx->errors, ctx->source, slot->pointer, "%s", text);
}

json_t *option_default(const struct gh_option *row, struct error *e)
{
	bool is_json = row->kind == GH_OPT_STRINGS || row->kind == GH_OPT_LIST ||
		       row->kind == GH_OPT_MAP || row->kind == GH_OPT_JSON ||
		       row->kind == GH_OPT_OBJECT;
	json_error_t bad;
	json_t *value = NULL;
	struct buf text;

	e->text[0] = '\0';
	if (!row->def)
		return NULL;
	buf_init(&text, 0);
	if (expand_text(str_from(row->def), &text, e) == 0) {
		const char *p = text.n ? text.p : "";
		value = is_json ? json_loadb(p, text.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
					     &bad) :
				  json_stringn(p, text.n);
		if (!value)
			error_set(e, "not right: %s", is_json ? bad.text : "not UTF-8");
	}
	buf_fini(&text);
	return value;
}

bool option_default_shown(const struct gh_option *row)
{
	return !(row->flags & GH_OPT_SECRET) || strncmp(row->def, "${", 2) == 0;
}

/* given: the object around the member is in the file, so that what is required must be there. */
static void option_absent(struct option_slot *slot, bool given, void *field)
{
	const struct gh_option *row = slot->row;
	struct option_table sub;
	struct error e;
	json_t *value;

	if (row->flags & GH_OPT_REQUIRED) {
		if (given)
			option_error(slot, "missing; it must be %s",
				     option_expects(row, slot->ctx->arena));
		return;
	}
	if (row->flags & OPTION_ABSENT_MAX)
		*(uint64_t *)field = UINT64_MAX;
	slot->is_default = true;
	value = option_default(row, &e);
	if (value)
		option_value(slot, value, field);
	else if (e.text[0])
		option_error(slot, "%s", e.text);
	else if (row->kind == GH_OPT_OBJECT) {
		sub = option_sub(slot->table, row);
		option_fill(slot->ctx, &sub, NULL, slot->pointer, field);
	}
	json_decref(value);
}

static void option_unknown(const struct option_context *ctx, const struct option_table *t,
			   const json_t *object, const char *pointer)
{
	const char **names = arena_alloc(ctx->arena, (t->count + 1) * sizeof(*names));
	const char *key, *list = "none";
	json_t *value;

	must(names);
	for (uint32_t i = 0; i < t->count; i++)
		names[i] = option_row(t, i)->name;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char *near;
		bool known = false;
		for (uint32_t i = 0; i < t->count && !known; i++)
			known = strcmp(names[i], key) == 0;
		if (known)
			continue;
		near = str_nearest(key, names, t->count);
		for (uint32_t i = 0; i < t->count && !near; i++) {
			list = i ? arena_printf(ctx->arena, "%s, %s", list, names[i]) : names[i];
			must(list);
		}
		config_errors_add(ctx->errors, ctx->source,
				  option_pointer(ctx->arena, pointer, key),
				  near ? "unknown member \"%s\" (did you mean \"%s\"?)" :
					 "unknown member \"%s\"; those known here: %s",
				  key, near ? near : list);
	}
}

void option_fill(const struct option_context *ctx, const struct option_table *t,
		 const json_t *object, const char *pointer, void *out)
{
	if (object && !json_is_object(object)) {
		static const struct gh_option row = { .kind = GH_OPT_OBJECT };
		option_bad(&(struct option_slot){ ctx, t, &row, pointer, false }, object);
		return;
	}
	if (object)
		option_unknown(ctx, t, object, pointer);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct gh_option *row = option_row(t, i);
		const json_t *value = object ? json_object_get(object, row->name) : NULL;
		struct option_slot slot = { .ctx = ctx,
					    .table = t,
					    .row = row,
					    .pointer = option_pointer(ctx->arena, pointer,
								      row->name) };
		void *field = (char *)out + row->offset;
		if (value)
			option_value(&slot, value, field);
		else
			option_absent(&slot, object != NULL, field);
	}
}

int option_parse(const struct option_context *ctx, const struct option_table *t,
		 const json_t *object, const char *pointer, void *out)
{
	size_t before = config_errors_total(ctx->errors);

	option_fill(ctx, t, object, pointer, out);
	return config_errors_total(ctx->errors) == before ? 0 : -1;
}
