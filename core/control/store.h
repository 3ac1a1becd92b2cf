/* SPDX-License-Identifier: Apache-2.0 */
/* control/store.h -- the files of the plugin directory, read once each: the copies that generations
 * share, and what is known of each.
 * Called by: control/gather, control/observer.  Never: runs plugin code. */
#ifndef GATEHOUSE_CONTROL_STORE_H
#define GATEHOUSE_CONTROL_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "plugin/file.h"

struct store_file {
	struct list link; /* of the store, by name; alone once the file has gone or changed */
	unsigned refs;
	char *name;
	uint64_t print;          /* of what stat(2) said when it was read */
	struct plugin_file file; /* fd -1: refused */
	char *error;             /* why it was refused; NULL: it was not */
	json_t *about;           /* what a child process says of it; NULL: none was asked */
	bool seen;
};

struct store {
	char *dir;
	struct list files; /* struct store_file */
};

void store_init(struct store *);
void store_fini(struct store *);
/* Brings the store up to date with the directory: reads files that are new or have changed, lets go
 * of those that are not there any more. */
void store_scan(struct store *, const char *dir);
struct store_file *store_file_ref(struct store_file *);
void store_file_unref(struct store_file *);

/* A number that changes when a file, whatever stands for it, is another, was written, or has other
 * rights; 0: there is none. */
uint64_t store_print_file(const char *path);
/* The same of a directory and all its plugins. */
uint64_t store_print_directory(const char *dir);

#endif
