/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/claim.h -- routes that a service in Consul asks for, by a tag or by its metadata.
 * Called by: discovery/claim_watch.  Never: judges whether the service may have them.
 *
 * A claim is an object, so that it can be handed on, kept on disk and shown:
 *	{"service": TEXT, "origin": TEXT, "path": PATTERN, "host": TEXT?, "methods": "GET,POST"?,
 *	 "strip_prefix": TEXT?, "add_prefix": TEXT?}
 * or, of what cannot be understood, {"service": TEXT, "origin": TEXT, "why": TEXT}.  origin is what
 * an operator finds in Consul: "tag urlprefix-/x" or "metadata of node/id". */
#ifndef GATEHOUSE_DISCOVERY_CLAIM_H
#define GATEHOUSE_DISCOVERY_CLAIM_H

#include <jansson.h>

#include "base/str.h"

enum { CLAIM_TEXT_MAX = 1000, CLAIM_PATHS_MAX = 16 };

/* What a tag says behind the prefix, as fabio has it: "[HOST]/PATH [strip=/PATH] [prepend=/PATH]
 * [proto=http]".  A path stands for itself and all below.  Appends one claim or two. */
void claim_of_tag(json_t *out, const char *service, const char *tag, struct str rest);
/* What the metadata of an instance says: gatehouse-path has patterns with commas between them;
 * gatehouse-host, -methods, -strip-prefix and -add-prefix go with all of them.  Nothing when there
 * is no gatehouse-path. */
void claim_of_meta(json_t *out, const char *service, const json_t *meta);

#endif
