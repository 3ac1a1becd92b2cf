/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/chain.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "metrics/slab.h"
#include "plugin/file.h"

enum {
	CHAIN_NEAR_MAX = 256,
	CHAIN_ARENA_BLOCK = 16 * 1024,
};

/* Outside of any request. */
static void chain_note(struct plugin_set *set, uint32_t plugin, enum plugin_hook hook,
		       uint32_t route)
{
	static const char no_request[SLAB_REQUEST_ID];

	plugin_note(set, plugin, hook, route, no_request, clock_mono_ns());
}

const char *plugin_set_loading(const struct plugin_set *set)
{
	return set->loading;
}

const char *plugin_set_running(const struct plugin_set *set)
{
	uint32_t plugin = set->running ? set->running->plugin : 0;

	if (set->loading)
		return set->loading;
	return plugin > 0 && plugin <= set->image_count ? set->images[plugin - 1]->name : NULL;
}

void plugin_set_config_error(struct gh_route *use, const char *pointer, const char *text)
{
	char at[512];

	if (!use->set->errors)
		return;
	snprintf(at, sizeof(at), "%s/config%s", use->use->pointer, pointer ? pointer : "");
	config_errors_add(use->set->errors, use->set->config->source, at, "%s",
			  text ? text : "not accepted by the plugin");
}

/* ---- images ---- */

static int chain_list_plugins(const char *dir, char *names[CHAIN_NEAR_MAX])
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int n = 0;

	while (d && n < CHAIN_NEAR_MAX && (entry = readdir(d))) {
		size_t length = strlen(entry->d_name);
		if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0)
			names[n++] = str_dup((struct str){ entry->d_name, length - 3 });
	}
	if (d)
		closedir(d);
	return n;
}

/* The file cannot be looked at: says why, or, when there is none, what there is instead. */
static void chain_missing(struct plugin_set *set, const struct config_use *use, const char *pointer,
			  const char *path)
{
	char *names[CHAIN_NEAR_MAX];
	const char *dir = set->config->plugin_dir, *near;
	struct stat st;
	int n, error = errno;

	/* A name that is there would be its own nearest. */
	if (error != ENOENT || lstat(path, &st) == 0) {
		config_errors_add(set->errors, set->config->source, pointer, "%s: %s", path,
				  error == ENOENT ? "is a link to a file that is not there" :
						    strerror(error));
		return;
	}
	n = chain_list_plugins(dir, names);
	near = str_nearest(use->plugin, (const char *const *)names, (size_t)n);
	if (near)
		config_errors_add(set->errors, set->config->source, pointer,
				  "no plugin \"%s\" in %s (did you mean \"%s\"?)", use->plugin, dir,
				  near);
	else
		config_errors_add(set->errors, set->config->source, pointer,
				  "no plugin \"%s\" in %s: put %s.so there, or set plugin_dir",
				  use->plugin, dir, use->plugin);
	while (n)
		free(names[--n]);
}

static struct plugin_image *chain_find_image(const struct plugin_set *set, const char *name)
{
	for (size_t i = 0; i < set->image_count; i++)
		if (strcmp(set->images[i]->name, name) == 0)
			return set->images[i];
	return NULL;
}

static bool chain_name_valid(const char *name)
{
	for (const char *p = name; *p; p++)
		if (*p == '/' || (p == name && *p == '.'))
			return false;
	return *name != '\0';
}

/* Whether the list of what is held names that plugin; hash: NULL: any file of that name. */
static bool chain_is_held(const json_t *held, const char *name, const char *hash)
{
	const json_t *item;
	size_t i;

	json_array_foreach(held, i, item)
	{
		const char *n = json_string_value(json_object_get(item, "name"));
		const char *h = json_string_value(json_object_get(item, "hash"));

		if (n && h && strcmp(n, name) == 0 && (!hash || strcmp(h, hash) == 0))
			return true;
	}
	return false;
}

/* The control process's copy of it, or NULL: then the file is read. */
static const struct config_plugin *chain_find_handed(const struct plugin_set *set, const char *name)
{
	for (size_t i = 0; i < set->config->plugin_count; i++)
		if (set->config->plugins[i].fd >= 0 &&
		    strcmp(set->config->plugins[i].name, name) == 0)
			return &set->config->plugins[i];
	return NULL;
}

