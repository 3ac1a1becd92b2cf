/* SPDX-License-Identifier: Apache-2.0 */
#include "control/store.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

#define STORE_FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define STORE_FNV_PRIME UINT64_C(0x100000001b3)

/* ---- fingerprints ---- */

static uint64_t store_mix(uint64_t h, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * STORE_FNV_PRIME;
	return h;
}

/* The file that the name leads to now: symbolic links are followed. */
static uint64_t store_mix_stat(uint64_t h, const struct stat *st)
{
	const uint64_t parts[] = {
		(uint64_t)st->st_dev,         (uint64_t)st->st_ino,
		(uint64_t)st->st_size,        (uint64_t)st->st_mode,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec,
	};

	return store_mix(h, parts, sizeof(parts));
}

uint64_t store_print_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? store_mix_stat(STORE_FNV_BASIS, &st) : 0;
}

static int store_is_plugin(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && d->d_name[0] != '.' && strcmp(d->d_name + n - 3, ".so") == 0;
}

static int store_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Other entries of the directory change its times: only its rights count. */
uint64_t store_print_directory(const char *dir)
{
	struct dirent **entries;
	uint64_t h = STORE_FNV_BASIS;
	char path[PATH_MAX];
	struct stat st;

	if (stat(dir, &st))
		return 0;
	int n = scandir(dir, &entries, store_is_plugin, store_order);
	if (n < 0)
		return 0;
	h = store_mix(h, &st.st_mode, sizeof(st.st_mode));
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		h = store_mix(h, entries[i]->d_name, strlen(entries[i]->d_name));
		if (stat(path, &st) == 0)
			h = store_mix_stat(h, &st);
		free(entries[i]);
	}
	free(entries);
	return h;
}

/* ---- files ---- */

struct store_file *store_file_ref(struct store_file *f)
{
	f->refs++;
	return f;
}

void store_file_unref(struct store_file *f)
{
	must(f->refs > 0);
	if (--f->refs)
		return;
	plugin_file_close(&f->file);
	json_decref(f->about);
	free(f->name);
	free(f->error);
	free(f);
}

static void store_drop(struct store_file *f)
{
	list_remove(&f->link);
	store_file_unref(f);
}

static struct store_file *store_find(const struct store *s, const char *name)
{
	list_each(l, &s->files)
	{
		struct store_file *f = container_of(l, struct store_file, link);

		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* One entry of the directory.  Rights of the directory are part of each file's print: with other
 * rights it is looked at again. */
static void store_look(struct store *s, const char *name, uint64_t rights)
{
	char path[PATH_MAX];
	struct error e = { "" };

	snprintf(path, sizeof(path), "%s/%s.so", s->dir, name);
	uint64_t print = store_print_file(path) ^ rights;
	struct store_file *old = store_find(s, name);
	if (old && old->print == print) {
		/* In the order of names, whatever came and went. */
		list_remove(&old->link);
		list_push(&s->files, &old->link);
		old->seen = true;
		return;
	}
	if (old)
		store_drop(old);
	struct store_file *f = xcalloc(1, sizeof(*f));
	*f = (struct store_file){ .refs = 1, .name = xstrdup(name), .print = print, .seen = true };
	if (plugin_file_open(&f->file, s->dir, name, &e))
		f->error = xstrdup(e.text);
	list_push(&s->files, &f->link);
}

void store_scan(struct store *s, const char *dir)
{
	struct dirent **entries;
	struct stat st = { 0 };

	if (!s->dir || strcmp(s->dir, dir) != 0) {
		store_fini(s);
		s->dir = xstrdup(dir);
	}
	list_each(l, &s->files) container_of(l, struct store_file, link)->seen = false;
	int n = scandir(dir, &entries, store_is_plugin, store_order);
	if (n >= 0)
		(void)!stat(dir, &st);
	for (int i = 0; i < n; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 3] = '\0';
		store_look(s, entries[i]->d_name, (uint64_t)st.st_mode);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	list_each_safe(l, &s->files)
	{
		struct store_file *f = container_of(l, struct store_file, link);

		if (!f->seen)
			store_drop(f);
	}
}

void store_init(struct store *s)
{
	s->dir = NULL;
	list_init(&s->files);
}

void store_fini(struct store *s)
{
	list_each_safe(l, &s->files) store_drop(container_of(l, struct store_file, link));
	free(s->dir);
	s->dir = NULL;
}
