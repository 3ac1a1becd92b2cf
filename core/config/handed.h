/* SPDX-License-Identifier: Apache-2.0 */
/* config/handed.h -- what a configuration has that its file does not say: the plugin files that the
 * control process has read for it, the default routes of plugins that the file does not name, and
 * the routes that services in Consul ask for.
 * Called by: control (makes it), worker and check (take it).  Never: opens a plugin.
 *
 *	{"plugins": [{"name": TEXT, "path": TEXT, "hash": TEXT}, ...],
 *	 "routes": [{"plugin": TEXT, "index": N, "path": TEXT, "host": TEXT?,
 *		     "methods": "GET,POST"?, "config": JSON TEXT?, "registry": SERVICE?}, ...]}
 */
#ifndef GATEHOUSE_CONFIG_HANDED_H
#define GATEHOUSE_CONFIG_HANDED_H

#include <jansson.h>

#include "base/str.h"

struct config_errors;
struct gateway_config;

/* Adds all of it to the configuration; texts are copied.  first_fd: the descriptor of the first
 * plugin's copy, the others follow it; -1: there are none here.  Errors of a default route are at
 * "/autoload/PLUGIN/INDEX", of a service's at "/registry/SERVICE/INDEX".  0 or -1. */
int handed_apply(struct gateway_config *, const json_t *handed, int first_fd,
		 struct config_errors *);
/* The same from JSON text; empty: nothing is handed. */
int handed_apply_text(struct gateway_config *, struct str text, int first_fd,
		      struct config_errors *);

#endif
