/* SPDX-License-Identifier: Apache-2.0 */
/* control/pidfile.h -- the file that names this process, for those who want one.
 * Called by: control.  Never: is read to decide anything. */
#ifndef GATEHOUSE_CONTROL_PIDFILE_H
#define GATEHOUSE_CONTROL_PIDFILE_H

#include "base/error.h"

/* Puts this process's number into the file, whole or not at all.  0 or -1 and the reason; NULL is
 * harmless, in both. */
int pidfile_write(const char *path, struct error *);
/* Removes it, unless it names another process by now. */
void pidfile_remove(const char *path);

#endif
