/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host.h -- the table of functions that plugins call.
 * Called by: worker (hands it to plugin_set_open), proxy/exchange (ends calls and timers). */
#ifndef GATEHOUSE_PROXY_HOST_H
#define GATEHOUSE_PROXY_HOST_H

#include <gatehouse/plugin.h>

struct exchange;
struct proxy;

/* The table.  proxy serves load-time calls (metrics); it must outlive every plugin. */
const struct gh_host *host_table(struct proxy *);
/* Ends all calls and timers of a request, without their callbacks. */
void host_cancel_all(struct exchange *);

#endif
