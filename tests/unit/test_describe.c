/* SPDX-License-Identifier: Apache-2.0 */
/* cli/describe.c: everything that a plugin's file says of itself. */
#include "cli/describe.h"

#include "cli.h"
#include "plugin/image.h"

static const struct gh_host host = { .size = sizeof(host) };

static json_t *describe(const char *name)
{
	struct error e = { "" };
	struct plugin_image *image = plugin_image_load(scratch_plugins_built(), name, &host, &e);

	ck_assert_msg(image != NULL, "%s", e.text);
	json_t *out = describe_plugin(image);
	ck_assert_ptr_nonnull(out);
	ck_assert_str_eq(json_text(out, "name"), image->name);
	ck_assert_str_eq(json_text(out, "file"), image->path);
	ck_assert_str_eq(json_text(out, "hash"), image->hash);
	plugin_image_free(image);
	return out;
}

/* The texts of an array, joined by spaces. */
static const char *joined(const json_t *texts)
{
	static char out[512];
	size_t n = 0, i;
	json_t *text;

	out[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)texts, i, text) n += (size_t)snprintf(
		out + n, sizeof(out) - n, "%s%s", i ? " " : "", json_string_value(text));
	return out;
}

START_TEST(test_all_of_it)
{
	json_t *plugin = describe("lab_options");
	json_t *routes = json_pack("[{s:s, s:s, s:s}, {s:s, s:s}]", "path", "/options", "methods",
				   "GET|POST", "config", "{\"flag\": true}", "path", "/more",
				   "methods", "");

	ck_assert_str_eq(json_text(plugin, "version"), "1.0");
	ck_assert_str_eq(json_text(plugin, "summary"), "Has every kind of option.");
	ck_assert_str_eq(json_text(plugin, "abi"), "1.0");
	ck_assert_str_eq(joined(json_object_get(plugin, "hooks")), "route_open on_request");
	ck_assert(json_equal(json_object_get(plugin, "default_routes"), routes));
	const json_t *row = json_array_get(json_object_get(plugin, "options"), 0);
	ck_assert_str_eq(json_text(row, "name"), "text");
	ck_assert_str_eq(json_text(row, "default"), "a text");
	const json_t *schema = json_object_get(plugin, "schema");
	ck_assert_ptr_nonnull(json_object_get(json_object_get(schema, "properties"), "choice"));
	json_decref(routes);
	json_decref(plugin);
}
END_TEST

/* Members that it leaves out are there, and empty. */
START_TEST(test_nothing_of_it)
{
	json_t *plugin = describe("newer_unused");

	ck_assert_str_eq(json_text(plugin, "abi"), "1.1");
	ck_assert(json_is_string(json_object_get(plugin, "summary")));
	ck_assert_uint_eq(json_array_size(json_object_get(plugin, "options")), 0);
	ck_assert(json_is_array(json_object_get(plugin, "default_routes")));
	ck_assert_uint_eq(json_array_size(json_object_get(plugin, "default_routes")), 0);
	ck_assert(json_is_object(json_object_get(plugin, "schema")));
	json_decref(plugin);
}
END_TEST

/* By name, in the order in which they are called. */
START_TEST(test_hooks)
{
	json_t *plugin = describe("lab_trace");

	ck_assert_str_eq(joined(json_object_get(plugin, "hooks")),
			 "load unload route_open route_close on_request on_request_body "
			 "on_upstream on_response on_response_body on_end");
	json_decref(plugin);
	plugin = describe("check_crash");
	ck_assert_str_eq(joined(json_object_get(plugin, "hooks")), "route_open");
	json_decref(plugin);
}
END_TEST

int main(void)
{
	return SUITE("describe", test_all_of_it, test_nothing_of_it, test_hooks);
}
