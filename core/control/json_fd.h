/* SPDX-License-Identifier: Apache-2.0 */
/* control/json_fd.h -- JSON that another process left in a file without a name.
 * Called by: control/inspect and takeover.  Never: writes, closes the descriptor. */
#ifndef GATEHOUSE_CONTROL_JSON_FD_H
#define GATEHOUSE_CONTROL_JSON_FD_H

#include <jansson.h>
#include <stddef.h>

/* Reads the whole file, wherever its offset is: the caller's, or NULL when it is empty, larger than
 * max bytes, or not JSON. */
json_t *json_fd_read(int fd, size_t max);

#endif
