/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/snapshot.h -- one JSON document in a file: read at a start, and written anew, off the
 * loop, some time after what it says has changed.
 * Called by: discovery.  Never: knows what is in the document, or leaves half of one behind. */
#ifndef GATEHOUSE_DISCOVERY_SNAPSHOT_H
#define GATEHOUSE_DISCOVERY_SNAPSHOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

enum { SNAPSHOT_EVERY_MS = 5000, SNAPSHOT_MAX = 64 * 1024 * 1024 };

/* What to write now: a new reference, or NULL for nothing yet. */
typedef json_t *(*snapshot_make_cb)(void *arg);

struct snapshot {
	uv_loop_t *loop;
	char *path; /* NULL: nothing is kept on disk */
	uint64_t every_ms;
	snapshot_make_cb make;
	void *arg;
	uv_timer_t timer;
	uv_work_t work;
	char *text;          /* while it is being written */
	struct error failed; /* of the last writing; "" when it went well */
	bool on, dirty, working, faulty, closing, written;
	uint64_t written_ms; /* on the loop's clock */
	size_t open;
	void (*on_closed)(void *arg);
	void *closed_arg;
};

/* Off at first.  path may be NULL: then the rest does nothing. */
void snapshot_init(struct snapshot *, uv_loop_t *, const char *path, snapshot_make_cb, void *arg);
/* Whether it may write: of several generations only one does. */
void snapshot_enable(struct snapshot *, bool on);
/* What it says has changed: it is written soon, at most every five seconds.  A failure is logged
 * once, until it works again. */
void snapshot_touch(struct snapshot *);
/* Waits for a write that runs; then on_closed. */
void snapshot_close(struct snapshot *, void (*on_closed)(void *arg), void *arg);

/* Reads a document.  NULL when there is none (the error is empty) or when it cannot be used: not
 * JSON, or a file that others may write. */
json_t *snapshot_read(const char *path, struct error *);
/* Writes one: into a new file with mode 0600 beside it, which takes its place when all of it is on
 * the disk.  0, or -1 and the reason. */
int snapshot_write(const char *path, const char *text, struct error *);

#endif
