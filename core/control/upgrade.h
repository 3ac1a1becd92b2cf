/* SPDX-License-Identifier: Apache-2.0 */
/* control/upgrade.h -- the old gateway's side of an upgrade: another binary is executed with the
 * listening sockets; once it is ready it serves, and this one drains and ends.
 * Called by: control (a signal), control/admin_actions.  Never: changes anything before the new one
 * is ready.
 *
 *	start --ready--> control_hand_over(), "go" --serving--> done: this process drains, and ends
 *	   '--it fails, ends, or is not ready in time--> refused: nothing has changed
 */
#ifndef GATEHOUSE_CONTROL_UPGRADE_H
#define GATEHOUSE_CONTROL_UPGRADE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

struct control;
struct upgrade;

struct upgrade_outcome {
	bool done;
	int pid;              /* of the gateway that serves now */
	const json_t *errors; /* why it was refused: an array of texts */
};

typedef void (*upgrade_cb)(void *arg, const struct upgrade_outcome *);

struct upgrade_request {
	const char *who;    /* for the log */
	const char *binary; /* absolute path; NULL: the path that this one was started from */
	upgrade_cb cb;      /* once, not before this returns; NULL: nobody waits */
	void *arg;
};

/* Notes the path of the running binary, while it is still there. */
void upgrade_init(void);
/* Starts one.  NULL and the reason; there is no callback then. */
struct upgrade *upgrade_start(struct control *, const struct upgrade_request *, struct error *);
/* Whether the other has the sockets and has not said yet that it answers for everything.  NULL:
 * no. */
bool upgrade_waits(const struct upgrade *);
/* Nobody waits for the outcome any more; the upgrade goes on. */
void upgrade_forget(struct upgrade *);
/* The gateway ends: one that is under way is refused.  Sets the pointer to NULL; NULL is
 * harmless. */
void upgrade_close(struct upgrade **);

#endif
