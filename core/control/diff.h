/* SPDX-License-Identifier: Apache-2.0 */
/* control/diff.h -- what a reload to another text of the configuration would change: all that a
 * reload does up to the check in a child process, and then nothing.
 * Called by: control/admin_actions.  Never: changes what serves, shows a secret. */
#ifndef GATEHOUSE_CONTROL_DIFF_H
#define GATEHOUSE_CONTROL_DIFF_H

#include <jansson.h>

#include "base/str.h"

struct control;
struct diff;

struct diff_outcome {
	const json_t *changes; /* config/diff.h; NULL: the text cannot be used */
	const json_t *errors;  /* why: an array of texts */
	const json_t *notes;   /* what a reload cannot change: as well */
};

/* Borrowed for the call. */
typedef void (*diff_cb)(void *arg, const struct diff_outcome *);

/* Compares what serves, which must be there, with the text (copied), as if it were in the file.
 * The callback comes once, perhaps before this returns; *where is NULL from then on. */
void diff_start(struct control *, struct str text, diff_cb, void *arg, struct diff **where);
/* No callback; sets the pointer to NULL, which is harmless too. */
void diff_cancel(struct diff **where);

#endif
