/* SPDX-License-Identifier: Apache-2.0 */
/* plugin/chain.h -- the plugins of each route, with their options and state, ready to run.
 * Called by: worker (builds it), proxy (runs it), check child (builds it to find errors).
 * Never: sees a request's bytes. */
#ifndef GATEHOUSE_PLUGIN_CHAIN_H
#define GATEHOUSE_PLUGIN_CHAIN_H

#include <gatehouse/plugin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/pages.h"
#include "metrics/slab.h"
#include "plugin/image.h"

struct config_errors;
struct gateway_config;
struct json_t;
struct service;

/* One use of a plugin in a route: the ABI's struct gh_route.  One cache line. */
struct gh_route {
	_Alignas(CACHE_LINE) const struct plugin_image *image;
	const void *options; /* filled by the plugin's option table */
	void *state;         /* gh_route_set_state() */
	uint32_t slot;       /* position in the chain, for per-request data */
	uint32_t route;      /* position in the configuration's routes */
	const struct config_use *use;
	const char **services; /* values of its GH_OPT_SERVICE options */
	uint32_t service_count;
	bool opened;
	struct plugin_set *set;
};

/* The lists of a chain. */
enum chain_hook {
	CHAIN_ON_REQUEST,
	CHAIN_ON_REQUEST_BODY,
	CHAIN_ON_UPSTREAM,
	CHAIN_ON_RESPONSE,
	CHAIN_ON_RESPONSE_BODY,
	CHAIN_ON_END,
	CHAIN_HOOKS
};

/* Bytes of options for which there is room in a chain: what the limits leave of a cache line. */
enum { CHAIN_NEAR = CACHE_LINE - 3 * sizeof(uint64_t) };

/* One route's plugins.  Each hook has its own list of those that have it, so that an absent hook
 * costs nothing; the response's lists are in reverse order.  What a route with one plugin needs is
 * here, in three cache lines that are asked for at once: among thousands of routes, each place of
 * its own would be one more wait for memory. */
struct plugin_chain {
	_Alignas(CACHE_LINE) uint32_t count[CHAIN_HOOKS];
	uint32_t use_count;
	bool held;             /* one of them is quarantined: the route answers 503 */
	struct gh_route *uses; /* filters in order, then the handler; before them, the lists */
	/* For proxy/: those of the uses' options, then NULL.  Here, when there is one. */
	struct service **services, *service[2];
	struct gh_route only;                          /* the use, when there is one */
	_Alignas(CACHE_LINE) char options[CHAIN_NEAR]; /* of that one, when they fit */
	/* For proxy/ too: the route's limits. */
	uint64_t body_max;    /* bytes; 0: none */
	uint64_t request_ms;  /* 0: none */
	uint64_t response_ms; /* 0: the service's */
};

/* The uses that have the hook, count[hook] of them; when there is more than one in all. */
static inline struct gh_route **chain_list(const struct plugin_chain *c, enum chain_hook hook)
{
	return (struct gh_route **)(void *)c->uses - (hook + 1) * c->use_count;
}

/* Use i < count[hook] of those that have the hook. */
static inline struct gh_route *chain_use(const struct plugin_chain *c, enum chain_hook hook,
					 uint32_t i)
{
	return c->use_count == 1 ? c->uses : chain_list(c, hook)[i];
}

/* All plugins and chains of one generation in one process. */
struct plugin_set {
	struct plugin_image **images;
	size_t image_count;
	struct plugin_chain **chains; /* by position in the configuration's routes */
	struct plugin_chain *own;     /* their memory, unless they are in rooms */
	size_t chain_count;
	const char **services; /* every service that any use names, once each */
	size_t service_count;
	struct arena arena;
	struct config_errors *errors; /* while routes are opened */
	const struct gateway_config *config;
	const struct json_t *held;    /* plugins in quarantine, while images are loaded */
	struct slab_running *running; /* where to note who runs; may be NULL */
	const char *loading;          /* plugin_set_loading() */
};

/* How a set is opened. */
struct plugin_opening {
	const struct gh_host *host;
	struct slab_running *running; /* where to note who runs; may be NULL */
	/* Plugins in quarantine, as for plugin_set_hold(); may be NULL.  Their files are not even
	 * loaded, since loading may be what crashes. */
	const struct json_t *held;
	/* By position in the configuration's routes, at the beginning of a cache line each, zeroed:
	 * where the chains are to be; they outlive the set.  NULL: in memory of the set's own. */
	void *const *rooms;
	bool load; /* false for a check, which calls route_open, but neither load nor unload */
};

/* Loads every plugin that the routes name (the copies that were handed with the configuration, else
 * from its plugin_dir), parses options, runs load and route_open; all problems are added to errors.
 * 0 or -1. */
int plugin_set_open(struct plugin_set *, const struct gateway_config *,
		    const struct plugin_opening *, struct config_errors *);
/* The plugin files in quarantine, all of them, as an array of {"name":TEXT,"hash":TEXT}: routes
 * that use one are marked, those that no longer do are not. */
void plugin_set_hold(struct plugin_set *, const struct json_t *held);
/* route_close and unload of all, then frees. */
void plugin_set_close(struct plugin_set *);
/* The name of the plugin whose load, unload, route_open or route_close runs now, or NULL. */
const char *plugin_set_loading(const struct plugin_set *);
/* The name of the plugin whose code runs now, or NULL: for its log lines. */
const char *plugin_set_running(const struct plugin_set *);
/* An error in the options of a use that is being opened (gh_config_error); later it is ignored. */
void plugin_set_config_error(struct gh_route *, const char *pointer, const char *text);

/* Notes in the slab that code of the plugin of that index runs, for a request, whose id is a string
 * in at least SLAB_REQUEST_ID bytes.  since_ns: on the clock of clock_mono_ns(), the loop's time
 * will do. */
static inline void plugin_note(struct plugin_set *set, uint32_t plugin, enum plugin_hook hook,
			       uint32_t route, const char *request_id, uint64_t since_ns)
{
	struct slab_running *r = set->running;

	if (!r)
		return;
	r->hook = hook;
	r->route = route;
	memcpy(r->request_id, request_id, sizeof(r->request_id));
	r->request_id[sizeof(r->request_id) - 1] = '\0';
	r->since_ns = since_ns;
	/* Last, and not moved by the compiler: whoever reads it after a crash finds the rest. */
	__atomic_store_n(&r->plugin, plugin + 1, __ATOMIC_RELEASE);
}

/* Before and after each call into a plugin. */
static inline void plugin_enter(struct plugin_set *set, const struct gh_route *use,
				enum plugin_hook hook, const char *request_id, uint64_t since_ns)
{
	plugin_note(set, use->image->index, hook, use->route, request_id, since_ns);
}

static inline void plugin_leave(struct plugin_set *set)
{
	if (set->running)
		__atomic_store_n(&set->running->plugin, 0, __ATOMIC_RELEASE);
}

#endif