/* The plugin without its code when it is the file that is in quarantine. */
static struct plugin_image *chain_open_image(const struct plugin_set *set, const char *name,
					     const struct config_plugin *handed,
					     const struct gh_host *host, struct error *e)
{
	struct plugin_file file;

	if (!handed && chain_is_held(set->held, name, NULL)) {
		if (plugin_file_open(&file, set->config->plugin_dir, name, e))
			return NULL;
		struct plugin_image *image = chain_is_held(set->held, name, file.hash) ?
						     plugin_image_absent(&file) :
						     plugin_image_adopt(&file, host, e);
		/* plugin_image_adopt() wants it open. */
		file.fd = -1;
		plugin_file_close(&file);
		return image;
	}
	if (!handed)
		return plugin_image_load(set->config->plugin_dir, name, host, e);
	file = (struct plugin_file){ .name = (char *)(uintptr_t)handed->name,
				     .path = (char *)(uintptr_t)handed->path,
				     .fd = handed->fd };
	snprintf(file.hash, sizeof(file.hash), "%s", handed->hash);
	return chain_is_held(set->held, name, file.hash) ? plugin_image_absent(&file) :
							   plugin_image_adopt(&file, host, e);
}

static struct plugin_image *chain_load_image(struct plugin_set *set, const struct config_use *use,
					     const struct gh_host *host)
{
	char pointer[256], path[4096];
	struct error e;
	struct stat st;

	snprintf(pointer, sizeof(pointer), "%s/plugin", use->pointer);
	if (!chain_name_valid(use->plugin)) {
		config_errors_add(
			set->errors, set->config->source, pointer,
			"\"%s\" is not the name of a plugin: write it without path and .so",
			use->plugin);
		return NULL;
	}
	const struct config_plugin *handed = chain_find_handed(set, use->plugin);
	snprintf(path, sizeof(path), "%s/%s.so", set->config->plugin_dir, use->plugin);
	if (!handed && stat(path, &st)) {
		chain_missing(set, use, pointer, path);
		return NULL;
	}
	set->loading = use->plugin;
	chain_note(set, (uint32_t)set->image_count, HOOK_LOAD, 0);
	struct plugin_image *image = chain_open_image(set, use->plugin, handed, host, &e);
	plugin_leave(set);
	set->loading = NULL;
	if (!image) {
		config_errors_add(set->errors, set->config->source, pointer, "%s", e.text);
		return NULL;
	}
	image->index = (uint32_t)set->image_count;
	set->images = xrealloc(set->images, (set->image_count + 1) * sizeof(struct plugin_image *));
	set->images[set->image_count++] = image;
	return image;
}

static int chain_run_load(struct plugin_set *set, struct plugin_image *image)
{
	image->loaded = true;
	if (!image->plugin.load)
		return 0;
	set->loading = image->name;
	chain_note(set, image->index, HOOK_LOAD, 0);
	int r = image->plugin.load();
	plugin_leave(set);
	set->loading = NULL;
	image->loaded = r == 0;
	if (r)
		config_errors_add(set->errors, NULL, "",
				  "plugin \"%s\" refused to load; its log lines say why",
				  image->name);
	return r;
}

/* ---- uses ---- */

/* The set's own copy of a service's name: one for all uses, so that it is in the caches. */
static const char *chain_add_service(struct plugin_set *set, const char *name)
{
	for (size_t i = 0; i < set->service_count; i++)
		if (strcmp(set->services[i], name) == 0)
			return set->services[i];
	set->services = xrealloc(set->services, (set->service_count + 1) * sizeof(char *));
	set->services[set->service_count++] = name;
	return name;
}

static const char *chain_on_service(void *arg, const char *name)
{
	struct gh_route *use = arg;

	name = chain_add_service(use->set, name);
	use->services = xrealloc(use->services, (use->service_count + 1) * sizeof(char *));
	use->services[use->service_count++] = name;
	return name;
}

