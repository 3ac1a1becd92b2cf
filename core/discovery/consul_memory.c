/* SPDX-License-Identifier: Apache-2.0 */
/* What another discovery knew of its services, until they are needed here too. */
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

void consul_inherit(struct consul *c, const struct consul *from)
{
	if (!consul_same_agent(&c->settings, &from->settings))
		return;
	list_each(at, &from->services)
	{
		const struct consul_service *s = container_of(at, struct consul_service, link);
		struct memory *m = memory_new(&c->inherited, s->key);

		watch_restore(&m->watch, &s->watch);
		m->confirmed_ms = s->record->confirmed_ms;
	}
}

void consul_remember(struct consul_service *s)
{
	s->restored = memory_take(&s->consul->inherited, s->key, &s->watch,
				  &s->record->confirmed_ms);
}
