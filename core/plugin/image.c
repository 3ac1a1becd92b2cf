/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/image.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

enum {
	IMAGE_FILE_MAX = 256 * 1024 * 1024,
	IMAGE_DESCRIPTOR_MAX = 64 * 1024,
	/* What the first release had; a plugin of any release has at least that. */
	IMAGE_DESCRIPTOR_MIN = offsetof(struct gh_plugin, on_end) + sizeof(void (*)(void)),
	IMAGE_ROW_MIN = offsetof(struct gh_option, reserved) + sizeof(uint32_t),
	IMAGE_DEFAULT_ROUTE_MIN = offsetof(struct gh_default_route, config) + sizeof(char *),
	/* More is a table that is not one. */
	IMAGE_DEFAULT_ROUTES_MAX = 1000,
};

/* What this gateway is built for. */
#if __SIZEOF_POINTER__ != 8
#error "gatehouse is for 64-bit systems"
#endif
#define IMAGE_CLASS ELFCLASS64
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IMAGE_DATA ELFDATA2LSB
#else
#define IMAGE_DATA ELFDATA2MSB
#endif
#if defined(__x86_64__)
#define IMAGE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define IMAGE_MACHINE EM_AARCH64
#elif defined(__riscv)
#define IMAGE_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define IMAGE_MACHINE EM_PPC64
#elif defined(__s390x__)
#define IMAGE_MACHINE EM_S390
#else
/* The dynamic linker tells, in its own words. */
#define IMAGE_MACHINE eh.e_machine
#endif

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

/* What anyone may write, anyone may run in the gateway. */
static int image_check_mode(const char *path, const char *what, mode_t mode, struct error *e)
{
	if (mode & S_IWOTH)
		return error_set(e, "%s: refused: anyone may write this %s (chmod o-w %s)", path,
				 what, path);
	return 0;
}

static int image_check_directory(const char *dir, struct error *e)
{
	struct stat st;

	if (stat(dir, &st))
		return error_set(e, "%s: %s", dir, strerror(errno));
	return image_check_mode(dir, "directory", st.st_mode, e);
}

/* The whole file in memory (free() it), or NULL. */
static char *image_read(const char *path, size_t *size, struct error *e)
{
	struct stat st;
	char *bytes = NULL;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		error_set(e, "%s: %s", path, strerror(errno));
		goto fail;
	}
	/* The mode of the file that is read, not of what had its name a moment ago. */
	if (S_ISREG(st.st_mode) && image_check_mode(path, "file", st.st_mode, e))
		goto fail;
	if (!S_ISREG(st.st_mode) || st.st_size > IMAGE_FILE_MAX) {
		error_set(e, "%s: not a plugin: not a regular file of at most 256 MiB", path);
		goto fail;
	}
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	while (bytes && have < *size) {
		ssize_t n = read(fd, bytes + have, *size - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (have < *size) {
		error_set(e, "%s: cannot be read whole", path);
		goto fail;
	}
	close(fd);
	return bytes;
fail:
	free(bytes);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A truncated file would be mapped and then fault: every segment must lie inside. */
static int image_check_elf(const char *path, const char *bytes, size_t size, struct error *e)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return error_set(e, "%s: not a plugin: not an ELF file", path);
	if (size < sizeof(eh))
		return error_set(e, "%s: truncated", path);
	memcpy(&eh, bytes, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != IMAGE_CLASS || eh.e_ident[EI_DATA] != IMAGE_DATA ||
	    eh.e_machine != IMAGE_MACHINE)
		return error_set(e, "%s: built for another kind of processor", path);
	if (eh.e_type != ET_DYN || eh.e_phentsize != sizeof(ph))
		return error_set(e, "%s: not a plugin: not a shared object (cc -shared)", path);
	if (eh.e_phoff > size || (uint64_t)eh.e_phnum * sizeof(ph) > size - eh.e_phoff)
		return error_set(e, "%s: truncated", path);
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, bytes + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			return error_set(e, "%s: truncated", path);
	}
	return 0;
}

/* FNV-1a: tells versions of a file apart; not meant against forgery. */
static void image_hash(const char *bytes, size_t size, char out[17])
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	snprintf(out, 17, "%016llx", (unsigned long long)h);
}

/* A private copy that nobody can change or truncate under us, and that leaves nothing behind: a
 * sealed memfd named by plugin and hash.  Its descriptor stays open, since the dynamic linker
 * knows objects by the name they were opened by. */
static int image_copy(const char *name, const char *hash, const char *bytes, size_t size,
		      struct error *e)
{
	char label[128];
	size_t done = 0;

	snprintf(label, sizeof(label), "%.80s-%s", name, hash);
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set(e, "%s: no memory for a private copy: %s", name, strerror(errno));
	while (done < size) {
		ssize_t n = write(fd, bytes + done, size - done);
		if (n <= 0) {
			close(fd);
			return error_set(e, "%s: no memory for a private copy", name);
		}
		done += (size_t)n;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
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

static int image_load(struct plugin_image *image, const char *dir, const struct gh_host *host,
		      struct error *e)
{
	size_t size;
	char copy[64];
	int fd;

	if (image_check_directory(dir, e))
		return -1;
	char *bytes = image_read(image->path, &size, e);
	if (!bytes)
		return -1;
	image_hash(bytes, size, image->hash);
	if (image_check_elf(image->path, bytes, size, e) ||
	    (fd = image_copy(image->name, image->hash, bytes, size, e)) < 0) {
		free(bytes);
		return -1;
	}
	free(bytes);
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

static struct plugin_image *image_new(const char *dir, const char *name, struct error *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s.so", dir, name) >= (int)sizeof(path)) {
		error_set(e, "the path of plugin \"%.80s\" is too long", name);
		return NULL;
	}
	struct plugin_image *image = xcalloc(1, sizeof(*image));
	image->name = xstrdup(name);
	image->path = xstrdup(path);
	return image;
}

struct plugin_image *plugin_image_absent(const char *dir, const char *name, struct error *e)
{
	struct plugin_image *image = image_new(dir, name, e);
	size_t size;
	char *bytes = image ? image_read(image->path, &size, e) : NULL;

	if (!bytes) {
		if (image)
			plugin_image_free(image);
		return NULL;
	}
	image_hash(bytes, size, image->hash);
	free(bytes);
	image->held = image->absent = true;
	return image;
}

struct plugin_image *plugin_image_load(const char *dir, const char *name,
				       const struct gh_host *host, struct error *e)
{
	struct plugin_image *image = image_new(dir, name, e);

	if (!image)
		return NULL;
	if (image_load(image, dir, host, e)) {
		plugin_image_free(image);
		return NULL;
	}
	return image;
}

void plugin_image_free(struct plugin_image *image)
{
	free(image->name);
	free(image->path);
	free(image);
}
