/* SPDX-License-Identifier: Apache-2.0 */
#include "control/handed_set.h"

#include <stdlib.h>

#include "base/error.h"
#include "control/store.h"

struct handed_set *handed_set_new(void)
{
	struct handed_set *h = xcalloc(1, sizeof(*h));

	h->refs = 1;
	h->json = json_pack("{s:[], s:[]}", "plugins", "routes");
	must(h->json);
	return h;
}

void handed_set_add(struct handed_set *h, struct store_file *f)
{
	json_t *item = json_pack("{s:s, s:s, s:s}", "name", f->file.name, "path", f->file.path,
				 "hash", f->file.hash);

	/* A name that is not UTF-8 is no plugin's: build_is_name(). */
	if (!item)
		return;
	json_array_append_new(json_object_get(h->json, "plugins"), item);
	h->files = xrealloc(h->files, (h->count + 1) * sizeof(struct store_file *));
	h->fds = xrealloc(h->fds, (h->count + 1) * sizeof(*h->fds));
	h->files[h->count] = store_file_ref(f);
	h->fds[h->count++] = f->file.fd;
}

struct handed_set *handed_set_ref(struct handed_set *h)
{
	h->refs++;
	return h;
}

void handed_set_unref(struct handed_set **where)
{
	struct handed_set *h = *where;

	*where = NULL;
	if (!h || --h->refs)
		return;
	for (size_t i = 0; i < h->count; i++)
		store_file_unref(h->files[i]);
	json_decref(h->json);
	free(h->files);
	free(h->fds);
	free(h);
}
