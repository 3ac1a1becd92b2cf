/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/skipped.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"

struct skipped_fault {
	char *key;
	uint64_t round; /* the last answer that had it */
};

static void skipped_remove(struct skipped *s, struct skipped_fault *f)
{
	map_remove(&s->said, str_from(f->key));
	free(f->key);
	free(f);
}

void skipped_begin(struct skipped *s)
{
	s->round++;
}

bool skipped_add(struct skipped *s, const char *id, const char *reason)
{
	struct skipped_fault *f;
	char *key;

	if (asprintf(&key, "%s\n%s", id, reason) < 0)
		return false;
	f = map_get(&s->said, str_from(key));
	if (f || s->said.count >= SKIPPED_MAX) {
		if (f)
			f->round = s->round;
		free(key);
		return false;
	}
	f = xcalloc(1, sizeof(*f));
	f->key = key;
	f->round = s->round;
	map_put(&s->said, str_from(f->key), f);
	return true;
}

void skipped_say(struct skipped *s, const char *service, const char *id, const char *reason)
{
	if (skipped_add(s, id, reason))
		log_warn("instance left out", LOG_S("service", service), LOG_S("instance", id),
			 LOG_S("reason", reason));
}

void skipped_end(struct skipped *s)
{
	struct skipped_fault *gone[SKIPPED_MAX];
	struct map_entry *e;
	size_t at = 0, n = 0;

	while ((e = map_next(&s->said, &at)))
		if (((struct skipped_fault *)e->value)->round != s->round)
			gone[n++] = e->value;
	while (n > 0)
		skipped_remove(s, gone[--n]);
}

void skipped_fini(struct skipped *s)
{
	skipped_begin(s);
	skipped_end(s);
	map_fini(&s->said);
}
