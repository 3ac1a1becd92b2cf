/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/health.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/gateway.h"
#include "config/hostname.h"

enum { HEALTH_ID_SIZE = 512, HEALTH_CHECKS_MAX = 1000, HEALTH_CHECKS_SHOWN = 16 };

/* One element of the answer while it is read. */
struct health_entry {
	const json_t *node, *service, *checks;
	char id[HEALTH_ID_SIZE];
	char host[HOSTNAME_SIZE];
	bool named;
	uint16_t port;
	uint32_t weight;
	enum instance_status status;
	char why[INSTANCE_WHY_SIZE];
};

static const char *health_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* An ID is unique only per agent, so the node is part of the identity. */
static const char *health_read_id(struct health_entry *e, const json_t *json)
{
	const char *node, *id;

	e->node = json_object_get(json, "Node");
	e->service = json_object_get(json, "Service");
	e->checks = json_object_get(json, "Checks");
	node = health_string(e->node, "Node");
	id = health_string(e->service, "ID");
	instance_text(e->id, sizeof(e->id), "%s/%s", node, id);
	if (!json_is_object(e->node) || !json_is_object(e->service))
		return "it has no node or no service";
	if (!node[0] || !id[0])
		return "it has no name";
	if (strlen(node) + 1 + strlen(id) >= sizeof(e->id))
		return "its name is too long";
	return NULL;
}

static const char *health_read_host(struct health_entry *e)
{
	const char *text = health_string(e->service, "Address");

	if (!text[0])
		text = health_string(e->node, "Address");
	return hostname_parse(str_from(text), e->host, &e->named);
}

static const char *health_read_port(struct health_entry *e, const struct health_rules *rules)
{
	const json_t *json = json_object_get(e->service, "Port");
	json_int_t port = json_integer_value(json);

	if (json && !json_is_null(json) && !json_is_integer(json))
		return "the port is not a number";
	if (port < 0 || port > UINT16_MAX)
		return "the port is out of range";
	e->port = port ? (uint16_t)port : rules->default_port;
	return e->port ? NULL : "it has no port, and the service no default_port";
}

static bool health_has_tag(const struct health_entry *e, const char *tag)
{
	const json_t *tags = json_object_get(e->service, "Tags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *text = json_string_value(json_array_get(tags, i));

		if (text && strcmp(text, tag) == 0)
			return true;
	}
	return false;
}

/* Whether it is one of those that are meant. */
static bool health_matches(const struct health_entry *e, const struct health_rules *rules)
{
	const json_t *meta = json_object_get(e->service, "Meta");

	for (size_t i = 0; i < rules->tags.n; i++)
		if (!health_has_tag(e, rules->tags.items[i]))
			return false;
	for (size_t i = 0; i < rules->meta_count; i++) {
		const char *has = json_string_value(json_object_get(meta, rules->meta[i].name));
		const char *wanted = rules->meta[i].value;

		if (!has || (wanted && strcmp(has, wanted) != 0))
			return false;
	}
	return true;
}

static enum instance_status health_check_status(const json_t *check)
{
	const char *status = health_string(check, "Status");
	const char *id = health_string(check, "CheckID");

	if (strcmp(id, "_node_maintenance") == 0 || strncmp(id, "_service_maintenance", 20) == 0 ||
	    strcmp(status, "maintenance") == 0)
		return INSTANCE_MAINTENANCE;
	if (strcmp(status, "passing") == 0)
		return INSTANCE_PASSING;
	return strcmp(status, "warning") == 0 ? INSTANCE_WARNING : INSTANCE_CRITICAL;
}

static const char *health_word(enum instance_status status)
{
	static const char *const words[] = { "passing", "warning", "critical", "maintenance" };

	return words[status];
}

/* "critical: check TTL: expired": the first line of the output, if there is one. */
static void health_explain(struct health_entry *e, const json_t *worst)
{
	const char *name = health_string(worst, "Name");
	const char *output = health_string(worst, "Output");
	int line;

	if (e->status == INSTANCE_PASSING) {
		instance_text(e->why, sizeof(e->why), "passing");
		return;
	}
	if (e->status == INSTANCE_MAINTENANCE)
		output = health_string(worst, "Notes");
	if (!name[0])
		name = health_string(worst, "CheckID");
	line = (int)strcspn(output, "\r\n");
	instance_text(e->why, sizeof(e->why), "%s: %s%s%.*s", health_word(e->status), name,
		      line ? ": " : "", line, output);
}

/* The worst of all checks counts. */
static const char *health_read_status(struct health_entry *e)
{
	const json_t *worst = NULL;
	size_t n = json_array_size(e->checks);

	e->status = INSTANCE_PASSING;
	if (e->checks && !json_is_null(e->checks) && !json_is_array(e->checks))
		return "its checks are no list";
	if (n > HEALTH_CHECKS_MAX)
		return "it has too many checks";
	for (size_t i = 0; i < n; i++) {
		const json_t *check = json_array_get(e->checks, i);
		enum instance_status status = health_check_status(check);

		if (!worst || status > e->status)
			worst = check;
		if (status > e->status)
			e->status = status;
	}
	health_explain(e, worst);
	return NULL;
}

