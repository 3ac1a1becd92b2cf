/* SPDX-License-Identifier: Apache-2.0 */
/* control/store.c: each file of the directory is read once, until it is another one. */
#include "control/store.h"

#include <sys/time.h>

#include "scratch.h"
#include "suite.h"

static struct store store;

/* A copy of a plugin for tests, as DIR/NAME.so in the scratch directory. */
static void copy(const char *plugin, const char *to)
{
	char command[2 * PATH_MAX];

	snprintf(command, sizeof(command), "cp %s/%s.so %s", scratch_plugins_built(), plugin,
		 scratch_path(to));
	ck_assert_int_eq(system(command), 0);
}

/* The names in the store, in its order, joined by spaces; those that were refused in brackets. */
static const char *names(void)
{
	static char out[512];
	size_t n = 0;

	out[0] = '\0';
	list_each(l, &store.files)
	{
		const struct store_file *f = container_of(l, struct store_file, link);
		ck_assert(!f->error == (f->file.fd >= 0));
		n += (size_t)snprintf(out + n, sizeof(out) - n, f->error ? "%s(%s)" : "%s%s",
				      n ? " " : "", f->name);
	}
	return out;
}

static struct store_file *find(const char *name)
{
	list_each(l, &store.files)
	{
		struct store_file *f = container_of(l, struct store_file, link);
		if (strcmp(f->name, name) == 0)
			return f;
	}
	ck_abort_msg("no %s", name);
	return NULL;
}

static void scan(void)
{
	store_scan(&store, scratch_dir());
}

START_TEST(test_scan)
{
	store_init(&store);
	copy("lab_info", "b.so");
	copy("lab_info", "a.so");
	copy("lab_info", ".hidden.so");
	copy("lab_info", "c.so.old");
	scratch_write("d.so", "no plugin");
	scratch_write(".so", "");
	scan();
	ck_assert_str_eq(names(), "a b (d)");
	ck_assert_ptr_nonnull(strstr(find("d")->error, "d.so: not a plugin: not an ELF file"));
	ck_assert_str_eq(find("a")->file.hash, find("b")->file.hash);
	ck_assert_str_eq(find("a")->file.name, "a");
	ck_assert_ptr_null(find("a")->about);
	store_fini(&store);
	ck_assert_str_eq(names(), "");
	store_fini(&store);
}
END_TEST

/* What is the same stays the same object, with what is known of it. */
START_TEST(test_changes)
{
	store_init(&store);
	copy("lab_info", "b.so");
	copy("lab_info", "c.so");
	scan();
	struct store_file *b = find("b");
	int fd = b->file.fd;
	b->about = json_pack("{s:s}", "name", "b");
	copy("lab_info", "a.so");
	copy("lab_trace", "c.so");
	scratch_write("d.so", "no plugin");
	scan();
	ck_assert_str_eq(names(), "a b c (d)");
	ck_assert_ptr_eq(find("b"), b);
	ck_assert_int_eq(b->file.fd, fd);
	ck_assert_ptr_nonnull(b->about);
	ck_assert_str_ne(find("c")->file.hash, b->file.hash);
	ck_assert_int_eq(unlink(scratch_path("b.so")), 0);
	copy("lab_info", "d.so");
	scan();
	ck_assert_str_eq(names(), "a c d");
	store_fini(&store);
}
END_TEST

