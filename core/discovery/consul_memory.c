/* SPDX-License-Identifier: Apache-2.0 */
/* What another discovery knew of its services, until they are needed here too. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/gateway.h"
#include "discovery/consul.h"
#include "discovery/consul_private.h"

struct consul_memory {
	struct list link;
	char *name, *tag;
	uint16_t default_port;
	struct watch watch; /* never started */
};

static bool consul_text_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool consul_same_agent(const struct consul_settings *a, const struct consul_settings *b)
{
	return consul_text_same(a->base, b->base) &&
	       consul_text_same(a->unix_socket, b->unix_socket) &&
	       consul_text_same(a->config->datacenter, b->config->datacenter) &&
	       consul_text_same(a->config->ns, b->config->ns);
}

void consul_inherit(struct consul *c, const struct consul *from)
{
	if (!consul_same_agent(&c->settings, &from->settings))
		return;
	list_each(at, &from->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);
		struct consul_memory *m = xcalloc(1, sizeof(*m));

		m->name = xstrdup(s->name);
		m->tag = s->rules.tag ? xstrdup(s->rules.tag) : NULL;
		m->default_port = s->rules.default_port;
		watch_restore(&m->watch, &s->watch);
		list_push(&c->inherited, &m->link);
	}
}

static void consul_memory_free(struct consul_memory *m)
{
	list_remove(&m->link);
	watch_fini(&m->watch);
	free(m->name);
	free(m->tag);
	free(m);
}

void consul_remember(struct consul_service *s)
{
	list_each(at, &s->consul->inherited)
	{
		struct consul_memory *m = container_of(at, struct consul_memory, link);

		if (!consul_text_same(m->name, s->name) ||
		    !consul_text_same(m->tag, s->rules.tag) ||
		    m->default_port != s->rules.default_port)
			continue;
		watch_restore(&s->watch, &m->watch);
		s->restored = m->watch.answered;
		consul_memory_free(m);
		return;
	}
}

void consul_forget_all(struct consul *c)
{
	while (!list_empty(&c->inherited))
		consul_memory_free(container_of(c->inherited.next, struct consul_memory, link));
}
