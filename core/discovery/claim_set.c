/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void claim_set_remove(struct claim_set *s, size_t i)
{
	json_decref(s->items[i].json);
	memmove(&s->items[i], &s->items[i + 1], (s->count - i - 1) * sizeof(*s->items));
	s->count--;
}

void claim_set_fini(struct claim_set *s)
{
	while (s->count)
		claim_set_remove(s, s->count - 1);
	free(s->items);
	*s = (struct claim_set){ 0 };
}

static void claim_set_put(struct claim_set *s, json_t *json, enum claim_kind kind)
{
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->items = xrealloc(s->items, s->cap * sizeof(*s->items));
	}
	s->items[s->count++] = (struct claim_entry){ .json = json_incref(json),
						     .service = json_string_value(
							     json_object_get(json, "service")),
						     .kind = kind,
						     .found = true };
}

/* Those of services that have gone make room, the first that went first. */
static bool claim_set_make_room(struct claim_set *s)
{
	size_t oldest = s->count;

	if (s->count < CLAIMS_MAX)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].absent &&
		    (oldest == s->count || s->items[i].since_ms < s->items[oldest].since_ms))
			oldest = i;
	if (oldest == s->count)
		return false;
	claim_set_remove(s, oldest);
	return true;
}

static struct claim_entry *claim_set_find(struct claim_set *s, enum claim_kind kind,
					  const json_t *json)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == kind && json_equal(s->items[i].json, json))
			return &s->items[i];
	return NULL;
}

bool claim_set_update(struct claim_set *s, const char *service, enum claim_kind kind,
		      const json_t *found, bool trusted, uint64_t now_ms)
{
	bool news = false;
	json_t *json;
	size_t i;

	for (i = 0; i < s->count; i++)
		s->items[i].found = false;
	json_array_foreach(found, i, json)
	{
		struct claim_entry *e = claim_set_find(s, kind, json);

		if (e) {
			e->found = true;
			e->missing = e->absent = false;
		} else if (i >= CLAIMS_PER_SERVICE_MAX || !claim_set_make_room(s)) {
			s->dropped++;
		} else {
			claim_set_put(s, json, kind);
			news = true;
		}
	}
	for (i = 0; i < s->count; i++) {
		struct claim_entry *e = &s->items[i];

		if (e->found || e->kind != kind || strcmp(e->service, service) != 0)
			continue;
		if (trusted && !e->missing) {
			e->missing = true;
			e->since_ms = now_ms;
		}
		e->absent = false;
	}
	return news;
}

void claim_set_absent(struct claim_set *s, const char *service, uint64_t now_ms)
{
	for (size_t i = 0; i < s->count; i++) {
		struct claim_entry *e = &s->items[i];

		if (e->absent || strcmp(e->service, service) != 0)
			continue;
		e->absent = true;
		e->missing = false;
		e->since_ms = now_ms;
	}
}

static uint64_t claim_set_over_at(const struct claim_entry *e, uint64_t hold_ms, uint64_t keep_ms)
{
	if (e->missing)
		return e->since_ms + hold_ms;
	return e->absent && keep_ms ? e->since_ms + keep_ms : UINT64_MAX;
}

bool claim_set_tick(struct claim_set *s, uint64_t hold_ms, uint64_t keep_ms, uint64_t now_ms)
{
	bool any = false;

	for (size_t i = s->count; i-- > 0;)
		if (claim_set_over_at(&s->items[i], hold_ms, keep_ms) <= now_ms) {
			claim_set_remove(s, i);
			any = true;
		}
	return any;
}

uint64_t claim_set_due(const struct claim_set *s, uint64_t hold_ms, uint64_t keep_ms)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = claim_set_over_at(&s->items[i], hold_ms, keep_ms);

		due = at < due ? at : due;
	}
	return due;
}

json_t *claim_set_json(const struct claim_set *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->count; i++)
		json_array_append(out, s->items[i].json);
	return out;
}

json_t *claim_set_save(const struct claim_set *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->count; i++)
		json_array_append_new(out, json_pack("{s:b, s:O}", "meta",
						     (int)(s->items[i].kind == CLAIM_META), "claim",
						     s->items[i].json));
	return out;
}

int claim_set_load(struct claim_set *s, const json_t *saved, uint64_t now_ms)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(saved))
		return -1;
	json_array_foreach(saved, i, item)
	{
		json_t *claim = json_object_get(item, "claim");
		bool meta = json_is_true(json_object_get(item, "meta"));

		if (!json_string_value(json_object_get(claim, "service")) ||
		    !json_string_value(json_object_get(claim, "origin")) ||
		    s->count >= CLAIMS_MAX) {
			claim_set_fini(s);
			return -1;
		}
		claim_set_put(s, claim, meta ? CLAIM_META : CLAIM_TAG);
		s->items[s->count - 1].absent = true;
		s->items[s->count - 1].since_ms = now_ms;
	}
	return 0;
}
