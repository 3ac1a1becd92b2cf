/* SPDX-License-Identifier: Apache-2.0 */
#include "config/handed.h"

#include "config/errors.h"
#include "config/gateway.h"
#include "suite.h"

static const char text[] =
	"{\"listen\": \":1\", \"routes\": [{\"path\": \"/a\", \"plugin\": \"p\"}]}";

static struct gateway_config *config;
static struct config_errors errors;

static void setup(void)
{
	config = gateway_config_load("gateway.json", &(struct str){ text, sizeof(text) - 1 },
				     &errors);
	ck_assert_ptr_nonnull(config);
}

static void teardown(void)
{
	gateway_config_free(config);
	config_errors_fini(&errors);
}

static int apply(const char *handed, int first_fd)
{
	return handed_apply_text(config, str_from(handed), first_fd, &errors);
}

START_TEST(test_nothing)
{
	setup();
	ck_assert_int_eq(apply("", 7), 0);
	ck_assert_uint_eq(config->plugin_count, 0);
	ck_assert_uint_eq(config->route_count, 1);
	teardown();
}
END_TEST

START_TEST(test_plugins)
{
	setup();
	ck_assert_int_eq(
		apply("{\"plugins\": [{\"name\": \"p\", \"path\": \"/x/p.so\", \"hash\": \"1\"},"
		      "{\"name\": \"q\", \"path\": \"/x/q.so\", \"hash\": \"2\"}]}",
		      7),
		0);
	ck_assert_uint_eq(config->plugin_count, 2);
	ck_assert_str_eq(config->plugins[1].name, "q");
	ck_assert_int_eq(config->plugins[1].fd, 8);
	teardown();
}
END_TEST

START_TEST(test_routes)
{
	setup();
	ck_assert_int_eq(apply("{\"routes\": [{\"plugin\": \"q\", \"index\": 3, \"path\": \"/b\","
			       "\"methods\": \"GET, POST\", \"config\": \"{\\\"x\\\": 1}\"}]}",
			       -1),
			 0);
	ck_assert_uint_eq(config->route_count, 2);
	const struct config_route *r = &config->routes[1];
	ck_assert(r->is_default);
	ck_assert(!config->routes[0].is_default);
	ck_assert_str_eq(r->path, "/b");
	ck_assert_str_eq(r->pointer, "/autoload/q/3");
	ck_assert_uint_eq(r->methods.n, 2);
	ck_assert_str_eq(r->methods.items[1], "POST");
	ck_assert_str_eq(r->handler.config, "{\"x\": 1}");
	ck_assert(r->body_limit == UINT64_MAX);
	teardown();
}
END_TEST

START_TEST(test_wrong_route)
{
	setup();
	ck_assert_int_eq(apply("{\"routes\": [{\"plugin\": \"q\", \"index\": 0, \"path\": \"/b\","
			       "\"methods\": \"get\"}]}",
			       -1),
			 -1);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_str_eq(errors.items[0].pointer, "/autoload/q/0/methods/0");
	teardown();
}
END_TEST

int main(void)
{
	return SUITE("handed", test_nothing, test_plugins, test_routes, test_wrong_route);
}
