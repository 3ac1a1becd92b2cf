/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_given.h -- the text of a configuration that was given instead of the file: what
 * waits for the next reload, and what serves.
 * Called by: control/reload.  Never: reads a file or a configuration. */
#ifndef GATEHOUSE_CONTROL_RELOAD_GIVEN_H
#define GATEHOUSE_CONTROL_RELOAD_GIVEN_H

#include <stdbool.h>

#include "base/buf.h"

/* All zero: the file has always served. */
struct reload_given {
	struct buf next;    /* p NULL: none */
	struct buf applied; /* p NULL: the file serves */
};

/* Keeps a copy for the next reload, instead of what waited for it. */
void reload_given_put(struct reload_given *, struct str text);
/* The text for a reload that begins, into an empty buffer: what waits, else what serves.  False:
 * the file is to be read. */
bool reload_given_take(struct reload_given *, struct buf *out);
/* That text serves now: takes the buffer and empties it. */
void reload_given_serves(struct reload_given *, struct buf *);
void reload_given_fini(struct reload_given *);

#endif
