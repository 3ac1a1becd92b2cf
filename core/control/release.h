/* SPDX-License-Identifier: Apache-2.0 */
/* control/release.h -- lets a plugin out of quarantine by its name: a reload, since workers that
 * started meanwhile have not loaded it.
 * Called by: control/admin_actions.  Never: leaves a plugin released that could not be loaded. */
#ifndef GATEHOUSE_CONTROL_RELEASE_H
#define GATEHOUSE_CONTROL_RELEASE_H

#include "control/reload.h"

struct release;

/* HELD_NOT: there is such a plugin, and nothing to release. */
enum release_answer { RELEASE_STARTED, RELEASE_HELD_NOT, RELEASE_UNKNOWN };

/* Releases it and asks for a reload; when that is refused the plugin is in quarantine as before.
 * STARTED: *out is good until the outcome. */
enum release_answer release_start(struct control *, const char *name, reload_cb, void *arg,
				  struct release **out);
/* There is no callback any more; the release goes on. */
void release_forget(struct release *);

#endif
