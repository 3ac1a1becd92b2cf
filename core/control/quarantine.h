/* SPDX-License-Identifier: Apache-2.0 */
/* control/quarantine.h -- which plugin files crash workers, and which are therefore kept out.
 * Called by: control, control/supervisor (counts), control/admin (shows).  Never: reads a clock or
 * a file; a file is known by name and hash, so that another file of that name is another one. */
#ifndef GATEHOUSE_CONTROL_QUARANTINE_H
#define GATEHOUSE_CONTROL_QUARANTINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUARANTINE_CRASHES_MAX = 100, /* the highest limit; gateway.json allows no more */
	QUARANTINE_FILES_MAX = 256,   /* files remembered; the oldest that is not held goes first */
};

/* One plugin file that crashed at least once. */
struct quarantine_file {
	char name[64], hash[17];
	uint64_t crashed_ns[QUARANTINE_CRASHES_MAX]; /* the last ones, as a ring */
	uint64_t crashes;                            /* in all; the ring's position */
	uint64_t counted_from;                       /* crashes before the last release */
	bool held;
	uint64_t held_us; /* wall clock */
};

/* All zero: nothing crashed yet. */
struct quarantine {
	struct quarantine_file *files;
	size_t count;
};

struct quarantine_rule {
	unsigned crashes;   /* that many ...; 0: never held */
	uint64_t window_ns; /* ... within this time */
};

/* Counts a crash.  True: the file is held from now on, and was not before. */
bool quarantine_crash(struct quarantine *, const char *name, const char *hash,
		      const struct quarantine_rule *, uint64_t now_ns, uint64_t wall_us);
/* Holds the file, as after its last crash: for a release that failed. */
void quarantine_hold(struct quarantine *, const char *name, const char *hash, uint64_t wall_us);
/* Lets the plugin's files run again and forgets their crashes.  The hash of the one that was held
 * is copied out.  False: none was held. */
bool quarantine_release(struct quarantine *, const char *name, char hash[17]);
/* Files that nobody has loaded any more are not held: plugins is the list of a worker's "ready".
 * True when one was let go. */
bool quarantine_forget(struct quarantine *, const json_t *plugins);
/* What is held, [{"name":TEXT,"hash":TEXT},...]: a new reference. */
json_t *quarantine_list(const struct quarantine *);
/* The record of that file, or NULL. */
const struct quarantine_file *quarantine_find(const struct quarantine *, const char *name,
					      const char *hash);
void quarantine_fini(struct quarantine *);

#endif