static int chain_parse_options(struct plugin_set *set, struct gh_route *use)
{
	const struct gh_plugin *plugin = &use->image->plugin;
	char pointer[256];
	struct option_context context = { .arena = &set->arena,
					  .source = set->config->source,
					  .errors = set->errors,
					  .on_service = chain_on_service,
					  .arg = use };

	struct plugin_chain *c = set->chains[use->route];
	void *options = use == &c->only && plugin->options_size <= sizeof(c->options) ?
				c->options :
				arena_alloc(&set->arena,
					    plugin->options_size ? plugin->options_size : 1);
	must(options != NULL);
	use->options = options;
	json_t *object = json_loads(use->use->config, JSON_DECODE_ANY, NULL);
	snprintf(pointer, sizeof(pointer), "%s/config", use->use->pointer);
	int r = option_parse(&context, &use->image->options, object, pointer, options);
	json_decref(object);
	return r;
}

static int chain_open_use(struct plugin_set *set, struct gh_route *use, const struct gh_host *host)
{
	struct plugin_image *image = chain_find_image(set, use->use->plugin);

	if (!image && !(image = chain_load_image(set, use->use, host)))
		return -1;
	use->image = image;
	if (image->absent)
		return 0;
	return chain_parse_options(set, use);
}

static int chain_run_route_open(struct plugin_set *set, struct gh_route *use)
{
	const struct gh_plugin *plugin = &use->image->plugin;
	size_t before = set->errors->count + set->errors->dropped;

	if (!plugin->route_open) {
		use->opened = true;
		return 0;
	}
	set->loading = use->image->name;
	chain_note(set, use->image->index, HOOK_ROUTE_OPEN, use->route);
	int r = plugin->route_open(use);
	plugin_leave(set);
	set->loading = NULL;
	bool complained = set->errors->count + set->errors->dropped > before;
	if (r && !complained)
		plugin_set_config_error(use, "", "the plugin refused these options");
	use->opened = r == 0 && !complained;
	return use->opened ? 0 : -1;
}

/* ---- chains ---- */

static void chain_collect(struct plugin_chain *c, enum chain_hook hook, size_t at, bool reverse)
{
	struct gh_route *one, **list = c->use_count == 1 ? &one : chain_list(c, hook);
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->use_count; i++) {
		struct gh_route *use = &c->uses[reverse ? c->use_count - 1 - i : i];
		void *fn;
		memcpy(&fn, (const char *)&use->image->plugin + at, sizeof(fn));
		if (fn)
			list[n++] = use;
	}
	c->count[hook] = n;
}

static void chain_collect_all(struct plugin_chain *c)
{
	/* Where the hooks stand in struct gh_plugin. */
	static const size_t places[CHAIN_HOOKS] = {
		[CHAIN_ON_REQUEST] = offsetof(struct gh_plugin, on_request),
		[CHAIN_ON_REQUEST_BODY] = offsetof(struct gh_plugin, on_request_body),
		[CHAIN_ON_UPSTREAM] = offsetof(struct gh_plugin, on_upstream),
		[CHAIN_ON_RESPONSE] = offsetof(struct gh_plugin, on_response),
		[CHAIN_ON_RESPONSE_BODY] = offsetof(struct gh_plugin, on_response_body),
		[CHAIN_ON_END] = offsetof(struct gh_plugin, on_end),
	};

	for (int i = 0; i < CHAIN_HOOKS; i++)
		chain_collect(c, (enum chain_hook)i, places[i],
			      i == CHAIN_ON_RESPONSE || i == CHAIN_ON_RESPONSE_BODY);
}

/* Lists and uses in one piece. */
static struct gh_route *chain_new_uses(struct plugin_set *set, uint32_t count)
{
	size_t lists = CHAIN_HOOKS * count * sizeof(struct gh_route *);

