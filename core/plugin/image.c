/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/image.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "plugin/file.h"

enum {
	IMAGE_DESCRIPTOR_MAX = 64 * 1024,
	/* What the first release had; a plugin of any release has at least that. */
	IMAGE_DESCRIPTOR_MIN = offsetof(struct gh_plugin, on_end) + sizeof(void (*)(void)),
	IMAGE_ROW_MIN = offsetof(struct gh_option, reserved) + sizeof(uint32_t),
	IMAGE_DEFAULT_ROUTE_MIN = offsetof(struct gh_default_route, config) + sizeof(char *),
	/* More is a table that is not one. */
	IMAGE_DEFAULT_ROUTES_MAX = 1000,
};

const char *plugin_hook_name(enum plugin_hook hook)
{
	static const char *const names[HOOK_COUNT] = {
		"load",        "unload",      "route_open",
		"route_close", "on_request",  "on_request_body",
		"on_upstream", "on_response", "on_response_body",
		"on_end",      "callback",
	};
	return (unsigned)hook < HOOK_COUNT ? names[hook] : "?";
}

/* The n-th name of a comma-separated list of the plugin's. */
static struct str image_hook_name_at(const char *names, size_t n)
{
	struct str rest = str_from(names), name = { NULL, 0 };

	for (size_t i = 0; i <= n; i++)
		if (!str_next(&rest, ',', &name))
			return STR("?");
	return name;
}

/* Members behind those that we know must be unused. */
static int image_check_tail(const struct gh_plugin *theirs, struct error *e)
{
	const char *p = (const char *)theirs;

	for (size_t at = sizeof(*theirs); at + sizeof(void *) <= theirs->size;
	     at += sizeof(void *)) {
		void *member;
		memcpy(&member, p + at, sizeof(member));
		if (!member)
			continue;
		struct str name = image_hook_name_at(theirs->hook_names,
						     (at - offsetof(struct gh_plugin, load)) /
							     sizeof(void *));
		return error_set(
			e, "uses the hook \"%.*s\" of plugin ABI %u.%u; this gateway has %u.%u",
			STR_ARGS(name), theirs->abi_major, theirs->abi_minor, GH_ABI_MAJOR,
			GH_ABI_MINOR);
	}
	return 0;
}

static int image_check_default_routes(const struct gh_plugin *theirs, struct error *e)
{
	const char *p = (const char *)theirs->default_routes;

	if (!theirs->default_route_count)
		return 0;
	if (!p || theirs->default_route_size < IMAGE_DEFAULT_ROUTE_MIN ||
	    theirs->default_route_size % sizeof(void *) ||
	    theirs->default_route_count > IMAGE_DEFAULT_ROUTES_MAX)
		return error_set(e, "its default routes are not a table of GH_DEFAULT_ROUTES");
	for (uint64_t i = 0; i < theirs->default_route_count; i++) {
		const struct gh_default_route *route =
			(const void *)(p + i * theirs->default_route_size);
		if (!route->path)
			return error_set(e, "its default route %llu has no path",
					 (unsigned long long)i);
	}
	return 0;
}

static int image_check_descriptor(const char *name, const struct gh_plugin *theirs, struct error *e)
{
	if (theirs->abi_major != GH_ABI_MAJOR)
		return error_set(e, "built for plugin ABI %u; this gateway has %u",
				 theirs->abi_major, GH_ABI_MAJOR);
	if (theirs->size < IMAGE_DESCRIPTOR_MIN || theirs->size > IMAGE_DESCRIPTOR_MAX)
		return error_set(e, "its descriptor has %u bytes, which no release of the ABI has",
				 theirs->size);
	if (!theirs->name || !theirs->version || !theirs->host || !theirs->hook_names)
		return error_set(e, "its descriptor lacks a name or a version (GH_PLUGIN)");
	if (strcmp(theirs->name, name) != 0)
		return error_set(e, "the file says that it is the plugin \"%s\": name it %s.so",
				 theirs->name, theirs->name);
	if (theirs->option_count && (!theirs->options || theirs->option_size < IMAGE_ROW_MIN))
		return error_set(e, "its option table is not one of GH_OPTIONS");
	if (image_check_default_routes(theirs, e))
		return -1;
	return image_check_tail(theirs, e);
}

