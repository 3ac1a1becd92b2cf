/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_actions.h -- what the admin listener does when it is asked to with POST.
 * Called by: control/admin.  Never: sees a socket, checks who asks. */
#ifndef GATEHOUSE_CONTROL_ADMIN_ACTIONS_H
#define GATEHOUSE_CONTROL_ADMIN_ACTIONS_H

#include <stdbool.h>

#include "base/str.h"

struct admin_reply;
struct control;
struct diff;
struct release;
struct upgrade;
struct reload_ask;

/* A request whose answer is not there yet; all zero but for reply and done. */
struct admin_pending {
	struct admin_reply *reply;            /* to be filled */
	void (*done)(struct admin_pending *); /* it is */
	struct reload_ask *ask;               /* of a reload on its way; or NULL */
	struct release *release;              /* of a plugin, likewise */
	struct diff *diff;                    /* likewise */
	struct upgrade *upgrade;              /* likewise */
};

/* Whether POST to the path does anything. */
bool admin_action_exists(struct str path);
/* Does it; body is borrowed for the call.  True: the reply is filled.  False: done() comes later,
 * unless the request is forgotten. */
bool admin_action(struct control *, struct str path, struct str body, struct admin_pending *);
/* Nobody waits for the answer any more: done() does not come. */
void admin_action_forget(struct admin_pending *);

#endif
