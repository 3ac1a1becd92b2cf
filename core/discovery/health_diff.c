/* SPDX-License-Identifier: Apache-2.0 */
/* The answer is a list with an object for each check, in an order that does not change.  With many
 * services it is a megabyte, of which a flip changes a few bytes: parsing all of it five times a
 * second would cost more than all else.  What both have in common at the beginning and at the end
 * is found by comparing bytes; only whole objects in between are parsed.
 *
 * An object begins with its member "Node": Consul writes it first, in compact and (a dev agent) in
 * indented JSON, and those bytes cannot stand inside a string, where each quote has a backslash
 * before it.  Should that not hold one day, what is cut out is no JSON, and the caller is told that
 * anything may have changed. */
#include "discovery/health_diff.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

static const struct str diff_begin = { "\"Node\":", 7 };

/* The objects of one text that are not known to be the same in the other: from their first
 * member on, to that of the next. */
struct diff_side {
	const char *p, *end;
};

static size_t diff_prefix(struct str a, struct str b)
{
	enum { STEP = 4096 };
	size_t n = a.n < b.n ? a.n : b.n, i = 0;

	while (n - i >= STEP && memcmp(a.p + i, b.p + i, STEP) == 0)
		i += STEP;
	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

/* At most limit bytes. */
static size_t diff_suffix(struct str a, struct str b, size_t limit)
{
	enum { STEP = 4096 };
	size_t i = 0;

	while (limit - i >= STEP && memcmp(a.p + a.n - i - STEP, b.p + b.n - i - STEP, STEP) == 0)
		i += STEP;
	while (i < limit && a.p[a.n - i - 1] == b.p[b.n - i - 1])
		i++;
	return i;
}

/* The beginning of the object that position at is in, or 0. */
static size_t diff_object_before(struct str text, size_t at)
{
	size_t i = at + diff_begin.n <= text.n ? at :
		   text.n < diff_begin.n       ? 0 :
						 text.n - diff_begin.n;

	while (i > 0 && memcmp(text.p + i, diff_begin.p, diff_begin.n) != 0)
		i--;
	return i;
}

/* The next beginning of an object, or the end. */
static const char *diff_next(const char *p, const char *end)
{
	const char *at = p < end ? memmem(p, (size_t)(end - p), diff_begin.p, diff_begin.n) : NULL;

	return at ? at : end;
}

/* Takes the next object off, with what stands between it and the one behind. */
static struct str diff_take(struct diff_side *side)
{
	const char *begin = side->p;

	side->p = diff_next(begin + 1, side->end);
	return (struct str){ begin, (size_t)(side->p - begin) };
}

/* Without the comma, or the bracket that ends the list. */
static struct str diff_trim(struct str text)
{
	while (text.n > 0 && text.p[text.n - 1] != '}')
		text.n--;
	return text;
}

static int diff_report(struct str object, bool now, health_diff_cb cb, void *arg)
{
	const char *node, *service;
	json_int_t index;
	json_t *json;

	object = diff_trim(object);
	/* Its bracket.  The text begins with another one, so this comes to an end. */
	do {
		object.p--;
		object.n++;
	} while (strchr(" \t\r\n", *object.p));
	json = json_loadb(object.p, object.n, 0, NULL);
	node = json_string_value(json_object_get(json, "Node"));
	service = json_string_value(json_object_get(json, "ServiceName"));
	index = now ? json_integer_value(json_object_get(json, "ModifyIndex")) : 0;
	if (node && service)
		cb(arg, node, service, index > 0 ? (uint64_t)index : 0);
	json_decref(json);
	return node && service ? 0 : -1;
}

static size_t diff_count(struct diff_side side)
{
	size_t n = 0;

	for (; side.p < side.end; n++)
		diff_take(&side);
	return n;
}

/* Objects of equal number are compared in pairs; else all are said to differ. */
static int diff_objects(struct diff_side before, struct diff_side now, health_diff_cb cb, void *arg)
{
	bool pairs = diff_count(before) == diff_count(now);
	int rc = 0;

	while (rc == 0 && pairs && before.p < before.end) {
		struct str a = diff_trim(diff_take(&before)), b = diff_trim(diff_take(&now));

		if (!str_eq(a, b) &&
		    (diff_report(a, false, cb, arg) || diff_report(b, true, cb, arg)))
			rc = -1;
	}
	while (rc == 0 && before.p < before.end)
		rc = diff_report(diff_take(&before), false, cb, arg);
	while (rc == 0 && now.p < now.end)
		rc = diff_report(diff_take(&now), true, cb, arg);
	return rc;
}

/* From the object that the first difference is in to the one that begins behind the last. */
static struct diff_side diff_cut(struct str text, size_t begin, size_t suffix)
{
	struct diff_side side = { text.p + begin, text.p + text.n };
	const char *end = diff_next(text.p + text.n - suffix, side.end);

	side.p = diff_next(side.p, side.end);
	side.end = end > side.p ? end : side.p;
	return side;
}

int health_diff(struct str before, struct str now, health_diff_cb cb, void *arg)
{
	size_t prefix = diff_prefix(before, now);
	size_t shorter = before.n < now.n ? before.n : now.n;
	size_t suffix, begin;

	if (prefix == before.n && prefix == now.n)
		return 0;
	if (before.n < 2 || now.n < 2 || before.p[0] != '[' || now.p[0] != '[')
		return -1;
	suffix = diff_suffix(before, now, shorter - prefix);
	begin = diff_object_before(before.n < now.n ? before : now, prefix);
	return diff_objects(diff_cut(before, begin, suffix), diff_cut(now, begin, suffix), cb, arg);
}
