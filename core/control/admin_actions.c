/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin_actions.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/admin_pages.h"
#include "control/control.h"
#include "control/diff.h"
#include "control/release.h"
#include "control/reload.h"
#include "control/upgrade.h"

/* What stands in the path for the "*", and the request's body. */
struct action_input {
	struct str name, body;
};

static void action_on_outcome(void *arg, const struct reload_outcome *o)
{
	struct admin_pending *p = arg;

	p->ask = NULL;
	p->release = NULL;
	p->reply->status = o->done ? 200 : 409;
	admin_json(p->reply,
		   json_pack("{s:s, s:I, s:O, s:O}", "outcome", o->done ? "done" : "refused",
			     "generation", (json_int_t)o->generation, "errors", o->errors, "notes",
			     o->notes));
	p->done(p);
}

static bool action_reload(struct control *c, const struct action_input *in, struct admin_pending *p)
{
	(void)in;
	p->ask = reload_ask(c->reload, &(struct reload_request){ .who = "admin",
								 .on_outcome = action_on_outcome,
								 .arg = p });
	return false;
}

static int action_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The text with its percent-encodings decoded.  False: it is too long, has a NUL, or is no UTF-8,
 * and so no plugin's name. */
static bool action_decode(struct str in, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '%' && in.n - i > 2 && action_digit(in.p[i + 1]) >= 0 &&
		    action_digit(in.p[i + 2]) >= 0) {
			c = (char)(action_digit(in.p[i + 1]) * 16 + action_digit(in.p[i + 2]));
			i += 2;
		}
		if (!c || n + 1 == size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	json_t *utf8 = json_string(out);
	json_decref(utf8);
	return utf8 != NULL;
}

static bool action_release(struct control *c, const struct action_input *in,
			   struct admin_pending *p)
{
	char name[256], text[400];
	enum release_answer answer = RELEASE_UNKNOWN;

	if (action_decode(in->name, name, sizeof(name)))
		answer = release_start(c, name, action_on_outcome, p, &p->release);
	else
		snprintf(name, sizeof(name), "%s", "?");
	if (answer == RELEASE_STARTED)
		return false;
	if (answer == RELEASE_HELD_NOT) {
		snprintf(text, sizeof(text), "The plugin \"%s\" is not in quarantine.", name);
		admin_problem(p->reply, 409, "Conflict", text);
	} else {
		snprintf(text, sizeof(text),
			 "No plugin \"%s\" is loaded; /status lists those that are.", name);
		admin_problem(p->reply, 404, "Not Found", text);
	}
	return true;
}

static void action_on_compared(void *arg, const struct diff_outcome *o)
{
	struct admin_pending *p = arg;

	p->reply->status = o->changes ? 200 : 409;
	admin_json(p->reply, json_pack("{s:s, s:O*, s:O, s:O}", "outcome",
				       o->changes ? "compared" : "refused", "changes", o->changes,
				       "errors", o->errors, "notes", o->notes));
	p->done(p);
}

static bool action_diff(struct control *c, const struct action_input *in, struct admin_pending *p)
{
	if (!c->current) {
		admin_problem(p->reply, 503, "Service Unavailable", "Nothing serves yet.");
		return true;
	}
	diff_start(c, in->body.p ? in->body : STR(""), action_on_compared, p, &p->diff);
	return false;
}

static void action_on_upgraded(void *arg, const struct upgrade_outcome *o)
{
	struct admin_pending *p = arg;

	p->upgrade = NULL;
	p->reply->status = o->done ? 200 : 409;
	admin_json(p->reply, json_pack("{s:s, s:i, s:O}", "outcome", o->done ? "done" : "refused",
				       "pid", o->pid, "errors", o->errors));
	p->done(p);
}

/* The body is empty, or {"binary": PATH}. */
static bool action_upgrade(struct control *c, const struct action_input *in,
			   struct admin_pending *p)
{
	json_t *body = in->body.n ? json_loadb(in->body.p, in->body.n, 0, NULL) : json_object();
	const json_t *binary = json_object_get(body, "binary");
	struct error e = { "" };

	if (!json_is_object(body) || (binary && !json_is_string(binary)))
		error_set(&e, "the body is neither empty nor {\"binary\": PATH}");
	else
		p->upgrade = upgrade_start(
			c,
			&(struct upgrade_request){ .who = "admin",
						   .binary = json_string_value(binary),
						   .cb = action_on_upgraded,
						   .arg = p },
			&e);
	json_decref(body);
	if (p->upgrade)
		return false;
	p->reply->status = 409;
	admin_json(p->reply, json_pack("{s:s, s:i, s:[s]}", "outcome", "refused", "pid", 0,
				       "errors", e.text));
	return true;
}

static const struct {
	const char *path; /* up to the name, when there is one */
	const char *rest; /* behind it; NULL: no name */
	bool (*run)(struct control *, const struct action_input *, struct admin_pending *);
} admin_actions[] = {
	{ "/reload", NULL, action_reload },
	{ "/diff", NULL, action_diff },
	{ "/upgrade", NULL, action_upgrade },
	{ "/plugins/", "/release", action_release },
};

enum { ADMIN_ACTIONS = sizeof(admin_actions) / sizeof(admin_actions[0]) };

static bool action_is(size_t i, struct str path, struct str *name)
{
	struct str head = str_from(admin_actions[i].path), tail;

	*name = STR("");
	if (!admin_actions[i].rest)
		return str_eq(path, head);
	tail = str_from(admin_actions[i].rest);
	if (path.n <= head.n + tail.n || !str_starts(path, head) ||
	    memcmp(path.p + path.n - tail.n, tail.p, tail.n) != 0)
		return false;
	*name = (struct str){ path.p + head.n, path.n - head.n - tail.n };
	return !memchr(name->p, '/', name->n);
}

static size_t action_find(struct str path, struct str *name)
{
	size_t i = 0;

	while (i < ADMIN_ACTIONS && !action_is(i, path, name))
		i++;
	return i;
}

bool admin_action_exists(struct str path)
{
	struct str name;

	return action_find(path, &name) < ADMIN_ACTIONS;
}

bool admin_action(struct control *c, struct str path, struct str body, struct admin_pending *p)
{
	struct action_input in = { .body = body };
	size_t i = action_find(path, &in.name);

	must(i < ADMIN_ACTIONS);
	return admin_actions[i].run(c, &in, p);
}

void admin_action_forget(struct admin_pending *p)
{
	if (p->ask)
		reload_forget(p->ask);
	if (p->release)
		release_forget(p->release);
	diff_cancel(&p->diff);
	if (p->upgrade)
		upgrade_forget(p->upgrade);
	p->upgrade = NULL;
	p->ask = NULL;
	p->release = NULL;
}
