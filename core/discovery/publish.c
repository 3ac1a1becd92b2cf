/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "discovery/resolve.h"

/* One host name among the instances. */
struct publish_name {
	char *name;
	struct resolve_user *user;
	bool wanted; /* while names are being compared */
};

void publish_init(struct publish *p, struct registry *registry, struct registry_service *service,
		  struct resolver *resolver)
{
	*p = (struct publish){ .registry = registry, .service = service, .resolver = resolver };
}

static void publish_name_free(struct publish *p, struct publish_name *n)
{
	map_remove(&p->names, str_from(n->name));
	resolve_release(n->user);
	free(n->name);
	free(n);
}

/* Room for one more endpoint. */
struct publish_list {
	struct registry_endpoint *items;
	size_t count, cap;
};

static struct registry_endpoint *publish_add(struct publish_list *list, const struct instance *i)
{
	struct registry_endpoint *e;

	if (list->count == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 8;
		list->items = xrealloc(list->items, list->cap * sizeof(*list->items));
	}
	e = &list->items[list->count++];
	*e = (struct registry_endpoint){
		.port = i->port, .weight = i->weight, .priority = i->priority, .usable = i->usable
	};
	snprintf(e->why, sizeof(e->why), "%s", i->why);
	snprintf(e->zone, sizeof(e->zone), "%s", i->zone);
	e->checks = i->checks ? xstrdup(i->checks) : NULL;
	return e;
}

static void publish_named(struct publish *p, struct publish_list *list, const struct instance *i)
{
	const struct publish_name *n = map_get(&p->names, str_from(i->host));
	const struct resolve_answer *known = resolve_known(n->user);
	struct registry_endpoint *e;

	for (size_t a = 0; a < known->count; a++) {
		e = publish_add(list, i);
		snprintf(e->address, sizeof(e->address), "%s", known->addresses[a]);
		if (asprintf(&e->id, "%s/%s", i->id, e->address) < 0)
			e->id = xstrdup(i->id);
	}
	if (known->count > 0)
		return;
	e = publish_add(list, i);
	e->id = xstrdup(i->id);
	e->usable = false;
	if (known->tried)
		instance_text(e->why, sizeof(e->why), "%s does not resolve: %s", i->host,
			      known->error);
	else
		instance_text(e->why, sizeof(e->why), "resolving %s", i->host);
}

static bool publish_resolved(const struct publish *p)
{
	struct map_entry *e;
	size_t at = 0;

	while ((e = map_next(&p->names, &at)))
		if (!resolve_known(((const struct publish_name *)e->value)->user)->tried)
			return false;
	return true;
}

static void publish_now(struct publish *p)
{
	struct publish_list list = { 0 };
	enum registry_state state = p->known ? REGISTRY_EMPTY : REGISTRY_NEVER;

	for (size_t i = 0; i < p->instances.count; i++) {
		const struct instance *item = &p->instances.items[i];

		if (item->named) {
			publish_named(p, &list, item);
		} else {
			struct registry_endpoint *e = publish_add(&list, item);

			snprintf(e->address, sizeof(e->address), "%s", item->host);
			e->id = xstrdup(item->id);
		}
	}
	for (size_t i = 0; i < list.count; i++)
		if (list.items[i].usable)
			state = REGISTRY_LIVE;
	p->service->answered |= p->answered && publish_resolved(p);
	registry_publish(p->registry, p->service, state, list.items, list.count, p->note);
}

static void publish_on_resolved(void *arg)
{
	publish_now(arg);
}

/* Begins to follow new names and lets go of those that no instance has any more. */
static void publish_follow_names(struct publish *p)
{
	struct publish_name *n;
	struct map_entry *e;
	size_t at = 0;

	while ((e = map_next(&p->names, &at)))
		((struct publish_name *)e->value)->wanted = false;
	for (size_t i = 0; i < p->instances.count; i++) {
		const struct instance *item = &p->instances.items[i];

		if (!item->named)
			continue;
		n = map_get(&p->names, str_from(item->host));
		if (!n) {
			n = xcalloc(1, sizeof(*n));
			n->name = xstrdup(item->host);
			n->user = resolve_use(p->resolver, n->name, publish_on_resolved, p);
			map_put(&p->names, str_from(n->name), n);
		}
		n->wanted = true;
	}
	/* A map must not change while it is walked. */
	at = 0;
	while ((e = map_next(&p->names, &at))) {
		n = e->value;
		if (!n->wanted) {
			publish_name_free(p, n);
			at = 0;
		}
	}
}

void publish_set(struct publish *p, struct instance_set *set, bool known, const char *note)
{
	struct instance_set old = p->instances;

	p->instances = *set;
	*set = (struct instance_set){ 0 };
	instance_set_fini(&old);
	p->known = known;
	instance_text(p->note, sizeof(p->note), "%s", note ? note : "");
	publish_follow_names(p);
	publish_now(p);
}

void publish_fini(struct publish *p)
{
	struct map_entry *e;
	size_t at = 0;

	while ((e = map_next(&p->names, &at))) {
		publish_name_free(p, e->value);
		at = 0;
	}
	map_fini(&p->names);
	instance_set_fini(&p->instances);
}