static int image_check_options(const struct plugin_image *image, struct error *e)
{
	struct arena arena;
	int r = 0;

	arena_init(&arena, 1024, 0);
	const char *wrong = option_table_check(&image->options, image->plugin.options_size, &arena);
	if (wrong)
		r = error_set(e, "%s", wrong);
	arena_fini(&arena);
	return r;
}

/* Looks the descriptor up in the opened object and takes it over. */
static int image_adopt(struct plugin_image *image, void *object, const struct gh_host *host,
		       struct error *e)
{
	const struct gh_plugin *theirs = dlsym(object, "gh_plugin_v1");

	if (!theirs)
		return error_set(e, "not a gatehouse plugin: no symbol gh_plugin_v1 (GH_PLUGIN)");
	if (image_check_descriptor(image->name, theirs, e))
		return -1;
	memcpy(&image->plugin, theirs,
	       theirs->size < sizeof(image->plugin) ? theirs->size : sizeof(image->plugin));
	image->options = (struct option_table){ theirs->options, theirs->option_count,
						theirs->option_size };
	if (image_check_options(image, e))
		return -1;
	*theirs->host = host;
	return 0;
}

/* dlerror() names our copy; people know the file. */
static int image_open_error(struct error *e)
{
	const char *text = dlerror();
	const char *behind = text && strncmp(text, "/proc/", 6) == 0 ? strstr(text, ": ") : NULL;

	return error_set(e, "%s", behind ? behind + 2 : text ? text : "cannot be loaded");
}

static int image_load(struct plugin_image *image, int fd, const struct gh_host *host,
		      struct error *e)
{
	char copy[64];

	/* By our number where /proc is ours, so that a debugger finds the file under its name. */
	snprintf(copy, sizeof(copy), "/proc/%ld/fd/%d", (long)getpid(), fd);
	if (access(copy, F_OK))
		snprintf(copy, sizeof(copy), "/proc/self/fd/%d", fd);
	void *object = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		image_open_error(e);
	if (!object || image_adopt(image, object, host, e))
		return error_prefix(e, "%s", image->path);
	return 0;
}

static struct plugin_image *image_new(const struct plugin_file *file)
{
	struct plugin_image *image = xcalloc(1, sizeof(*image));

	image->name = xstrdup(file->name);
	image->path = xstrdup(file->path);
	snprintf(image->hash, sizeof(image->hash), "%s", file->hash);
	return image;
}

struct plugin_image *plugin_image_absent(const struct plugin_file *file)
{
	struct plugin_image *image = image_new(file);

	image->held = image->absent = true;
	return image;
}

struct plugin_image *plugin_image_adopt(const struct plugin_file *file, const struct gh_host *host,
					struct error *e)
{
	struct plugin_image *image = image_new(file);

	if (image_load(image, file->fd, host, e)) {
		plugin_image_free(image);
		return NULL;
	}
	return image;
}

struct plugin_image *plugin_image_load(const char *dir, const char *name,
				       const struct gh_host *host, struct error *e)
{
	struct plugin_image *image;
	struct plugin_file file;

	if (plugin_file_open(&file, dir, name, e))
		return NULL;
	image = plugin_image_adopt(&file, host, e);
	/* Its descriptor stays open, also after an error: the dynamic linker knows objects by the
	 * name they were opened by. */
	file.fd = -1;
	plugin_file_close(&file);
	return image;
}

void plugin_image_free(struct plugin_image *image)
{
	free(image->name);
	free(image->path);
	free(image);
}
