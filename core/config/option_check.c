/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include <stdio.h>

static const char *check_table(const struct option_table *, uint64_t size, unsigned depth,
			       struct arena *);

/* Bytes and alignment of the field that a kind fills; 0: the sub table says. */
static const struct check_field {
	size_t size, align;
} check_fields[] = {
	[GH_OPT_STRING] = { sizeof(char *), _Alignof(char *) },
	[GH_OPT_BOOL] = { sizeof(int), _Alignof(int) },
	[GH_OPT_INT] = { sizeof(int64_t), _Alignof(int64_t) },
	[GH_OPT_NUMBER] = { sizeof(double), _Alignof(double) },
	[GH_OPT_DURATION] = { sizeof(uint64_t), _Alignof(uint64_t) },
	[GH_OPT_SIZE] = { sizeof(uint64_t), _Alignof(uint64_t) },
	[GH_OPT_RATE] = { sizeof(double), _Alignof(double) },
	[GH_OPT_ENUM] = { sizeof(int), _Alignof(int) },
	[GH_OPT_STRINGS] = { sizeof(struct gh_strings), _Alignof(struct gh_strings) },
	[GH_OPT_SERVICE] = { sizeof(char *), _Alignof(char *) },
	[GH_OPT_OBJECT] = { 0, 1 },
	[GH_OPT_LIST] = { sizeof(struct gh_list), _Alignof(struct gh_list) },
	[GH_OPT_MAP] = { sizeof(struct gh_list), _Alignof(struct gh_list) },
	[GH_OPT_JSON] = { sizeof(char *), _Alignof(char *) },
};

__attribute__((format(printf, 3, 4))) static const char *
check_fail(struct arena *a, const struct gh_option *row, const char *format, ...)
{
	char text[256];
	const char *out;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	out = arena_printf(a, "option \"%s\" %s", row->name, text);
	return out ? out : "a bad option, and no memory to name it";
}

static const char *check_sub(const struct option_table *t, const struct gh_option *row,
			     uint64_t size, unsigned depth, struct arena *a)
{
	struct option_table sub = option_sub(t, row);
	uint64_t item = row->item_size;

	if (!row->sub && row->sub_count)
		return check_fail(a, row, "has %u rows inside but no table", row->sub_count);
	if (depth == OPTION_DEPTH_MAX)
		return check_fail(a, row, "is nested more than %d levels deep", OPTION_DEPTH_MAX);
	if (row->kind == GH_OPT_OBJECT)
		item = row->offset < size ? size - row->offset : 0;
	else if (item == 0)
		return check_fail(a, row, "has items of 0 bytes");
	if (row->kind == GH_OPT_MAP && item < sizeof(char *))
		return check_fail(a, row, "has items too small for their name");
	return check_table(&sub, item, depth + 1, a);
}

/* The default must be one that a file could hold: parsed by the same rules into scratch memory. */
static const char *check_default(const struct option_table *t, const struct gh_option *row,
				 struct arena *a)
{
	struct config_errors errors = { 0 };
	struct option_context ctx = { .arena = a, .errors = &errors };
	struct gh_option copy = *row;
	struct option_table one = { &copy, 1, t->row_size };
	const char *text = NULL;
	json_t *nothing;
	void *scratch;

	if (!row->def || (row->flags & GH_OPT_REQUIRED))
		return NULL;
	copy.offset = 0;
	scratch = arena_alloc(a, 64);
	nothing = json_object();
	if (scratch && nothing && option_parse(&ctx, &one, nothing, "", scratch) < 0)
		text = check_fail(a, row, "has a bad default: %s", errors.items[0].text);
	json_decref(nothing);
	config_errors_fini(&errors);
	return text;
}

static const char *check_row(const struct option_table *t, const struct gh_option *row,
			     uint64_t size, unsigned depth, struct arena *a)
{
	const struct check_field *field;

	if (row->kind == 0 || row->kind >= sizeof(check_fields) / sizeof(check_fields[0]))
		return check_fail(a, row,
				  "is of kind %u, which this gateway does not know; it takes a "
				  "newer one",
				  row->kind);
	if (row->flags & ~(uint32_t)OPTION_ABI_FLAGS)
		return check_fail(a, row,
				  "has flags 0x%x, which this gateway does not know; it takes a "
				  "newer one",
				  row->flags);
	field = &check_fields[row->kind];
	if (row->offset + (uint64_t)field->size > size)
		return check_fail(a, row,
				  "lies outside its structure: offset %u, %llu bytes in all",
				  row->offset, (unsigned long long)size);
	if (row->offset % field->align)
		return check_fail(a, row, "lies at offset %u, which is not aligned", row->offset);
	if (row->min > row->max)
		return check_fail(a, row, "has a minimum above its maximum");
	if (row->kind == GH_OPT_ENUM && (!row->choices || !*row->choices))
		return check_fail(a, row, "has no choices");
	if (row->kind == GH_OPT_OBJECT || row->kind == GH_OPT_LIST || row->kind == GH_OPT_MAP)
		return check_sub(t, row, size, depth, a);
	return check_default(t, row, a);
}

static const char *check_table(const struct option_table *t, uint64_t size, unsigned depth,
			       struct arena *a)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct gh_option *row = option_row(t, i);
		const char *fault;
		if (!row->name || !*row->name)
			return "an option without a name";
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(option_row(t, k)->name, row->name) == 0)
				return check_fail(a, row, "is there twice");
		fault = check_row(t, row, size, depth, a);
		if (fault)
			return fault;
	}
	return NULL;
}

const char *option_table_check(const struct option_table *t, uint32_t size, struct arena *a)
{
	if (t->count == 0)
		return NULL;
	if (!t->rows)
		return "options are counted but there is no table";
	if (t->row_size < sizeof(struct gh_option) || t->row_size % _Alignof(struct gh_option))
		return "the rows of its options are smaller than those of this gateway's ABI";
	return check_table(t, size, 0, a);
}
