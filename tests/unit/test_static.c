/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/static.h"

#include <stdio.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "discovery/publish.h"
#include "discovery/resolve.h"
#include "suite.h"

static uv_loop_t loop;
static struct resolver resolver;
static struct registry registry;
static struct registry_service *service;
static struct publish p;
static struct gateway_config *config;

static void on_closed(void *arg)
{
	(void)arg;
}

/* Publishes the service "s" with these endpoints. */
static void begin(const char *endpoints)
{
	struct config_errors errors = { 0 };
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\"127.0.0.1:1\"], \"routes\": [], \"services\": {\"s\": "
		 "{\"endpoints\": [%s]}}}",
		 endpoints);
	struct str s = str_from(text);
	config = gateway_config_load("f", &s, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	resolver_init(&resolver, &loop);
	registry_init(&registry, NULL, NULL);
	service = registry_service(&registry, "s", "static");
	publish_init(&p, &registry, service, &resolver);
	static_publish(&p, gateway_config_service(config, "s"));
}

static void end(void)
{
	publish_fini(&p);
	resolver_close(&resolver, on_closed, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	registry_fini(&registry);
	gateway_config_free(config);
}

START_TEST(as_configured)
{
	begin("\"127.0.0.1:9000\", {\"address\": \"[::1]:9001\", \"weight\": 7}");
	ck_assert(service->answered);
	ck_assert_int_eq(service->state, REGISTRY_LIVE);
	ck_assert_uint_eq(service->endpoint_count, 2);
	const struct registry_endpoint *e = service->endpoints;
	ck_assert_str_eq(e[0].id, "static/0");
	ck_assert_str_eq(e[0].address, "127.0.0.1");
	ck_assert_uint_eq(e[0].port, 9000);
	ck_assert_uint_eq(e[0].weight, 1);
	ck_assert_str_eq(e[0].why, "static");
	ck_assert_str_eq(e[1].id, "static/1");
	ck_assert_str_eq(e[1].address, "::1");
	ck_assert_uint_eq(e[1].weight, 7);
	end();
}
END_TEST

START_TEST(a_name)
{
	begin("\"localhost:9000\"");
	ck_assert(!service->answered);
	while (!service->answered)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(service->state, REGISTRY_LIVE);
	ck_assert_uint_eq(service->endpoints[0].port, 9000);
	end();
}
END_TEST

/* One that cannot be an instance's address spoils none of the others. */
int main(void)
{
	return SUITE("static", as_configured, a_name);
}
