/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_given.h"

#include "base/error.h"

void reload_given_put(struct reload_given *g, struct str text)
{
	buf_clear(&g->next);
	/* An empty text is one too: its fault is told. */
	must(buf_room(&g->next, text.n + 1));
	buf_append(&g->next, text.p, text.n);
}

bool reload_given_take(struct reload_given *g, struct buf *out)
{
	bool any = g->next.p || g->applied.p;

	*out = g->next;
	g->next = (struct buf){ 0 };
	if (!out->p && g->applied.p)
		buf_append(out, g->applied.p, g->applied.n);
	return any;
}

void reload_given_serves(struct reload_given *g, struct buf *text)
{
	buf_fini(&g->applied);
	g->applied = *text;
	*text = (struct buf){ 0 };
}

void reload_given_fini(struct reload_given *g)
{
	buf_fini(&g->next);
	buf_fini(&g->applied);
}
