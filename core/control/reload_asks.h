/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_asks.h -- who asked for a reload: some wait for the next, others are served by the
 * one on its way, and each is told an outcome once.
 * Called by: control/reload.  Never: begins a reload. */
#ifndef GATEHOUSE_CONTROL_RELOAD_ASKS_H
#define GATEHOUSE_CONTROL_RELOAD_ASKS_H

#include <stdbool.h>

#include "base/list.h"

struct reload_ask;
struct reload_outcome;
struct reload_request;

struct reload_asks {
	struct list waiting; /* for the next reload */
	struct list serving; /* by the one on its way */
};

void reload_asks_init(struct reload_asks *);
/* One more waits.  Its text is not kept here. */
struct reload_ask *reload_asks_add(struct reload_asks *, const struct reload_request *);
/* Whether anybody waits. */
bool reload_asks_any(const struct reload_asks *);
/* All who wait are served from now on: the name of the first, who must be there, borrowed until the
 * outcome is told. */
const char *reload_asks_take(struct reload_asks *);
/* Whether all who are served mean the text that serves. */
bool reload_asks_same_text(const struct reload_asks *);
/* Whether all who are served want a reload only for something new. */
bool reload_asks_only_if_changed(const struct reload_asks *);
/* Tells those who are served; they may ask again. */
void reload_asks_tell(struct reload_asks *, const struct reload_outcome *);
/* Tells all, those who wait too, that the gateway ends. */
void reload_asks_refuse(struct reload_asks *);

#endif
