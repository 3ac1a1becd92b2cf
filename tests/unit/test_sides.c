/* SPDX-License-Identifier: Apache-2.0 */
/* cli/sides.c: two configurations with their plugins in one process, and what they differ in. */
#include "cli/sides.h"

#include "cli.h"
#include "config/gateway.h"
#include "config_text.h"
#include "route/table.h"

static struct side sides[2];
static struct slab_running running;
static struct config_errors errors;

/* What the child process leaves to its end. */
static void close_side(struct side *s)
{
	plugin_set_close(&s->proxy.plugins);
	if (s->table)
		route_table_free(s->table);
	gateway_config_free(s->config);
	memset(s, 0, sizeof(*s));
}

/* Opens a side: the routes, and what is handed to it or NULL. */
static int open_side(struct side *s, const char *routes, json_t *handed)
{
	char text[PATH_MAX + 1024];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [%s]}",
		 scratch_plugins_built(), routes);
	json_t *input = json_pack("{s:s}", "text", text);
	if (handed)
		json_object_set_new(input, "handed", handed);
	int rc = side_open(s, "f", input, -1, &running, &errors);
	json_decref(input);
	return rc;
}

/* The changes from one set of routes to another, a line each. */
static const char *changes(const char *old, const char *new)
{
	static char out[4096];
	json_t *list, *item;
	size_t n = 0, i;

	out[0] = '\0';
	ck_assert_int_eq(open_side(&sides[0], old, NULL), 0);
	ck_assert_int_eq(open_side(&sides[1], new, NULL), 0);
	list = sides_diff(&sides[0], &sides[1]);
	json_array_foreach(list, i, item) n += (size_t)snprintf(
		out + n, sizeof(out) - n, "%s %s %s\n", json_text(item, "change"),
		json_text(item, "pointer"), json_text(item, "route"));
	json_decref(list);
	close_side(&sides[0]);
	close_side(&sides[1]);
	return out;
}

#define A "{\"path\": \"/a\", \"plugin\": \"lab_info\"}"

START_TEST(test_same)
{
	ck_assert_str_eq(changes(A, A), "");
	/* A default is as good as written. */
	ck_assert_str_eq(changes(A, "{\"path\": \"/a\", \"plugin\": \"lab_info\","
				    " \"config\": {\"rewrite\": \"\"}}"),
			 "");
}
END_TEST

START_TEST(test_options)
{
	ck_assert_str_eq(changes("{\"path\": \"/a\", \"plugin\": \"lab_info\","
				 " \"filters\": [{\"plugin\": \"lab_options\"}]}",
				 "{\"path\": \"/a\", \"plugin\": \"lab_info\","
				 " \"config\": {\"rewrite\": \"/x\"}, \"filters\":"
				 " [{\"plugin\": \"lab_options\", \"config\": {\"number\": 4}}]}"),
			 "changed /routes/0/config/rewrite /a\n"
			 "changed /routes/0/filters/0/config/number /a\n");
}
END_TEST

/* Its plugin is new too. */
START_TEST(test_routes)
{
	ck_assert_str_eq(changes(A, A ", {\"path\": \"/b\", \"plugin\": \"lab_body\","
				      " \"methods\": [\"GET\", \"PUT\"], \"host\": \"h.example\","
				      " \"headers\": {\"X-V\": \"2\", \"X-W\": \"*\"}}"),
			 "added /plugins/lab_body \n"
			 "added /routes/1 GET,PUT h.example/b x-v=2 x-w=*\n");
}
END_TEST

START_TEST(test_handed)
{
	json_t *handed = json_pack("{s:[], s:[{s:s, s:i, s:s}]}", "plugins", "routes", "plugin",
				   "lab_info", "index", 0, "path", "/handed");

	ck_assert_int_eq(open_side(&sides[0], A, NULL), 0);
	ck_assert_int_eq(open_side(&sides[1], A, handed), 0);
	json_t *list = sides_diff(&sides[0], &sides[1]);
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_text(json_array_get(list, 0), "pointer"), "/autoload/lab_info/0");
	ck_assert_str_eq(json_text(json_array_get(list, 0), "route"), "/handed");
	json_decref(list);
	close_side(&sides[0]);
	close_side(&sides[1]);
}
END_TEST

START_TEST(test_errors)
{
	ck_assert_int_eq(open_side(&sides[0], "{\"path\": \"/{\", \"plugin\": \"lab_info\"}", NULL),
			 -1);
	ck_assert_uint_eq(errors.count, 1);
	/* What is wrong with one side says nothing of the other. */
	ck_assert_int_eq(open_side(&sides[1], A, NULL), 0);
	config_errors_fini(&errors);
	close_side(&sides[0]);
	ck_assert_int_eq(open_side(&sides[0], A "," A, NULL), -1);
	ck_assert_uint_eq(errors.count, 1);
	config_errors_fini(&errors);
	close_side(&sides[0]);
	close_side(&sides[1]);
	ck_assert_int_eq(open_side(&sides[0], "{\"path\": \"/\", \"plugin\": \"none\"}", NULL), -1);
	ck_assert_str_eq(errors.items[0].pointer, "/routes/0/plugin");
	config_errors_fini(&errors);
	close_side(&sides[0]);
	ck_assert_int_eq(side_open(&sides[0], "f", NULL, -1, &running, &errors), -1);
	ck_errors(&errors, "f:1:1: the file is empty; it must hold a JSON object\n");
}
END_TEST

int main(void)
{
	return SUITE("sides", test_same, test_options, test_routes, test_handed, test_errors);
}
