/* SPDX-License-Identifier: Apache-2.0 */
/* config/hostname.h -- what a request can be sent to: an IP address or a host name.
 * Called by: config/address, discovery/.  Never: resolves a name. */
#ifndef GATEHOUSE_CONFIG_HOSTNAME_H
#define GATEHOUSE_CONFIG_HOSTNAME_H

#include <stdbool.h>

#include "base/str.h"

enum { HOSTNAME_SIZE = 256 };

/* Whether the text is an IP address to connect to (brackets allowed; written to host as inet_ntop()
 * does) or a host name (RFC 1123, underscores allowed).  NULL when it is, else what is wrong. */
const char *hostname_parse(struct str text, char host[HOSTNAME_SIZE], bool *named);

#endif
