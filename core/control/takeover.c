/* SPDX-License-Identifier: Apache-2.0 */
#include "control/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "control/control.h"
#include "control/json_fd.h"

static void takeover_sockets(const json_t *state, struct passed_set *set)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(state, "sockets"), i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));

		passed_add(set, TAKEOVER_FD_SOCKETS + (int)i, name ? name : "",
			   json_string_value(json_object_get(item, "key")),
			   json_is_true(json_object_get(item, "ours")));
	}
}

static void takeover_quarantine(const json_t *state, struct quarantine *q)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(state, "quarantine"), i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *hash = json_string_value(json_object_get(item, "hash"));

		if (name && hash)
			quarantine_hold(q, name, hash, clock_wall_us());
	}
}

void takeover_read(struct takeover *t, struct control *c)
{
	bool asked = getenv("GATEHOUSE_UPGRADE") != NULL;

	*t = (struct takeover){ .on = false };
	unsetenv("GATEHOUSE_UPGRADE");
	if (!asked)
		return;
	t->state = json_fd_read(TAKEOVER_FD_STATE, SIZE_MAX);
	if (!json_is_object(t->state)) {
		log_warn("GATEHOUSE_UPGRADE is set, and no gateway hands anything over: ignored");
		json_decref(t->state);
		t->state = NULL;
		return;
	}
	t->on = true;
	t->errors = json_array();
	must(t->errors);
	close(TAKEOVER_FD_STATE);
	fcntl(TAKEOVER_FD_CHANNEL, F_SETFD, FD_CLOEXEC);
	takeover_sockets(t->state, &c->passed);
	takeover_quarantine(t->state, &c->quarantine);
	c->last_number = (uint64_t)json_integer_value(json_object_get(t->state, "generation"));
}

struct str takeover_text(const struct takeover *t)
{
	const json_t *text = json_object_get(t->state, "text");

	return (struct str){ json_string_value(text), json_string_length(text) };
}

const json_t *takeover_services(const struct takeover *t)
{
	const json_t *services = json_object_get(t->state, "discovery");

	return json_is_object(services) ? services : NULL;
}

const json_t *takeover_claims(const struct takeover *t)
{
	const json_t *claims = json_object_get(t->state, "claims");

	return json_is_object(claims) ? claims : NULL;
}

static void takeover_go(struct takeover *t)
{
	if (!t->on)
		return;
	t->on = false;
	t->on_go(t->arg);
}

/* Its end without a word: it died, and nobody else serves. */
static void takeover_on_message(struct channel *channel, const json_t *message, void *arg)
{
	const char *type = json_string_value(json_object_get(message, "type"));

	(void)channel;
	if (!message || (type && strcmp(type, "go") == 0))
		takeover_go(arg);
}

void takeover_wait(struct takeover *t, uv_loop_t *loop, void (*on_go)(void *arg), void *arg)
{
	if (!t->on)
		return;
	t->on_go = on_go;
	t->arg = arg;
	t->opened = true;
	if (channel_open(&t->channel, loop, TAKEOVER_FD_CHANNEL, takeover_on_message, t))
		log_error("the gateway before is not heard");
}

/* At once: what follows may be the end. */
static void takeover_send(json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);

	must(text);
	size_t n = strlen(text);
	text[n] = '\n';
	for (size_t done = 0; done < n + 1;) {
		ssize_t sent = send(TAKEOVER_FD_CHANNEL, text + done, n + 1 - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			break;
		done += sent > 0 ? (size_t)sent : 0;
	}
	free(text);
	json_decref(message);
}

void takeover_ready(struct takeover *t)
{
	if (t->on)
		takeover_send(json_pack("{s:s}", "type", "ready"));
}

void takeover_serving(struct takeover *t)
{
	if (t->opened)
		takeover_send(json_pack("{s:s}", "type", "serving"));
}

void takeover_note(struct takeover *t, const char *why)
{
	if (t->on)
		json_array_append_new(t->errors, json_string(why));
}

void takeover_close(struct takeover *t)
{
	if (t->on && json_array_size(t->errors))
		takeover_send(json_pack("{s:s, s:O}", "type", "failed", "errors", t->errors));
	t->on = false;
	if (t->opened)
		channel_close(&t->channel, NULL);
	t->opened = false;
	json_decref(t->errors);
	json_decref(t->state);
	t->errors = t->state = NULL;
}
