/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin.h -- the admin listener: /healthz, /readyz, /status, /metrics, and POST /reload.
 * Called by: control.  Never: changes anything but by POST; serves a client's request. */
#ifndef GATEHOUSE_CONTROL_ADMIN_H
#define GATEHOUSE_CONTROL_ADMIN_H

#include "base/error.h"

struct admin;
struct config_listen;
struct control;

/* Listens and serves on the control process's loop.  NULL and the reason. */
struct admin *admin_open(struct control *, const struct config_listen *, struct error *);
/* Where it listens; "off" for NULL. */
const char *admin_url(const struct admin *);
/* Closes all connections and sets the pointer to NULL; the memory goes when the loop has let go
 * of it.  NULL is harmless. */
void admin_close(struct admin **);

#endif
