/* SPDX-License-Identifier: Apache-2.0 */
#include "control/upgrade_state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "config/gateway.h"
#include "control/admin.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/reload.h"
#include "discovery/discovery.h"

static void state_add(struct upgrade_state *s, json_t *list, int fd, const char *key,
		      const char *name)
{
	json_t *item = json_pack("{s:s?, s:s, s:b}", "key", key, "name", name, "ours", key != NULL);

	must(item);
	json_array_append_new(list, item);
	s->sockets = xrealloc(s->sockets, (s->socket_count + 1) * sizeof(*s->sockets));
	s->sockets[s->socket_count++] = fd;
}

/* Those of the service manager are in their own set. */
static void state_add_listeners(struct upgrade_state *s, json_t *list, const struct listen_set *set)
{
	for (size_t i = 0; set && i < set->count; i++) {
		const struct listener *l = set->items[i];

		for (uint32_t k = 0; !l->foreign && k < l->count; k++)
			state_add(s, list, l->fds[k], l->key, "");
	}
}

static json_t *state_sockets(const struct control *c, struct upgrade_state *s)
{
	json_t *list = json_array();

	must(list);
	for (size_t i = 0; i < c->passed.count; i++)
		state_add(s, list, c->passed.items[i].fd, NULL, c->passed.items[i].name);
	state_add_listeners(s, list, &c->listen_set);
	state_add_listeners(s, list, admin_listeners(c->admin));
	return list;
}

static int state_write(int fd, const char *text)
{
	size_t n = strlen(text);

	for (size_t done = 0; fd >= 0 && done < n;) {
		ssize_t put = write(fd, text + done, n - done);

		if (put <= 0)
			return -1;
		done += (size_t)put;
	}
	return fd < 0 ? -1 : 0;
}

int upgrade_state_make(const struct control *c, struct upgrade_state *s)
{
	*s = (struct upgrade_state){ .fd = -1 };
	json_t *services = discovery_save(c->current->discovery);
	struct str text = reload_text(c->reload);
	json_t *json = json_pack("{s:o, s:I, s:o?, s:o?, s:o?, s:o}", "sockets",
				 state_sockets(c, s), "generation", (json_int_t)c->last_number,
				 "discovery", services, "claims",
				 c->claims ? claims_save(c->claims) : NULL, "text",
				 text.p ? json_stringn(text.p, text.n) : NULL, "quarantine",
				 quarantine_list(&c->quarantine));
	must(json);
	char *dump = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	must(dump);
	s->fd = memfd_create("gatehouse-upgrade", MFD_CLOEXEC);
	int rc = state_write(s->fd, dump);
	free(dump);
	return rc;
}

void upgrade_state_fini(struct upgrade_state *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->sockets);
	*s = (struct upgrade_state){ .fd = -1 };
}

void upgrade_words(const struct control *c, const char *words[UPGRADE_WORDS_MAX])
{
	const struct control_options *o = &c->options;
	const struct {
		const char *flag, *value;
	} flags[] = {
		{ "-c", o->file },
		{ "--consul-kv", o->consul_key },
		{ "--user", o->user },
		{ "--pid-file", o->pid_file },
		{ "--log-level",
		  o->log_level < 0 ? NULL : log_level_name((enum log_level)o->log_level) },
		{ "--log-format", o->log_format < 0                ? NULL :
				  o->log_format == CONFIG_LOG_JSON ? "json" :
								     "text" },
	};
	size_t n = 0;

	words[n++] = "gatehouse";
	words[n++] = "run";
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!flags[i].value)
			continue;
		words[n++] = flags[i].flag;
		words[n++] = flags[i].value;
	}
	words[n] = NULL;
}