	lists = (lists + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	char *block = arena_alloc_line(&set->arena, lists + count * sizeof(struct gh_route));
	must(block != NULL);
	return (struct gh_route *)(void *)(block + lists);
}

static int chain_open(struct plugin_set *set, uint32_t index, const struct gh_host *host)
{
	const struct config_route *route = &set->config->routes[index];
	struct plugin_chain *c = set->chains[index];
	int r = 0;

	c->use_count = (uint32_t)route->filter_count + 1;
	c->uses = c->use_count == 1 ? &c->only : chain_new_uses(set, c->use_count);
	for (uint32_t i = 0; i < c->use_count; i++) {
		struct gh_route *use = &c->uses[i];
		use->use = i < route->filter_count ? &route->filters[i] : &route->handler;
		use->slot = i;
		use->route = index;
		use->set = set;
		if (chain_open_use(set, use, host))
			r = -1;
	}
	return r;
}

static void chain_mark_held(struct plugin_set *set)
{
	for (size_t i = 0; i < set->chain_count; i++) {
		struct plugin_chain *c = set->chains[i];

		c->held = false;
		for (uint32_t k = 0; k < c->use_count; k++)
			c->held = c->held || c->uses[k].image->held;
	}
}

void plugin_set_hold(struct plugin_set *set, const json_t *held)
{
	for (size_t i = 0; i < set->image_count; i++) {
		struct plugin_image *image = set->images[i];

		image->held = image->absent || chain_is_held(held, image->name, image->hash);
	}
	chain_mark_held(set);
}

/* Where each chain is. */
static void chain_place_all(struct plugin_set *set, void *const *rooms)
{
	set->chains = xcalloc(set->chain_count + 1, sizeof(struct plugin_chain *));
	if (!rooms)
		set->own = pages_xcalloc(set->chain_count + 1, sizeof(*set->own));
	for (size_t i = 0; i < set->chain_count; i++)
		set->chains[i] = rooms ? rooms[i] : &set->own[i];
}

int plugin_set_open(struct plugin_set *set, const struct gateway_config *config,
		    const struct plugin_opening *how, struct config_errors *errors)
{
	size_t before = errors->count + errors->dropped;

	memset(set, 0, sizeof(*set));
	arena_init(&set->arena, CHAIN_ARENA_BLOCK, 0);
	set->config = config;
	set->errors = errors;
	set->running = how->running;
	set->held = how->held;
	set->chain_count = config->route_count;
	chain_place_all(set, how->rooms);
	for (uint32_t i = 0; i < set->chain_count; i++)
		chain_open(set, i, how->host);
	for (size_t i = 0; how->load && i < set->image_count; i++)
		chain_run_load(set, set->images[i]);
	if (errors->count + errors->dropped > before)
		return -1;
	for (uint32_t i = 0; i < set->chain_count; i++) {
		for (uint32_t k = 0; k < set->chains[i]->use_count; k++)
			chain_run_route_open(set, &set->chains[i]->uses[k]);
		chain_collect_all(set->chains[i]);
	}
	set->errors = NULL;
	set->held = NULL;
	chain_mark_held(set);
	return errors->count + errors->dropped > before ? -1 : 0;
}

static void chain_close_use(struct plugin_set *set, struct gh_route *use)
{
	if (use->opened && use->image->plugin.route_close) {
		set->loading = use->image->name;
		chain_note(set, use->image->index, HOOK_ROUTE_CLOSE, use->route);
		use->image->plugin.route_close(use);
		plugin_leave(set);
	}
	free(use->services);
}

static void chain_unload(struct plugin_set *set, struct plugin_image *image)
{
	if (!image->loaded || !image->plugin.unload)
		return;
	set->loading = image->name;
	chain_note(set, image->index, HOOK_UNLOAD, 0);
	image->plugin.unload();
	plugin_leave(set);
}

void plugin_set_close(struct plugin_set *set)
{
	for (size_t i = 0; i < set->chain_count; i++)
		for (uint32_t k = 0; k < set->chains[i]->use_count; k++)
			chain_close_use(set, &set->chains[i]->uses[k]);
	for (size_t i = 0; i < set->image_count; i++)
		chain_unload(set, set->images[i]);
	for (size_t i = 0; i < set->image_count; i++)
		plugin_image_free(set->images[i]);
	free(set->images);
	free(set->services);
	free(set->chains);
	free(set->own);
	arena_fini(&set->arena);
	memset(set, 0, sizeof(*set));
}
