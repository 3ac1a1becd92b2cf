/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway_show.c: a configuration as it is meant. */
#include "config/gateway_show.h"

#include <stdarg.h>

#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], "plugin_dir": "p", MEMBERS}. */
static struct gateway_config *load(const char *members)
{
	char text[2048];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(text, sizeof(text),
			       "{\"listen\": [\":1\"], \"plugin_dir\": \"p\",\n%s}", members);
	struct gateway_config *c = gateway_config_load("/dir/gateway.json", &s, &errors);
	if (!c)
		ck_errors(&errors, "");
	return c;
}

/* The value at that path of keys, which ends with NULL, as text: free() it. */
static char *at(const json_t *root, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, root);
	while ((key = va_arg(ap, const char *)))
		root = json_object_get(root, key);
	va_end(ap);
	return json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
}

#define ck_at(expected, ...)                                                                       \
	do {                                                                                       \
		char *text_ = at(__VA_ARGS__, (char *)NULL);                                       \
		ck_assert_ptr_nonnull(text_);                                                      \
		ck_assert_str_eq(text_, (expected));                                               \
		free(text_);                                                                       \
	} while (0)

START_TEST(test_resolved)
{
	struct gateway_config *c = load("\"workers\": 3, \"access_log\": \"log\",\n"
					"\"admin\": \"[::1]:2\", \"$schema\": \"x\"");
	json_t *root = gateway_show(c);

	ck_at("[\"0.0.0.0:1\"]", root, "listen");
	ck_at("\"[::1]:2\"", root, "admin");
	ck_at("3", root, "workers");
	ck_at("\"/dir/p\"", root, "plugin_dir");
	ck_at("\"/dir/log\"", root, "access_log");
	ck_at("\"off\"", root, "discovery", "snapshot");
	ck_at("\"30s\"", root, "defaults", "timeout", "drain");
	ck_assert(!json_object_get(root, "routes") && !json_object_get(root, "$schema"));
	json_decref(root);
	gateway_config_free(c);
}
END_TEST

/* How many workers "auto" is depends on the machine: the number counts. */
START_TEST(test_auto)
{
	struct gateway_config *c = load("\"admin\": \"off\"");
	json_t *root = gateway_show(c);

	ck_at("\"off\"", root, "admin");
	ck_assert_int_eq(json_integer_value(json_object_get(root, "workers")), c->workers);
	json_decref(root);
	gateway_config_free(c);
}
END_TEST

START_TEST(test_inherited)
{
	struct gateway_config *c = load(
		"\"defaults\": {\"timeout\": {\"connect\": \"7s\"}, \"check\": {\"type\": "
		"\"tcp\"}},\n"
		"\"discovery\": {\"consul\": {\"datacenter\": \"d\"}},\n"
		"\"services\": {\"a\": {}, \"b\": {\"timeout\": {\"connect\": \"1s\"}, "
		"\"check\": {}, \"datacenter\": \"e\", \"failover\": [\"a\"], "
		"\"consul_name\": \"c\"}}");
	json_t *root = gateway_show(c);

	ck_at("{\"$inherits\":\"7s\"}", root, "services", "a", "timeout", "connect");
	ck_at("{\"$inherits\":\"15s\"}", root, "services", "b", "timeout", "response");
	ck_at("\"1s\"", root, "services", "b", "timeout", "connect");
	ck_at("\"tcp\"", root, "services", "a", "check", "$inherits", "type");
	ck_at("\"off\"", root, "services", "b", "check", "type");
	ck_at("{\"$inherits\":\"d\"}", root, "services", "a", "datacenter");
	ck_at("\"e\"", root, "services", "b", "datacenter");
	ck_at("{\"$inherits\":\"stale\"}", root, "services", "a", "consistency");
	ck_at("\"a\"", root, "services", "a", "consul_name");
	ck_at("\"panic\"", root, "services", "a", "on_all_critical");
	ck_at("\"fail\"", root, "services", "b", "on_all_critical");
	json_decref(root);
	gateway_config_free(c);
}
END_TEST

START_TEST(test_route)
{
	struct gateway_config *c = load(
		"\"limits\": {\"body\": \"1MiB\"},\n"
		"\"routes\": [{\"path\": \"/a\", \"plugin\": \"x\"}, {\"path\": \"/b\",\n"
		"\"plugin\": \"y\", \"config\": {\"k\": 1}, \"methods\": \"GET\",\n"
		"\"host\": \"H.test\", \"headers\": {\"X-V\": \"2\", \"Y\": \"*\"},\n"
		"\"filters\": [\"f\"], \"limits\": {\"body\": \"unlimited\"},\n"
		"\"timeout\": {\"request\": \"1500ms\"}}]");
	json_t *first = gateway_show_route(c, 0), *second = gateway_show_route(c, 1);

	ck_at("{\"plugin\":\"x\",\"config\":{},\"path\":\"/a\",\"host\":null,\"methods\":[],"
	      "\"headers\":{},\"filters\":[],\"limits\":{\"body\":{\"$inherits\":\"1MiB\"}},"
	      "\"timeout\":{\"response\":{\"$inherits\":\"15s\"},"
	      "\"request\":{\"$inherits\":\"0s\"}}}",
	      first);
	ck_at("{\"plugin\":\"y\",\"config\":{\"k\":1},\"path\":\"/b\",\"host\":\"h.test\","
	      "\"methods\":[\"GET\"],\"headers\":{\"x-v\":\"2\",\"y\":\"*\"},"
	      "\"filters\":[{\"plugin\":\"f\",\"config\":{}}],"
	      "\"limits\":{\"body\":\"unlimited\"},"
	      "\"timeout\":{\"response\":{\"$inherits\":\"15s\"},\"request\":\"1500ms\"}}",
	      second);
	json_decref(first);
	json_decref(second);
	gateway_config_free(c);
}
END_TEST

int main(void)
{
	return SUITE("gateway_show", test_resolved, test_auto, test_inherited, test_route);
}
