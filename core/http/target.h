/* SPDX-License-Identifier: Apache-2.0 */
/* http/target.h -- the request target and the authority (RFC 9112, 3.2; RFC 3986, 3.2).
 * Called by: http/check, config.  Never: decodes (that is http/path). */
#ifndef GATEHOUSE_HTTP_TARGET_H
#define GATEHOUSE_HTTP_TARGET_H

#include <stdbool.h>

#include "http/head.h"

/* Takes h->target apart into path, query and, in absolute-form, authority.  END_OK or why. */
enum end_reason target_parse(struct head *, const char **why);
/* uri-host [ ":" port ], not empty, no userinfo, port at most 65535. */
bool target_authority_valid(struct str);
/* The host of a valid authority, without the port, brackets kept. */
struct str target_host(struct str authority);
/* Whether that host[:port] is the one of a target in absolute-form (RFC 9110, 4.2.3). */
bool target_same_authority(const struct head *, struct str);

#endif
