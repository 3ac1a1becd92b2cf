/* SPDX-License-Identifier: Apache-2.0 */
/* plugin/file.h -- one plugin file: its mode and its bytes are checked, and it is copied where
 * nobody can change it.
 * Called by: plugin/image, control/store.  Never: loads or runs code, so that the control process
 * may call it. */
#ifndef GATEHOUSE_PLUGIN_FILE_H
#define GATEHOUSE_PLUGIN_FILE_H

#include "base/error.h"

struct plugin_file {
	char *name;    /* the file's name without .so */
	char *path;    /* as found */
	char hash[17]; /* of the content, in hex: tells versions apart */
	int fd;        /* a sealed memfd with the content; -1: none */
};

/* Reads DIR/NAME.so: refuses what others may write (file and directory), what changes while it is
 * read, what is no ELF shared object for this machine, and what is truncated.  0; or -1 and the
 * reason, with nothing to close. */
int plugin_file_open(struct plugin_file *, const char *dir, const char *name, struct error *);
/* Closes the copy, which lives on in processes that have it open or mapped. */
void plugin_file_close(struct plugin_file *);

#endif
