/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bound.h"

#include <stdlib.h>

#include "config/gateway.h"
#include "control/listen.h"
#include "control/privilege.h"

int bound_leave_root(struct bound *b, struct listen_set *set, const struct gateway_config *config,
		     const struct privilege *who, struct error *e)
{
	if (!who->asked)
		return 0;
	b->items = xcalloc(config->listen_count + 1, sizeof(struct listener *));
	for (size_t i = 0; i < config->listen_count; i++) {
		struct listener *l = listen_take(set, &config->listen[i], config->workers, e);

		if (!l)
			return -1;
		b->items[b->count++] = l;
		if (l->path)
			privilege_give(who, l->path);
	}
	if (config->admin_on && config->admin.path)
		privilege_give(who, config->admin.path);
	return privilege_drop(who, e);
}

void bound_drop(struct bound *b, struct listen_set *set)
{
	for (size_t i = 0; i < b->count; i++)
		listen_drop(set, b->items[i]);
	free(b->items);
	*b = (struct bound){ 0 };
}
