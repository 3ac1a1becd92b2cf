/* SPDX-License-Identifier: Apache-2.0 */
/* plugin/image.h -- one plugin file, verified and loaded into this process.
 * Called by: worker, command line (in a child process).  Never: called in the control process;
 * never unloads code. */
#ifndef GATEHOUSE_PLUGIN_IMAGE_H
#define GATEHOUSE_PLUGIN_IMAGE_H

#include <gatehouse/plugin.h>
#include <stdbool.h>

#include "base/error.h"
#include "config/option.h"

/* In the order of the members of struct gh_plugin, for slab_running and log lines. */
enum plugin_hook {
	HOOK_LOAD,
	HOOK_UNLOAD,
	HOOK_ROUTE_OPEN,
	HOOK_ROUTE_CLOSE,
	HOOK_ON_REQUEST,
	HOOK_ON_REQUEST_BODY,
	HOOK_ON_UPSTREAM,
	HOOK_ON_RESPONSE,
	HOOK_ON_RESPONSE_BODY,
	HOOK_ON_END,
	HOOK_CALLBACK, /* a timer, a call's answer, a body, "writable" */
	HOOK_COUNT
};

const char *plugin_hook_name(enum plugin_hook);

struct plugin_file;

/* A loaded plugin.  plugin is our copy, zero-filled behind what the file has. */
struct plugin_image {
	char *name;    /* the file's name without .so, equal to plugin.name */
	char *path;    /* as found */
	char hash[17]; /* of the file's content, in hex: tells versions apart */
	struct gh_plugin plugin;
	struct option_table options;
	uint32_t index; /* position among the process's plugins, for slab_running */
	bool loaded;    /* its load hook has run, so that unload is due */
	bool held;      /* quarantined: nothing of it is called for a request */
	bool absent;    /* held when the process started: its code is not here at all */
};

/* Loads the copy that the file holds: dlopens it with RTLD_NOW | RTLD_LOCAL, checks the descriptor
 * (sizes, ABI, name, unknown hooks and option kinds by name), hands over host.  Does not call
 * load.  The descriptor is borrowed and must stay open as long as the process lives.  NULL and the
 * reason. */
struct plugin_image *plugin_image_adopt(const struct plugin_file *, const struct gh_host *,
					struct error *);
/* Opens DIR/NAME.so (plugin_file_open) and loads it.  NULL and the reason. */
struct plugin_image *plugin_image_load(const char *dir, const char *name,
				       const struct gh_host *host, struct error *);
/* A record of the file, without loading it: name, path and hash; no hooks.  For a plugin that is
 * quarantined. */
struct plugin_image *plugin_image_absent(const struct plugin_file *);
/* Frees the record; the code stays mapped. */
void plugin_image_free(struct plugin_image *);

#endif
