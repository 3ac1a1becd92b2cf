/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/option.h"
#include "config/option_show.h"

/* ---- one change ---- */

/* What is inside {"$secret": VALUE} or {"$inherits": VALUE}; else NULL. */
static const json_t *diff_inside(const json_t *value, const char *mark)
{
	return json_object_size(value) == 1 ? json_object_get(value, mark) : NULL;
}

static bool diff_is_empty(const json_t *value)
{
	return !value || json_is_null(value) ||
	       (json_is_string(value) && json_string_length(value) == 0);
}

json_t *diff_clean(const json_t *value)
{
	const json_t *secret = diff_inside(value, OPTION_SECRET);
	const json_t *inherited = diff_inside(value, OPTION_INHERITS), *item;
	const char *key;
	json_t *out;
	size_t i;

	if (secret)
		return diff_is_empty(secret) ? json_null() : json_string("(secret)");
	if (inherited)
		return diff_clean(inherited);
	if (json_is_array(value)) {
		out = json_array();
		json_array_foreach(value, i, item) json_array_append_new(out, diff_clean(item));
		return out;
	}
	if (!json_is_object(value))
		return value ? json_incref((json_t *)(uintptr_t)value) : json_null();
	out = json_object();
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
		json_object_set_new(out, key, diff_clean(item));
	return out;
}

static bool diff_begins(const char *pointer, const char *with)
{
	size_t n = strlen(with);

	return strncmp(pointer, with, n) == 0 && (pointer[n] == '\0' || pointer[n] == '/');
}

/* What a pointer is about, for people. */
static const char *diff_kind(const char *pointer)
{
	static const char *const kinds[][2] = {
		{ "/listen", "listener" },
		{ "/workers", "workers" },
		{ "/plugins", "plugin" },
		{ "/routes", "route" },
		{ "/autoload", "route" },
		{ "/access_log", "log" },
		{ "/log", "log" },
		{ "/defaults/timeout", "timeout" },
		{ "/discovery", "discovery" },
		{ "/limits", "limit" },
	};

	if (diff_begins(pointer, "/services"))
		return strstr(pointer, "/endpoints/") ? "endpoint" :
		       strstr(pointer, "/timeout")    ? "timeout" :
							"service";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (diff_begins(pointer, kinds[i][0]))
			return kinds[i][1];
	return "setting";
}

static void diff_add(json_t *changes, const char *change, const char *pointer, const json_t *what,
		     const json_t *old, const json_t *new)
{
	json_t *item = json_pack("{s:s, s:s, s:s}", "change", change, "kind", diff_kind(pointer),
				 "pointer", pointer);

	must(item);
	if (what)
		json_object_update(item, (json_t *)(uintptr_t)what);
	if (old)
		json_object_set_new(item, "old", diff_clean(old));
	if (new)
		json_object_set_new(item, "new", diff_clean(new));
	must(json_array_append_new(changes, item) == 0);
}

/* ---- values ---- */

/* What an item of an array is called, or NULL: then its place says what it is. */
static const char *diff_name(const json_t *item)
{
	return json_string_value(json_object_get(item, "address"));
}

static const json_t *diff_find(const json_t *array, const json_t *like)
{
	const char *name = diff_name(like), *is;
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		is = diff_name(item);
		if (name ? is && strcmp(is, name) == 0 : json_equal(item, like))
			return item;
	}
	return NULL;
}

static void diff_item_pointer(const char *pointer, size_t i, char out[300])
{
	snprintf(out, 300, "%.270s/%zu", pointer, i);
}

/* Arrays whose order says nothing: listeners, endpoints. */
static void diff_sets(const json_t *old, const json_t *new, const char *pointer, const json_t *what,
		      json_t *changes)
{
	const json_t *item, *other;
	char at[300];
	size_t i;

	json_array_foreach(old, i, item)
	{
		diff_item_pointer(pointer, i, at);
		if (!diff_find(new, item))
			diff_add(changes, "removed", at, what, item, NULL);
	}
	json_array_foreach(new, i, item)
	{
		diff_item_pointer(pointer, i, at);
		other = diff_find(old, item);
		if (other)
			diff_values(other, item, at, what, changes);
		else
			diff_add(changes, "added", at, what, NULL, item);
	}
}

static bool diff_is_set(const char *pointer, const json_t *old, const json_t *new)
{
	return strcmp(pointer, "/listen") == 0 || diff_name(json_array_get(old, 0)) ||
	       diff_name(json_array_get(new, 0));
}

static bool diff_has_objects(const json_t *array)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (json_is_object(item))
			return true;
	}
	return false;
}

/* Items at the same place; lists of plain values are one value. */
static void diff_lists(const json_t *old, const json_t *new, const char *pointer,
		       const json_t *what, json_t *changes)
{
	size_t n = json_array_size(old), m = json_array_size(new);
	char at[300];

	if (!diff_has_objects(old) && !diff_has_objects(new)) {
		diff_add(changes, "changed", pointer, what, old, new);
		return;
	}
	for (size_t i = 0; i < n || i < m; i++) {
		diff_item_pointer(pointer, i, at);
		if (i >= m)
			diff_add(changes, "removed", at, what, json_array_get(old, i), NULL);
		else if (i >= n)
			diff_add(changes, "added", at, what, NULL, json_array_get(new, i));
		else
			diff_values(json_array_get(old, i), json_array_get(new, i), at, what,
				    changes);
	}
}

static void diff_objects(const json_t *old, const json_t *new, const char *pointer,
			 const json_t *what, json_t *changes)
{
	const json_t *value, *other;
	const char *key;
	struct arena a;

	arena_init(&a, 1024, 0);
	json_object_foreach((json_t *)(uintptr_t)old, key, value)
	{
		const char *at = option_pointer(&a, pointer, key);

		other = json_object_get(new, key);
		if (other)
			diff_values(value, other, at, what, changes);
		else
			diff_add(changes, "removed", at, what, value, NULL);
	}
	json_object_foreach((json_t *)(uintptr_t) new, key, value)
	{
		if (!json_object_get(old, key))
			diff_add(changes, "added", option_pointer(&a, pointer, key), what, NULL,
				 value);
	}
	arena_fini(&a);
}

static void diff_arrays(const json_t *old, const json_t *new, const char *pointer,
			const json_t *what, json_t *changes)
{
	if (diff_is_set(pointer, old, new))
		diff_sets(old, new, pointer, what, changes);
	else
		diff_lists(old, new, pointer, what, changes);
}

void diff_values(const json_t *old, const json_t *new, const char *pointer, const json_t *what,
		 json_t *changes)
{
	const json_t *a = diff_inside(old, OPTION_INHERITS);
	const json_t *b = diff_inside(new, OPTION_INHERITS);
	bool secret = diff_inside(old, OPTION_SECRET) || diff_inside(new, OPTION_SECRET);

	/* What both take from elsewhere is a change there. */
	if ((a && b) || json_equal(old, new))
		return;
	if (a || b)
		diff_values(a ? a : old, b ? b : new, pointer, what, changes);
	else if (!secret && json_is_object(old) && json_is_object(new))
		diff_objects(old, new, pointer, what, changes);
	else if (json_is_array(old) && json_is_array(new))
		diff_arrays(old, new, pointer, what, changes);
	else
		diff_add(changes, "changed", pointer, what, old, new);
}
