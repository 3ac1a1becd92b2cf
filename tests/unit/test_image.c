/* SPDX-License-Identifier: Apache-2.0 */
/* Real plugins (tests/plugins) are loaded, and refused after something was done to their files. */
#include "plugin/image.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

enum { FILE_MAX = 64 << 20 };

static const struct gh_host host = { .size = sizeof(host) };
static char dir[64];
static struct error e;

static const char *built(void)
{
	const char *d = getenv("TEST_PLUGIN_DIR");

	return d ? d : "tests/plugins";
}

static char *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *bytes = malloc(FILE_MAX);

	ck_assert_msg(f != NULL, "%s is not there", path);
	*n = fread(bytes, 1, FILE_MAX, f);
	fclose(f);
	return bytes;
}

/* A file of its own in a directory of its own. */
static void put(const char *name, const void *bytes, size_t n)
{
	char path[256];

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "/tmp/gatehouse-image-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir));
	}
	snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void clean(void)
{
	char command[96];

	if (!dir[0])
		return;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
	dir[0] = '\0';
}

/* A copy of lab_info with n bytes changed at an offset, and cut to a size if that is not 0. */
static void put_changed(size_t at, const void *change, size_t n, size_t size)
{
	char path[512];
	size_t have;

	snprintf(path, sizeof(path), "%s/lab_info.so", built());
	char *bytes = read_file(path, &have);
	if (n)
		memcpy(bytes + at, change, n);
	put("lab_info", bytes, size ? size : have);
	free(bytes);
}

static void ck_refused(const char *where, const char *name, const char *why)
{
	e.text[0] = '\0';
	ck_assert_ptr_null(plugin_image_load(where, name, &host, &e));
	ck_assert_msg(strstr(e.text, why) != NULL, "%s: \"%s\"", name, e.text);
}

START_TEST(loads)
{
	struct plugin_image *image = plugin_image_load(built(), "lab_info", &host, &e);

	ck_assert_msg(image != NULL, "%s", e.text);
	ck_assert_str_eq(image->name, "lab_info");
	ck_assert_str_eq(image->plugin.version, "2.1");
	ck_assert_uint_eq(strlen(image->hash), 16);
	ck_assert_uint_eq(image->options.count, 3);
	ck_assert(image->plugin.on_request != NULL);
	ck_assert(image->plugin.on_end == NULL);
	ck_assert_ptr_eq(*image->plugin.host, &host);
	ck_assert(!image->loaded);
	plugin_image_free(image);
}
END_TEST

START_TEST(newer_that_uses_nothing_new)
{
	struct plugin_image *image = plugin_image_load(built(), "newer_unused", &host, &e);

	ck_assert_msg(image != NULL, "%s", e.text);
	ck_assert_uint_eq(image->plugin.abi_minor, GH_ABI_MINOR + 1);
	plugin_image_free(image);
}
END_TEST

/* What runs is a copy: the file may be overwritten in place, and another one may come. */
START_TEST(file_changes_under_it)
{
	put_changed(0, NULL, 0, 0);
	struct plugin_image *image = plugin_image_load(dir, "lab_info", &host, &e);
	ck_assert_msg(image != NULL, "%s", e.text);
	put("lab_info", "gone", 4);
	ck_assert_str_eq(image->plugin.summary, "Says what it sees.");
	ck_refused(dir, "lab_info", "not an ELF file");
	char path[512];
	size_t n;
	snprintf(path, sizeof(path), "%s/lab_info.so", built());
	char *bytes = read_file(path, &n);
	bytes[n] = '\0';
	put("lab_info", bytes, n + 1);
	free(bytes);
	struct plugin_image *second = plugin_image_load(dir, "lab_info", &host, &e);
	ck_assert_msg(second != NULL, "%s", e.text);
	ck_assert_str_ne(second->hash, image->hash);
	ck_assert_ptr_ne((const void *)second->plugin.host, (const void *)image->plugin.host);
	plugin_image_free(second);
	plugin_image_free(image);
	clean();
}
END_TEST

START_TEST(writable_by_anyone)
{
	char path[256];

	put_changed(0, NULL, 0, 0);
	snprintf(path, sizeof(path), "%s/lab_info.so", dir);
	chmod(path, 0666);
	ck_refused(dir, "lab_info", "refused: anyone may write this file (chmod o-w /tmp/");
	chmod(path, 0644);
	chmod(dir, 0777);
	ck_refused(dir, "lab_info", "refused: anyone may write this directory (chmod o-w /tmp/");
	chmod(dir, 01777);
	ck_refused(dir, "lab_info", "refused: anyone may write this directory");
	chmod(dir, 0755);
	struct plugin_image *image = plugin_image_load(dir, "lab_info", &host, &e);
	ck_assert_msg(image != NULL, "%s", e.text);
	plugin_image_free(image);
	clean();
}
END_TEST

