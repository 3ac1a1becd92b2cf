/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hooks.h -- runs the plugins of a route at each step of an exchange.
 * Called by: proxy/.  Never: called for a hook that no plugin of the route has (callers look at the
 * count in the chain first). */
#ifndef GATEHOUSE_PROXY_HOOKS_H
#define GATEHOUSE_PROXY_HOOKS_H

#include <gatehouse/plugin.h>
#include <stdbool.h>

#include "plugin/image.h"

struct exchange;

/* Around every call into a plugin: who runs. */
void hooks_enter(struct exchange *, struct gh_route *, enum plugin_hook);
void hooks_leave(struct exchange *);
/* Around a callback of a plugin (timer, call, body, writable).  What it asked for that may end the
 * request (resume, more of a reply) happens in the second, after which x may be gone. */
void hooks_callback_begin(struct exchange *, struct gh_route *);
void hooks_callback_end(struct exchange *);
/* Does what plugin code asked for (resume, more of a reply) in a turn of the loop of its own: for
 * what is asked from outside the request's own hooks and callbacks. */
void hooks_later(struct exchange *);
/* The client has taken all of a plugin's reply so far: tells the plugin, in a turn of its own. */
void hooks_writable(struct exchange *);
/* on_upstream; true: all said yes at once, go on.  Otherwise it waits or has ended the request. */
bool hooks_run_upstream(struct exchange *);
/* on_response; as above. */
bool hooks_run_response(struct exchange *);
/* A piece of a body; may change it.  False: the plugin failed, and the exchange was ended. */
bool hooks_run_request_body(struct exchange *, struct gh_body *);
bool hooks_run_response_body(struct exchange *, struct gh_body *);
/* on_end of all. */
void hooks_run_end(struct exchange *, const struct gh_end *);

#endif
