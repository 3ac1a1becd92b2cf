/* SPDX-License-Identifier: Apache-2.0 */
/* control/gather.h -- collects what a configuration needs of the plugin directory: copies of the
 * plugins that it names, and the default routes of those that it does not name.
 * Called by: control/reload.  Never: runs plugin code; a child process is asked for default routes.
 *
 * Default routes (members of the plugin's descriptor) are served when "autoload" is on and no route
 * or filter of the file names the plugin.  One that a route of the file, or of a plugin whose name
 * comes before, cannot be told from is left out.  The routes that services in Consul ask for come
 * last, by the same rule. */
#ifndef GATEHOUSE_CONTROL_GATHER_H
#define GATEHOUSE_CONTROL_GATHER_H

#include <jansson.h>
#include <uv.h>

struct gather;
struct gateway_config;
struct handed_set;
struct store;

/* handed: the caller's reference.  dropins: an array of {"plugin", "state": "served", "refused" or
 * "no_routes", "why"?, "routes": [{"path", "methods", "state": "served" or "refused", "why"?}]} of
 * the plugins that the file does not name; borrowed, as claims (control/gather_claims.h). */
typedef void (*gather_cb)(void *arg, struct handed_set *handed, const json_t *dropins,
			  const json_t *claims);

struct gather_spec {
	uv_loop_t *loop;
	struct store *store;
	const struct gateway_config *config; /* borrowed until the callback */
	const json_t *excluded; /* {PLUGIN: why its routes are left out}; borrowed likewise */
	const json_t *claims;   /* discovery/claim.h; borrowed likewise */
	gather_cb cb;
	void *arg;
};

/* The callback comes once, perhaps before this returns. */
void gather_start(const struct gather_spec *, struct gather **where);
/* No callback; sets the pointer to NULL, which is harmless too. */
void gather_cancel(struct gather **);

#endif
