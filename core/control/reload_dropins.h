/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_dropins.h -- plugins that the file does not name: a reload does not fail for them,
 * their routes are left out, and what became of them is told when it is news.
 * Called by: control/reload.  Never: looks for plugins (control/gather does). */
#ifndef GATEHOUSE_CONTROL_RELOAD_DROPINS_H
#define GATEHOUSE_CONTROL_RELOAD_DROPINS_H

#include <jansson.h>
#include <stdbool.h>

struct gateway_config;

/* Adds the plugins to excluded ({PLUGIN: why}) that the child's report (control/inspect.h) finds
 * fault with, and the file does not name; and routes that services ask for, by their places.
 * Whether the check is to be made again, without them: they, and nothing else, were at fault. */
bool reload_dropins_exclude(json_t *excluded, const struct gateway_config *, const json_t *report);
/* Keeps what is known of them (control/gather.h) in *known, and logs it when it is something else
 * than before.  Takes news and sets it to NULL; NULL: nothing has been found out. */
void reload_dropins_keep(json_t **known, json_t **news);

#endif