/* Without a passing check of that name or ID it is critical. */
static void health_require(struct health_entry *e, const char *wanted)
{
	const json_t *failed = NULL;

	if (e->status >= INSTANCE_CRITICAL)
		return;
	for (size_t i = 0; i < json_array_size(e->checks); i++) {
		const json_t *check = json_array_get(e->checks, i);

		if (strcmp(health_string(check, "Name"), wanted) != 0 &&
		    strcmp(health_string(check, "CheckID"), wanted) != 0)
			continue;
		if (health_check_status(check) == INSTANCE_PASSING)
			return;
		failed = check;
	}
	e->status = INSTANCE_CRITICAL;
	instance_text(e->why, sizeof(e->why), "critical: the required check %s is %s", wanted,
		      failed ? health_string(failed, "Status") : "missing");
}

static void health_read_weight(struct health_entry *e)
{
	const json_t *weights = json_object_get(e->service, "Weights");
	const json_t *json = json_object_get(weights,
					     e->status == INSTANCE_WARNING ? "Warning" : "Passing");
	json_int_t weight = json_is_integer(json) ? json_integer_value(json) : 1;

	if (weight < 0)
		weight = 0;
	e->weight = weight > HEALTH_WEIGHT_MAX ? HEALTH_WEIGHT_MAX : (uint32_t)weight;
}

/* NULL, or why it must be left out. */
static const char *health_read(struct health_entry *e, const struct health_rules *rules)
{
	const char *wrong = health_read_host(e);

	if (!wrong)
		wrong = health_read_port(e, rules);
	if (!wrong)
		wrong = health_read_status(e);
	if (wrong)
		return wrong;
	for (size_t i = 0; i < rules->require_checks.n; i++)
		health_require(e, rules->require_checks.items[i]);
	health_read_weight(e);
	return NULL;
}

/* Each check with what it said last, for people: bounded in number and length. */
static char *health_checks(const struct health_entry *e)
{
	json_t *list = json_array();
	char line[INSTANCE_WHY_SIZE];

	for (size_t i = 0; i < json_array_size(e->checks) && i < HEALTH_CHECKS_SHOWN; i++) {
		const json_t *check = json_array_get(e->checks, i);
		const char *output = health_string(check, "Output");
		char id[INSTANCE_WHY_SIZE], name[INSTANCE_WHY_SIZE];

		instance_text(id, sizeof(id), "%s", health_string(check, "CheckID"));
		instance_text(name, sizeof(name), "%s", health_string(check, "Name"));
		instance_text(line, sizeof(line), "%.*s", (int)strcspn(output, "\r\n"), output);
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "id", id, "name", name, "status",
					health_word(health_check_status(check)), "output", line));
	}
	char *text = json_array_size(list) > 0 ? json_dumps(list, JSON_COMPACT) : NULL;
	json_decref(list);
	return text;
}

static void health_keep(struct instance_set *out, const struct health_entry *e)
{
	struct instance *item = instance_set_add(out, e->id, e->host);

	item->named = e->named;
	item->port = e->port;
	item->weight = e->weight;
	item->status = e->status;
	instance_text(item->zone, sizeof(item->zone), "%s",
		      health_string(json_object_get(e->service, "Meta"), "zone"));
	memcpy(item->why, e->why, sizeof(item->why));
	item->checks = health_checks(e);
}

/* After sorting: the first of several with one identity stays. */
static void health_drop_doubles(struct instance_set *set, health_skip_cb skip, void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct instance *item = &set->items[i];

		if (kept > 0 && strcmp(item->id, set->items[kept - 1].id) == 0) {
			skip(arg, item->id, "another has the same node and ID");
			instance_fini(item);
		} else {
			set->items[kept++] = *item;
		}
	}
	set->count = kept;
}

int health_parse(struct str body, const struct health_rules *rules, struct instance_set *out,
		 health_skip_cb skip, void *arg, struct error *error)
{
	json_error_t where;
	json_t *root = json_loadb(body.p ? body.p : "", body.n, 0, &where);
	size_t n = json_array_size(root);

	*out = (struct instance_set){ 0 };
	if (!json_is_array(root) || n > HEALTH_INSTANCES_MAX) {
		if (!root)
			error_set(error, "not JSON: %s at byte %d", where.text, where.position);
		else if (!json_is_array(root))
			error_set(error, "not a list of instances");
		else
			error_set(error, "%zu instances, %d are read at most", n,
				  HEALTH_INSTANCES_MAX);
		json_decref(root);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		struct health_entry e = { 0 };
		const char *wrong = health_read_id(&e, json_array_get(root, i));

		if (!wrong && !health_matches(&e, rules))
			continue;
		if (!wrong)
			wrong = health_read(&e, rules);
		if (wrong)
			skip(arg, e.id, wrong);
		else
			health_keep(out, &e);
	}
	json_decref(root);
	instance_set_sort(out);
	health_drop_doubles(out, skip, arg);
	return 0;
}
