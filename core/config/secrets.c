/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secrets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/gateway.h"
#include "config/source.h"

enum { SECRETS_LEARNED_MAX = 16, SECRETS_NAME_MAX = 128, SECRETS_MEMBERS = 2 };

extern char **environ;

/* Members that hold credentials; each is a string in the object discovery.consul. */
static const char *const secrets_members[SECRETS_MEMBERS] = { "token", "http_auth" };

/* A configuration that names none of them takes them from here. */
static const char *const secrets_known[] = {
	"CONSUL_HTTP_TOKEN",
	"CONSUL_HTTP_TOKEN_FILE",
	"CONSUL_HTTP_AUTH",
};

enum { SECRETS_KNOWN = sizeof(secrets_known) / sizeof(secrets_known[0]) };

/* A process has one environment, and so one list of what is held back of it. */
static char secrets_learned[SECRETS_LEARNED_MAX][SECRETS_NAME_MAX];
static size_t secrets_learned_count;
static bool secrets_given[SECRETS_KNOWN]; /* the file names it for something else */

/* The value of each member as the text has it, quotes and all; absent where there is none. */
static void secrets_find(const struct gateway_config *c, struct str out[SECRETS_MEMBERS])
{
	const json_t *discovery = json_object_get(config_source_root(c->source), "discovery");
	const json_t *consul = json_object_get(discovery, "consul");
	char pointer[64];

	for (size_t i = 0; i < SECRETS_MEMBERS; i++) {
		out[i] = (struct str){ NULL, 0 };
		if (!json_is_string(json_object_get(consul, secrets_members[i])))
			continue;
		snprintf(pointer, sizeof(pointer), "/discovery/consul/%s", secrets_members[i]);
		out[i] = config_source_raw(c->source, pointer);
	}
}

char *secrets_hide(const struct gateway_config *c)
{
	struct str values[SECRETS_MEMBERS];
	char *out = str_dup(c->text), mark[20];

	secrets_find(c, values);
	for (size_t i = 0; i < SECRETS_MEMBERS; i++) {
		if (values[i].n <= 2)
			continue;
		char *to = out + (values[i].p - c->text.p);
		snprintf(mark, sizeof(mark), "%016" PRIx64, str_hash(values[i]));
		for (size_t k = 1; k < values[i].n - 1; k++)
			to[k] = mark[(k - 1) % 16];
	}
	return out;
}

/* Whether the text refers to that variable. */
static bool secrets_refers(const char *text, struct str name)
{
	char reference[SECRETS_NAME_MAX + 2];
	int n = snprintf(reference, sizeof(reference), "${%.*s", STR_ARGS(name));

	for (const char *p = text; (p = strstr(p, reference)) != NULL; p += n)
		if (p[n] == '}' || p[n] == ':')
			return true;
	return false;
}

static void secrets_note(struct str name)
{
	for (size_t i = 0; i < secrets_learned_count; i++)
		if (str_eq(str_from(secrets_learned[i]), name))
			return;
	if (secrets_learned_count < SECRETS_LEARNED_MAX)
		snprintf(secrets_learned[secrets_learned_count++], SECRETS_NAME_MAX, "%.*s",
			 STR_ARGS(name));
}

/* The names in "${NAME}" and "${NAME:-default}". */
static void secrets_read(struct str value, const char *rest)
{
	const char *end = value.p + value.n;

	for (const char *p = value.p; (p = memmem(p, (size_t)(end - p), "${", 2)) != NULL;) {
		p += 2;
		size_t n = 0;
		while (p + n < end && p[n] != '}' && p[n] != ':')
			n++;
		struct str name = { p, n };
		if (n && n < SECRETS_NAME_MAX && !secrets_refers(rest, name))
			secrets_note(name);
	}
}

void secrets_learn(const struct gateway_config *c)
{
	struct str values[SECRETS_MEMBERS];
	char *rest = secrets_hide(c);

	secrets_find(c, values);
	for (size_t i = 0; i < SECRETS_MEMBERS; i++)
		if (values[i].p)
			secrets_read(values[i], rest);
	/* Once given, always: a generation that serves may need it. */
	for (size_t i = 0; i < SECRETS_KNOWN; i++)
		if (secrets_refers(rest, str_from(secrets_known[i])))
			secrets_given[i] = true;
	free(rest);
}

bool secrets_holds(const char *variable)
{
	struct str name = { variable, strcspn(variable, "=") };

	for (size_t i = 0; i < SECRETS_KNOWN; i++)
		if (!secrets_given[i] && str_eq(name, str_from(secrets_known[i])))
			return true;
	for (size_t i = 0; i < secrets_learned_count; i++)
		if (str_eq(name, str_from(secrets_learned[i])))
			return true;
	return false;
}

char **secrets_environment(char *extra)
{
	size_t n = 0, out = 0, name = extra ? strcspn(extra, "=") + 1 : 0;

	while (environ[n])
		n++;
	char **env = xcalloc(n + 2, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (!secrets_holds(environ[i]) && (!name || strncmp(environ[i], extra, name) != 0))
			env[out++] = environ[i];
	env[out] = extra;
	return env;
}
