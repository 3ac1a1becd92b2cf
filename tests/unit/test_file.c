/* SPDX-License-Identifier: Apache-2.0 */
/* plugin/file.c: the copy that nobody can change, and what is refused before there is one. */
#include "plugin/file.h"

#include <dirent.h>
#include <elf.h>

#include "scratch.h"
#include "suite.h"

static struct plugin_file file;
static struct error e;

/* lab_info.so as it was built: free() it. */
static char *built(size_t *n)
{
	char path[PATH_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/lab_info.so", scratch_plugins_built());
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	*n = (size_t)st.st_size;
	char *bytes = malloc(*n);
	ck_assert_uint_eq(fread(bytes, 1, *n, f), *n);
	fclose(f);
	return bytes;
}

/* A copy of it as NAME.so, with n bytes changed at an offset and cut to a size unless that is 0. */
static void put(const char *name, size_t at, const void *change, size_t n, size_t size)
{
	char with[300];
	size_t have;
	char *bytes = built(&have);

	if (n)
		memcpy(bytes + at, change, n);
	snprintf(with, sizeof(with), "%s.so", name);
	scratch_put(with, bytes, size ? size : have);
	free(bytes);
}

static void open_it(const char *name)
{
	ck_assert_msg(plugin_file_open(&file, scratch_dir(), name, &e) == 0, "%s", e.text);
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* With that reason, and nothing to close. */
static void ck_refused(const char *dir, const char *name, const char *why)
{
	unsigned before = open_descriptors();

	e.text[0] = '\0';
	ck_assert_int_eq(plugin_file_open(&file, dir, name, &e), -1);
	ck_assert_msg(strstr(e.text, why) != NULL, "no \"%s\" in \"%s\"", why, e.text);
	ck_assert_int_eq(file.fd, -1);
	ck_assert_ptr_null(file.name);
	ck_assert_ptr_null(file.path);
	ck_assert_uint_eq(open_descriptors(), before);
}

START_TEST(test_copy)
{
	char link[64], label[256], expected[64];
	size_t n;
	char *bytes = built(&n), *copy = malloc(n + 1);

	put("lab_info", 0, NULL, 0, 0);
	open_it("lab_info");
	ck_assert_str_eq(file.name, "lab_info");
	ck_assert_str_eq(file.path, scratch_path("lab_info.so"));
	ck_assert_uint_eq(strspn(file.hash, "0123456789abcdef"), 16);
	ck_assert_int_eq(pread(file.fd, copy, n + 1, 0), (ssize_t)n);
	ck_assert_int_eq(memcmp(copy, bytes, n), 0);
	/* By this name the plugin is found again in /proc/PID/maps. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file.fd);
	ssize_t size = readlink(link, label, sizeof(label) - 1);
	ck_assert_int_gt(size, 0);
	label[size] = '\0';
	snprintf(expected, sizeof(expected), "/memfd:lab_info-%s (deleted)", file.hash);
	ck_assert_str_eq(label, expected);
	plugin_file_close(&file);
	free(copy);
	free(bytes);
}
END_TEST

START_TEST(test_nobody_changes_it)
{
	put("lab_info", 0, NULL, 0, 0);
	open_it("lab_info");
	ck_assert_int_eq(pwrite(file.fd, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(file.fd, 0), -1);
	ck_assert_int_eq(ftruncate(file.fd, 1 << 30), -1);
	ck_assert_int_eq(fcntl(file.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	ck_assert(fcntl(file.fd, F_GETFD) & FD_CLOEXEC);
	/* It is not the file. */
	char first = 0;
	scratch_write("lab_info.so", "gone");
	ck_assert_int_eq(pread(file.fd, &first, 1, 0), 1);
	ck_assert_int_eq(first, ELFMAG0);
	plugin_file_close(&file);
}
END_TEST

START_TEST(test_hash)
{
	char hash[17];

	put("one", 0, NULL, 0, 0);
	put("two", 0, NULL, 0, 0);
	open_it("one");
	snprintf(hash, sizeof(hash), "%s", file.hash);
	plugin_file_close(&file);
	open_it("two");
	ck_assert_str_eq(file.hash, hash);
	plugin_file_close(&file);
	/* One byte, of the padding of e_ident. */
	put("two", EI_NIDENT - 1, "x", 1, 0);
	open_it("two");
	ck_assert_str_ne(file.hash, hash);
	plugin_file_close(&file);
}
END_TEST

START_TEST(test_close)
{
	put("lab_info", 0, NULL, 0, 0);
	unsigned before = open_descriptors();
	open_it("lab_info");
	ck_assert_uint_eq(open_descriptors(), before + 1);
	plugin_file_close(&file);
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_int_eq(file.fd, -1);
	plugin_file_close(&file);
}
END_TEST

/* The file's own rights count, not those of a link to it, and any bit for others is enough. */
START_TEST(test_that_others_may_write)
{
	put("lab_info", 0, NULL, 0, 0);
	ck_assert_int_eq(chmod(scratch_path("lab_info.so"), 0602), 0);
	ck_refused(scratch_dir(), "lab_info", "refused: anyone may write this file (chmod o-w ");
	ck_assert_int_eq(symlink("lab_info.so", scratch_path("link.so")), 0);
	ck_refused(scratch_dir(), "link", "link.so: refused: anyone may write this file");
	/* A group is not anyone. */
	ck_assert_int_eq(chmod(scratch_path("lab_info.so"), 0660), 0);
	open_it("link");
	plugin_file_close(&file);
	ck_assert_int_eq(chmod(scratch_dir(), 0777), 0);
	ck_refused(scratch_dir(), "lab_info",
		   "refused: anyone may write this directory (chmod o-w ");
	ck_assert_int_eq(chmod(scratch_dir(), 0700), 0);
}
END_TEST

START_TEST(test_not_there)
{
	char name[PATH_MAX];

	ck_refused(scratch_dir(), "none", "none.so: No such file or directory");
	ck_refused("/nowhere", "none", "/nowhere: No such file or directory");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_refused(scratch_dir(), name, "aaaa\" is too long");
	ck_assert_int_eq(symlink("nothing", scratch_path("dangling.so")), 0);
	ck_refused(scratch_dir(), "dangling", "dangling.so: No such file or directory");
}
END_TEST

/* Nobody waits for the writer of a pipe. */
START_TEST(test_no_regular_file)
{
	ck_assert_int_eq(mkdir(scratch_path("folder.so"), 0755), 0);
	ck_refused(scratch_dir(), "folder", "not a regular file of at most 256 MiB");
	ck_assert_int_eq(mkfifo(scratch_path("pipe.so"), 0600), 0);
	ck_refused(scratch_dir(), "pipe", "not a regular file");
	put("big", 0, NULL, 0, 0);
	ck_assert_int_eq(truncate(scratch_path("big.so"), (256 << 20) + 1), 0);
	ck_refused(scratch_dir(), "big", "not a regular file of at most 256 MiB");
}
END_TEST

START_TEST(test_no_plugin)
{
	const Elf64_Half machine = EM_68K, type = ET_EXEC, entry = 7;
	const Elf64_Off far = UINT64_MAX - 40;

	scratch_write("text.so", "#include");
	ck_refused(scratch_dir(), "text", "not a plugin: not an ELF file");
	scratch_write("text.so", "");
	ck_refused(scratch_dir(), "text", "not a plugin: not an ELF file");
	put("x", offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine), 0);
	ck_refused(scratch_dir(), "x", "built for another kind of processor");
	put("x", EI_CLASS, "\1", 1, 0);
	ck_refused(scratch_dir(), "x", "built for another kind of processor");
	put("x", offsetof(Elf64_Ehdr, e_type), &type, sizeof(type), 0);
	ck_refused(scratch_dir(), "x", "not a shared object");
	put("x", offsetof(Elf64_Ehdr, e_phentsize), &entry, sizeof(entry), 0);
	ck_refused(scratch_dir(), "x", "not a shared object");
	put("x", offsetof(Elf64_Ehdr, e_phoff), &far, sizeof(far), 0);
	ck_refused(scratch_dir(), "x", "truncated");
}
END_TEST

/* Wherever it ends: a segment of it would be missing, or it opens. */
START_TEST(test_truncated)
{
	static const size_t sizes[] = { SELFMAG, sizeof(Elf64_Ehdr) - 1, sizeof(Elf64_Ehdr),
					sizeof(Elf64_Ehdr) + 60, 4096 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put("x", 0, NULL, 0, sizes[i]);
		ck_refused(scratch_dir(), "x", "truncated");
	}
}
END_TEST

/* The label of the copy is shorter, the name is not. */
START_TEST(test_long_name)
{
	char name[201];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put(name, 0, NULL, 0, 0);
	open_it(name);
	ck_assert_str_eq(file.name, name);
	plugin_file_close(&file);
}
END_TEST

int main(void)
{
	return SUITE("file", test_copy, test_nobody_changes_it, test_hash, test_close,
		     test_that_others_may_write, test_not_there, test_no_regular_file,
		     test_no_plugin, test_truncated, test_long_name);
}