/* Whoever has a reference goes on with what was. */
START_TEST(test_references)
{
	store_init(&store);
	copy("lab_info", "a.so");
	scan();
	struct store_file *a = store_file_ref(find("a"));
	char hash[17];
	snprintf(hash, sizeof(hash), "%s", a->file.hash);
	copy("lab_trace", "a.so");
	scan();
	ck_assert_ptr_ne(find("a"), a);
	ck_assert_str_eq(a->file.hash, hash);
	ck_assert_int_ge(fcntl(a->file.fd, F_GETFD), 0);
	store_fini(&store);
	int fd = a->file.fd;
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	store_file_unref(a);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* Its rights are the files' too. */
START_TEST(test_rights_of_the_directory)
{
	store_init(&store);
	copy("lab_info", "a.so");
	scan();
	ck_assert_int_eq(chmod(scratch_dir(), 0777), 0);
	scan();
	ck_assert_str_eq(names(), "(a)");
	ck_assert_ptr_nonnull(strstr(find("a")->error, "anyone may write this directory"));
	ck_assert_int_eq(chmod(scratch_dir(), 0700), 0);
	scan();
	ck_assert_str_eq(names(), "a");
	store_fini(&store);
}
END_TEST

START_TEST(test_other_directory)
{
	store_init(&store);
	ck_assert_int_eq(mkdir(scratch_path("one"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("two"), 0755), 0);
	copy("lab_info", "one/a.so");
	copy("lab_info", "two/a.so");
	copy("lab_info", "two/b.so");
	store_scan(&store, scratch_path("one"));
	ck_assert_str_eq(names(), "a");
	store_scan(&store, scratch_path("two"));
	ck_assert_str_eq(names(), "a b");
	ck_assert_str_eq(find("a")->file.path, scratch_path("two/a.so"));
	/* One that is not there has nothing. */
	store_scan(&store, scratch_path("three"));
	ck_assert_str_eq(names(), "");
	store_fini(&store);
}
END_TEST

START_TEST(test_print_of_a_file)
{
	const char *path = scratch_write("f", "one");
	uint64_t first = store_print_file(path), now;

	ck_assert_uint_ne(first, 0);
	ck_assert_uint_eq(store_print_file(path), first);
	ck_assert_uint_eq(store_print_file("/nowhere/f"), 0);
	/* In place, with a time and a size that were there before. */
	struct timeval times[2] = { { 1000, 0 }, { 1000, 0 } };
	ck_assert_int_eq(utimes(path, times), 0);
	first = store_print_file(path);
	scratch_write("f", "two");
	ck_assert_int_eq(utimes(path, times), 0);
	now = store_print_file(path);
	ck_assert_uint_ne(now, first);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_uint_ne(store_print_file(path), now);
	/* Renamed over. */
	first = store_print_file(path);
	ck_assert_int_eq(rename(scratch_write("g", "two"), path), 0);
	ck_assert_uint_ne(store_print_file(path), first);
}
END_TEST

/* The file that a link leads to, however far away the link was switched. */
START_TEST(test_print_of_a_link)
{
	ck_assert_int_eq(mkdir(scratch_path("1"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("2"), 0755), 0);
	scratch_write("1/f", "same");
	scratch_write("2/f", "same");
	ck_assert_int_eq(symlink("1", scratch_path("now")), 0);
	uint64_t first = store_print_file(scratch_path("now/f"));
	ck_assert_uint_eq(store_print_file(scratch_path("1/f")), first);
	ck_assert_int_eq(symlink("2", scratch_path("next")), 0);
	ck_assert_int_eq(rename(scratch_path("next"), scratch_path("now")), 0);
	ck_assert_uint_ne(store_print_file(scratch_path("now/f")), first);
}
END_TEST

/* Only plugins and the rights count. */
START_TEST(test_print_of_a_directory)
{
	const char *dir = scratch_dir();
	uint64_t empty = store_print_directory(dir), one, two;

	ck_assert_uint_ne(empty, 0);
	ck_assert_uint_eq(store_print_directory("/nowhere"), 0);
	scratch_write("notes", "x");
	scratch_write(".a.so", "x");
	ck_assert_uint_eq(store_print_directory(dir), empty);
	scratch_write("a.so", "x");
	one = store_print_directory(dir);
	ck_assert_uint_ne(one, empty);
	ck_assert_uint_eq(store_print_directory(dir), one);
	scratch_write("a.so", "xy");
	two = store_print_directory(dir);
	ck_assert_uint_ne(two, one);
	ck_assert_int_eq(chmod(dir, 0750), 0);
	ck_assert_uint_ne(store_print_directory(dir), two);
	ck_assert_int_eq(chmod(dir, 0700), 0);
	ck_assert_uint_eq(store_print_directory(dir), two);
	/* A link to nothing is a plugin that was added. */
	ck_assert_int_eq(symlink("nothing", scratch_path("b.so")), 0);
	ck_assert_uint_ne(store_print_directory(dir), two);
	ck_assert_int_eq(unlink(scratch_path("b.so")), 0);
	ck_assert_int_eq(unlink(scratch_path("a.so")), 0);
	ck_assert_uint_eq(store_print_directory(dir), empty);
}
END_TEST

int main(void)
{
	return SUITE("store", test_scan, test_changes, test_references,
		     test_rights_of_the_directory, test_other_directory, test_print_of_a_file,
		     test_print_of_a_link, test_print_of_a_directory);
}
