/* SPDX-License-Identifier: Apache-2.0 */
/* What another discovery knew of its services, until they are needed here too. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/gateway.h"
#include "discovery/consul.h"
#include "discovery/consul_private.h"

static bool consul_text_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool consul_same_agent(const struct consul_settings *a, const struct consul_settings *b)
{
	return consul_text_same(a->base, b->base) &&
	       consul_text_same(a->unix_socket, b->unix_socket);
}

static void consul_key_text(struct buf *b, const char *text)
{
	buf_char(b, ' ');
	if (text)
		buf_json(b, str_from(text));
	else
		buf_char(b, '-');
}

static void consul_key_texts(struct buf *b, const struct gh_strings *texts)
{
	buf_printf(b, " %zu:", texts->n);
	for (size_t i = 0; i < texts->n; i++)
		consul_key_text(b, texts->items[i]);
}

char *consul_key(const char *name, const struct consul_scope *scope,
		 const struct health_rules *rules)
{
	struct buf b;

	buf_init(&b, 0);
	buf_json(&b, str_from(name));
	consul_key_text(&b, scope->datacenter);
	consul_key_text(&b, scope->ns);
	buf_printf(&b, " %u", rules->default_port);
	consul_key_texts(&b, &rules->tags);
	consul_key_texts(&b, &rules->require_checks);
	for (size_t i = 0; i < rules->meta_count; i++) {
		consul_key_text(&b, rules->meta[i].name);
		consul_key_text(&b, rules->meta[i].value);
	}
	buf_char(&b, '\0');
	must(!b.failed);
	return b.p;
}

struct consul_memory *consul_memory_new(struct consul *c, const char *key)
{
	struct consul_memory *m = xcalloc(1, sizeof(*m));

	m->key = xstrdup(key);
	list_push(&c->inherited, &m->link);
	return m;
}

void consul_inherit(struct consul *c, const struct consul *from)
{
	if (!consul_same_agent(&c->settings, &from->settings))
		return;
	list_each(at, &from->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);
		struct consul_memory *m = consul_memory_new(c, s->key);

		watch_restore(&m->watch, &s->watch);
		m->confirmed_ms = s->record->confirmed_ms;
	}
}

static void consul_memory_free(struct consul_memory *m)
{
	list_remove(&m->link);
	watch_fini(&m->watch);
	free(m->key);
	free(m);
}

void consul_remember(struct consul_service *s)
{
	list_each(at, &s->consul->inherited)
	{
		struct consul_memory *m = container_of(at, struct consul_memory, link);

		if (strcmp(m->key, s->key) != 0)
			continue;
		watch_restore(&s->watch, &m->watch);
		s->record->confirmed_ms = m->confirmed_ms;
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
