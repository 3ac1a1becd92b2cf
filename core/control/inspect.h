/* SPDX-License-Identifier: Apache-2.0 */
/* control/inspect.h -- runs gatehouse itself as a child process that loads plugins and reports,
 * without waiting for it: what crashes or hangs there does no harm here.
 * The child gets no credentials in its environment (config/secrets.h).
 * Called by: control/reload_check, control/gather, control/death.  Never: runs plugin code in this
 * process, blocks the loop. */
#ifndef GATEHOUSE_CONTROL_INSPECT_H
#define GATEHOUSE_CONTROL_INSPECT_H

#include <jansson.h>
#include <uv.h>

#include "base/error.h"
#include "base/str.h"

/* The descriptor on which "gatehouse probe" reports, as JSON. */
enum { INSPECT_FD_REPORT = 3 };

struct inspect;

/* The report, borrowed; or NULL and why there is none.  Of a crash, or of a plugin that hangs, it
 * is {"fault": TEXT, "plugin": NAME}.  The check is gone after it. */
typedef void (*inspect_cb)(void *arg, const json_t *report, const char *why);

struct inspect_spec {
	uv_loop_t *loop;
	const char *const *operands; /* ends with NULL */
	struct str input;            /* its standard input */
	const int *fds;              /* further descriptors, from INSPECT_FD_REPORT + 1 on */
	size_t fd_count;
	inspect_cb cb;
	void *arg;
};

/* Runs "gatehouse probe OPERAND..."; what it prints goes to standard error.  A child that does not
 * end is killed after 15 s.  All is borrowed for the call.  NULL and the reason; no callback
 * then. */
struct inspect *inspect_start(const struct inspect_spec *, struct error *);
/* Kills the child and sets the pointer to NULL; there is no callback.  NULL is harmless. */
void inspect_cancel(struct inspect **);

#endif
