/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway_show.h -- a configuration as it is meant, as JSON: all members with their values,
 * addresses and paths resolved.
 * Called by: the command line (diff, in a child process).  Never: hides a secret (it says which is
 * one, config/option_show.h). */
#ifndef GATEHOUSE_CONFIG_GATEWAY_SHOW_H
#define GATEHOUSE_CONFIG_GATEWAY_SHOW_H

#include <jansson.h>
#include <stddef.h>

struct gateway_config;

/* All but the routes: a new reference.  A member of a service that the file does not write is
 * marked as inherited, with the value that it has. */
json_t *gateway_show(const struct gateway_config *);
/* One route, without the options of its plugins: "config" is what the file says.  A new
 * reference. */
json_t *gateway_show_route(const struct gateway_config *, size_t index);

#endif
