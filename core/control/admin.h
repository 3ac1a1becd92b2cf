/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin.h -- the admin listener: /healthz, /readyz, /status, /metrics, and POST /reload.
 * Called by: control.  Never: changes anything but by POST; serves a client's request. */
#ifndef GATEHOUSE_CONTROL_ADMIN_H
#define GATEHOUSE_CONTROL_ADMIN_H

#include "base/error.h"

struct admin;
struct config_listen;
struct control;
struct listen_set;

/* Listens and serves on the control process's loop; while another gateway has the sockets
 * (listen_set.handed_on), only once admin_serve() is called.  NULL and the reason. */
struct admin *admin_open(struct control *, const struct config_listen *, struct error *);
/* Serves: the gateway that had the socket before does not any more.  NULL is harmless. */
void admin_serve(struct admin *);
/* Another gateway serves on the socket from now on: what is asked already is answered here, and no
 * more.  NULL is harmless. */
void admin_retire(struct admin *);
/* Where it listens; "off" for NULL. */
const char *admin_url(const struct admin *);
/* Its listeners, for the one who hands them on; NULL for NULL. */
const struct listen_set *admin_listeners(const struct admin *);
/* Closes all connections and sets the pointer to NULL; the memory goes when the loop has let go
 * of it.  NULL is harmless. */
void admin_close(struct admin **);

#endif
