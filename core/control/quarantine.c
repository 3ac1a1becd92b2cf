/* SPDX-License-Identifier: Apache-2.0 */
#include "control/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static struct quarantine_file *quarantine_get(const struct quarantine *q, const char *name,
					      const char *hash)
{
	for (size_t i = 0; i < q->count; i++)
		if (strcmp(q->files[i].name, name) == 0 && strcmp(q->files[i].hash, hash) == 0)
			return &q->files[i];
	return NULL;
}

const struct quarantine_file *quarantine_find(const struct quarantine *q, const char *name,
					      const char *hash)
{
	return quarantine_get(q, name, hash);
}

/* Room for one more: the oldest that is not held, or else the oldest. */
static void quarantine_make_room(struct quarantine *q)
{
	size_t gone = 0;

	if (q->count < QUARANTINE_FILES_MAX)
		return;
	while (gone < q->count && q->files[gone].held)
		gone++;
	if (gone == q->count)
		gone = 0;
	q->count--;
	memmove(&q->files[gone], &q->files[gone + 1], (q->count - gone) * sizeof(*q->files));
}

static struct quarantine_file *quarantine_add(struct quarantine *q, const char *name,
					      const char *hash)
{
	struct quarantine_file *f = quarantine_get(q, name, hash);

	if (f)
		return f;
	quarantine_make_room(q);
	q->files = xrealloc(q->files, (q->count + 1) * sizeof(*q->files));
	f = &q->files[q->count++];
	*f = (struct quarantine_file){ .held = false };
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->hash, sizeof(f->hash), "%s", hash);
	return f;
}

bool quarantine_crash(struct quarantine *q, const char *name, const char *hash,
		      const struct quarantine_rule *rule, uint64_t now_ns, uint64_t wall_us)
{
	struct quarantine_file *f = quarantine_add(q, name, hash);
	unsigned n = rule->crashes < QUARANTINE_CRASHES_MAX ? rule->crashes :
							      QUARANTINE_CRASHES_MAX;

	f->crashed_ns[f->crashes++ % QUARANTINE_CRASHES_MAX] = now_ns;
	if (f->held || n == 0 || f->crashes - f->counted_from < n)
		return false;
	uint64_t first = f->crashed_ns[(f->crashes - n) % QUARANTINE_CRASHES_MAX];
	if (now_ns - first > rule->window_ns)
		return false;
	f->held = true;
	f->held_us = wall_us;
	return true;
}

void quarantine_hold(struct quarantine *q, const char *name, const char *hash, uint64_t wall_us)
{
	struct quarantine_file *f = quarantine_add(q, name, hash);

	f->held = true;
	f->held_us = wall_us;
}

static void quarantine_let_go(struct quarantine_file *f)
{
	f->held = false;
	f->counted_from = f->crashes;
}

bool quarantine_release(struct quarantine *q, const char *name, char hash[17])
{
	bool any = false;

	for (size_t i = 0; i < q->count; i++) {
		struct quarantine_file *f = &q->files[i];

		if (!f->held || strcmp(f->name, name) != 0)
			continue;
		memcpy(hash, f->hash, sizeof(f->hash));
		quarantine_let_go(f);
		any = true;
	}
	return any;
}

static bool quarantine_in(const json_t *plugins, const struct quarantine_file *f)
{
	const json_t *plugin;
	size_t i;

	json_array_foreach(plugins, i, plugin)
	{
		const char *name = json_string_value(json_object_get(plugin, "name"));
		const char *hash = json_string_value(json_object_get(plugin, "hash"));

		if (name && hash && strcmp(name, f->name) == 0 && strcmp(hash, f->hash) == 0)
			return true;
	}
	return false;
}

bool quarantine_forget(struct quarantine *q, const json_t *plugins)
{
	bool any = false;

	for (size_t i = 0; i < q->count; i++) {
		if (!q->files[i].held || quarantine_in(plugins, &q->files[i]))
			continue;
		quarantine_let_go(&q->files[i]);
		any = true;
	}
	return any;
}

json_t *quarantine_list(const struct quarantine *q)
{
	json_t *list = json_array();

	must(list);
	for (size_t i = 0; i < q->count; i++)
		if (q->files[i].held)
			json_array_append_new(list,
					      json_pack("{s:s, s:s}", "name", q->files[i].name,
							"hash", q->files[i].hash));
	return list;
}

void quarantine_fini(struct quarantine *q)
{
	free(q->files);
	*q = (struct quarantine){ .count = 0 };
}
