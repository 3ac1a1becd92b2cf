/* SPDX-License-Identifier: Apache-2.0 */
/* worker/confine.h -- a process gives up what plugin code in it does not need, for good.
 * Called by: worker/worker, cli/probe.  Never: refuses to go on; what this machine cannot do is
 * said and left out. */
#ifndef GATEHOUSE_WORKER_CONFINE_H
#define GATEHOUSE_WORKER_CONFINE_H

#include <stdbool.h>

struct gateway_config;
struct slab_header;

/* Before anything else: no new privileges, no capabilities, limits of its own. */
void confine_rights(void);
/* Before plugins are loaded: where it may write, and which system calls it may make, as "sandbox"
 * says.  The slab (NULL: none) notes calls that are refused.  tell: says in the log what holds. */
void confine_calls(const struct gateway_config *, struct slab_header *, bool tell);

#endif
