/* SPDX-License-Identifier: Apache-2.0 */
/* control/handed_set.h -- what the control process hands the workers of one generation beside the
 * file's text: copies of plugins, and default routes.
 * Called by: control/gather (makes it), control/generation (keeps it).  Never: changes. */
#ifndef GATEHOUSE_CONTROL_HANDED_SET_H
#define GATEHOUSE_CONTROL_HANDED_SET_H

#include <jansson.h>
#include <stddef.h>

struct store_file;

struct handed_set {
	unsigned refs;
	json_t *json; /* config/handed.h */
	int *fds;     /* of the plugins in it, in their order; borrowed from files */
	struct store_file **files;
	size_t count;
};

/* Empty, with one reference. */
struct handed_set *handed_set_new(void);
/* Appends a plugin's copy, which it keeps. */
void handed_set_add(struct handed_set *, struct store_file *);
struct handed_set *handed_set_ref(struct handed_set *);
/* Sets the pointer to NULL, which is harmless too. */
void handed_set_unref(struct handed_set **);

#endif
