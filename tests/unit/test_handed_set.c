/* SPDX-License-Identifier: Apache-2.0 */
/* control/handed_set.c: the plugins of one generation, kept as long as somebody has the set. */
#include "control/handed_set.h"

#include "control/store.h"
#include "scratch.h"
#include "suite.h"

static struct store store;

/* The files a.so and b.so in the store. */
static void setup(struct store_file *files[2])
{
	char link[2][8] = { "a.so", "b.so" }, target[PATH_MAX + 32];
	size_t n = 0;

	snprintf(target, sizeof(target), "%s/lab_info.so", scratch_plugins_built());
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(symlink(target, scratch_path(link[i])), 0);
	store_init(&store);
	store_scan(&store, scratch_dir());
	list_each(l, &store.files) files[n++] = container_of(l, struct store_file, link);
	ck_assert_uint_eq(n, 2);
}

START_TEST(test_empty)
{
	struct handed_set *h = handed_set_new();
	json_t *nothing = json_pack("{s:[], s:[]}", "plugins", "routes");

	ck_assert_uint_eq(h->count, 0);
	ck_assert(json_equal(h->json, nothing));
	json_decref(nothing);
	handed_set_unref(&h);
	ck_assert_ptr_null(h);
	handed_set_unref(&h);
}
END_TEST

/* The descriptors are in the order of the texts, whatever that is. */
START_TEST(test_add)
{
	struct handed_set *h = handed_set_new();
	struct store_file *files[2];

	setup(files);
	handed_set_add(h, files[1]);
	handed_set_add(h, files[0]);
	ck_assert_uint_eq(h->count, 2);
	ck_assert_int_eq(h->fds[0], files[1]->file.fd);
	ck_assert_int_eq(h->fds[1], files[0]->file.fd);
	json_t *plugins = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "name", "b", "path",
				    files[1]->file.path, "hash", files[1]->file.hash, "name", "a",
				    "path", files[0]->file.path, "hash", files[0]->file.hash);
	ck_assert(json_equal(json_object_get(h->json, "plugins"), plugins));
	json_decref(plugins);
	handed_set_unref(&h);
	store_fini(&store);
}
END_TEST

/* A copy is open until the last set is gone, though the store has let go of it. */
START_TEST(test_keeps)
{
	struct handed_set *h = handed_set_new(), *same;
	struct store_file *files[2];

	setup(files);
	handed_set_add(h, files[0]);
	int fd = h->fds[0];
	same = handed_set_ref(h);
	ck_assert_ptr_eq(same, h);
	store_fini(&store);
	handed_set_unref(&h);
	ck_assert_ptr_null(h);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	handed_set_unref(&same);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* Its name could not be said in JSON, and no configuration can mean it. */
START_TEST(test_name_that_is_not_utf8)
{
	struct handed_set *h = handed_set_new();
	struct store_file *files[2];
	char target[PATH_MAX + 32];

	setup(files);
	snprintf(target, sizeof(target), "%s/lab_info.so", scratch_plugins_built());
	ck_assert_int_eq(symlink(target, scratch_path("\xff.so")), 0);
	store_scan(&store, scratch_dir());
	struct store_file *odd = container_of(store.files.prev, struct store_file, link);
	ck_assert_str_eq(odd->name, "\xff");
	handed_set_add(h, odd);
	ck_assert_uint_eq(h->count, 0);
	ck_assert_uint_eq(odd->refs, 1);
	ck_assert_uint_eq(json_array_size(json_object_get(h->json, "plugins")), 0);
	handed_set_unref(&h);
	store_fini(&store);
}
END_TEST

int main(void)
{
	return SUITE("handed_set", test_empty, test_add, test_keeps, test_name_that_is_not_utf8);
}
