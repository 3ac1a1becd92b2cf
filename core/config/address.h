/* SPDX-License-Identifier: Apache-2.0 */
/* config/address.h -- addresses as people write them: HOST:PORT, [IPV6]:PORT, :PORT, unix:/path.
 * Called by: config/gateway_build.  Never: resolves a name. */
#ifndef GATEHOUSE_CONFIG_ADDRESS_H
#define GATEHOUSE_CONFIG_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/gateway.h"

/* An address to listen on: an IP address (none: 0.0.0.0) and a port from 1 on, or a path, which
 * is made absolute with base.  0, or -1 and what to write instead. */
int address_listen(struct arena *, const char *text, const char *base, struct config_listen *,
		   struct error *);
/* An endpoint's address: IP address or host name, and a port from 1 on.  Sets host and port.  0,
 * or -1 and what to write instead. */
int address_endpoint(struct arena *, const char *text, struct config_endpoint *, struct error *);
/* path itself when absolute, else below base; in arena. */
const char *address_path(struct arena *, const char *base, const char *path);

#endif
