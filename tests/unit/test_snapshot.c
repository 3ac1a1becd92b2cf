/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/snapshot.c: what is read, what is refused, and when it is written. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discovery/snapshot.h"
#include "suite.h"

static char folder[64], path[96];
static struct error error;
static int makes, closes;

static void setup(void)
{
	strcpy(folder, "/tmp/gatehouse-snapshot-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/discovery.json", folder);
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(writes_and_reads)
{
	struct stat st;
	json_t *json;

	setup();
	ck_assert_ptr_null(snapshot_read(path, &error));
	ck_assert_str_eq(error.text, "");
	ck_assert_int_eq(snapshot_write(path, "{\"a\":1}", &error), 0);
	ck_assert_int_eq(snapshot_write(path, "{\"a\":2}", &error), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	json = snapshot_read(path, &error);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "a")), 2);
	json_decref(json);
	/* teardown: nothing else is left in the folder. */
	teardown();
}
END_TEST

START_TEST(refuses)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *error;
	} rows[] = {
		{ "{\"a\":", 0600, "not JSON" },
		{ "", 0600, "not JSON" },
		{ "{}", 0620, "others may write it" },
		{ "{}", 0602, "others may write it" },
	};

	setup();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(rows[i].text, rows[i].mode);
		ck_assert_ptr_null(snapshot_read(path, &error));
		ck_assert_msg(strstr(error.text, rows[i].error), "row %zu: %s", i, error.text);
	}
	ck_assert_ptr_null(snapshot_read(folder, &error));
	ck_assert_str_eq(error.text, "not a regular file");
	teardown();
}
END_TEST

START_TEST(a_full_disk)
{
	ck_assert_int_eq(snapshot_write("/dev/full/x", "{}", &error), -1);
	ck_assert_int_eq(snapshot_write("/nonexistent/x", "{}", &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "cannot create a file there"));
}
END_TEST

static json_t *make(void *arg)
{
	ck_assert_ptr_eq(arg, &makes);
	makes++;
	return json_pack("{s:i}", "makes", makes);
}

static void on_closed(void *arg)
{
	(*(int *)arg)++;
}

static int on_disk(void)
{
	json_t *json = snapshot_read(path, &error);
	int n = (int)json_integer_value(json_object_get(json, "makes"));

	json_decref(json);
	return n;
}

START_TEST(writes_now_and_then)
{
	struct snapshot s;
	uv_loop_t loop;

	setup();
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	snapshot_init(&s, &loop, path, make, &makes);
	s.every_ms = 200;
	snapshot_touch(&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(makes, 0);
	snapshot_enable(&s, true);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(makes, 1);
	ck_assert_int_eq(on_disk(), 1);
	/* Many changes are one more, and not at once. */
	for (int i = 0; i < 50; i++)
		snapshot_touch(&s);
	uint64_t first = s.written_ms;
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(on_disk(), 2);
	ck_assert_uint_ge(s.written_ms, first + 200);
	/* Not by one that another has followed. */
	snapshot_enable(&s, false);
	snapshot_touch(&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(makes, 2);
	/* Closed in the middle of it: what was begun is ended. */
	s.every_ms = 0;
	snapshot_enable(&s, true);
	while (!s.working)
		uv_run(&loop, UV_RUN_NOWAIT);
	snapshot_close(&s, on_closed, &closes);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closes, 1);
	ck_assert_int_eq(on_disk(), 3);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	teardown();
}
END_TEST

START_TEST(no_path_is_nothing)
{
	struct snapshot s;

	snapshot_init(&s, NULL, NULL, make, &makes);
	snapshot_enable(&s, true);
	snapshot_touch(&s);
	snapshot_close(&s, on_closed, &closes);
	ck_assert_int_eq(closes, 1);
	ck_assert_int_eq(makes, 0);
}
END_TEST

int main(void)
{
	return SUITE("snapshot", writes_and_reads, refuses, a_full_disk, writes_now_and_then,
		     no_path_is_nothing);
}