START_TEST(not_there)
{
	char path[256];

	put("other", "x", 1);
	ck_refused(dir, "missing", "No such file or directory");
	ck_refused("/nowhere", "missing", "/nowhere: No such file or directory");
	snprintf(path, sizeof(path), "%s/folder.so", dir);
	mkdir(path, 0755);
	ck_refused(dir, "folder", "not a regular file");
	snprintf(path, sizeof(path), "%s/pipe.so", dir);
	mkfifo(path, 0644);
	ck_refused(dir, "pipe", "not a regular file");
	clean();
}
END_TEST

START_TEST(not_elf)
{
	put("text", "#include", 8);
	ck_refused(dir, "text", "not a plugin: not an ELF file");
	put("empty", "", 0);
	ck_refused(dir, "empty", "not a plugin: not an ELF file");
	put("short", ELFMAG "\2", 5);
	ck_refused(dir, "short", "truncated");
	clean();
}
END_TEST

START_TEST(truncated)
{
	put_changed(0, NULL, 0, sizeof(Elf64_Ehdr) + 10);
	ck_refused(dir, "lab_info", "truncated");
	put_changed(0, NULL, 0, 4096);
	ck_refused(dir, "lab_info", "truncated");
	clean();
}
END_TEST

START_TEST(other_machine)
{
	const Elf64_Half machine = EM_68K;
	const unsigned char class = ELFCLASS32;

	put_changed(offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine), 0);
	ck_refused(dir, "lab_info", "built for another kind of processor");
	put_changed(EI_CLASS, &class, 1, 0);
	ck_refused(dir, "lab_info", "built for another kind of processor");
	clean();
}
END_TEST

START_TEST(wild_headers)
{
	const Elf64_Half program = ET_EXEC;
	const Elf64_Off offsets[] = { UINT64_MAX, UINT64_MAX - 40, 1u << 31 };

	put_changed(offsetof(Elf64_Ehdr, e_type), &program, sizeof(program), 0);
	ck_refused(dir, "lab_info", "not a shared object");
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		put_changed(offsetof(Elf64_Ehdr, e_phoff), &offsets[i], sizeof(offsets[i]), 0);
		ck_refused(dir, "lab_info", "truncated");
	}
	clean();
}
END_TEST

START_TEST(descriptors)
{
	ck_refused(built(), "refuse_nothing",
		   "refuse_nothing.so: not a gatehouse plugin: no symbol gh_plugin_v1");
	ck_refused(built(), "refuse_major", "built for plugin ABI 2; this gateway has 1");
	ck_refused(built(), "refuse_small", "bytes, which no release of the ABI has");
	ck_refused(built(), "refuse_name",
		   "the file says that it is the plugin \"somebody\": name it somebody.so");
	ck_refused(built(), "refuse_version", "lacks a name or a version");
	ck_refused(built(), "refuse_newer",
		   "uses the hook \"on_trailer\" of plugin ABI 1.1; this gateway has 1.0");
	ck_refused(built(), "refuse_kind", "option \"colour\" is of kind 99");
	ck_refused(built(), "refuse_routes", "default routes are not a table");
}
END_TEST

/* The dynamic linker's words, without the name of our copy. */
START_TEST(undefined_symbol)
{
	static const char source[] = "int not_there(void); int f(void); int f(void)"
				     "{ return not_there(); }";
	const char *cc = getenv("CC") ? getenv("CC") : "cc";
	char command[512];

	put("undefined", "", 0);
	snprintf(command, sizeof(command), "echo '%s' | %s -shared -fPIC -x c -o %s/undefined.so -",
		 source, cc, dir);
	ck_assert_int_eq(system(command), 0);
	ck_refused(dir, "undefined", "undefined.so: undefined symbol: not_there");
	ck_assert_ptr_null(strstr(e.text, "/proc/"));
	clean();
}
END_TEST

START_TEST(path_too_long)
{
	char name[5000];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_ptr_null(plugin_image_load("/tmp", name, &host, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "aaaa\" is too long"));
}
END_TEST

START_TEST(hook_names)
{
	struct str rest = STR(GH_HOOK_NAMES_), name;

	for (int i = 0; i < HOOK_CALLBACK; i++) {
		ck_assert(str_next(&rest, ',', &name));
		ck_assert(str_eq(name, str_from(plugin_hook_name((enum plugin_hook)i))));
	}
	ck_assert_str_eq(plugin_hook_name(HOOK_CALLBACK), "callback");
	ck_assert_str_eq(plugin_hook_name((enum plugin_hook)77), "?");
}
END_TEST

int main(void)
{
	return SUITE("image", loads, newer_that_uses_nothing_new, file_changes_under_it,
		     writable_by_anyone, not_there, not_elf, truncated, other_machine, wild_headers,
		     descriptors, undefined_symbol, path_too_long, hook_names);
}
