/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/registration.c: what asks for none, and an agent that is not there. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "discovery/registration.h"
#include "suite.h"

static uv_loop_t loop;
static struct error error;
static int gone;

/* Nobody listens on port 1. */
static struct gateway_config *load(const char *rest)
{
	struct config_errors errors = { 0 };
	struct gateway_config *config;
	char text[1024];
	struct str slice = { text, 0 };

	slice.n = (size_t)snprintf(text, sizeof(text),
				   "{\"listen\": [\"127.0.0.1:5000\"], \"routes\": [],"
				   "\"discovery\": {\"consul\": {\"address\": \"127.0.0.1:1\"%s}}}",
				   rest);
	config = gateway_config_load("gateway.json", &slice, &errors);
	if (!config)
		config_errors_print(&errors, "gateway.json", stderr);
	ck_assert_ptr_nonnull(config);
	return config;
}

START_TEST(nothing_to_register)
{
	struct gateway_config *config = load("");
	struct registration *none = NULL;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_ptr_null(registration_start(&loop, config, &error));
	ck_assert_str_eq(error.text, "");
	registration_close(&none);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	gateway_config_free(config);
}
END_TEST

static void on_gone(void *arg)
{
	struct registration **r = arg;

	gone++;
	registration_close(r);
}

START_TEST(nobody_there)
{
	struct gateway_config *one = load(", \"register\": {\"name\": \"gw\"}");
	struct gateway_config *two = load(", \"register\": {\"name\": \"gw\", \"id\": \"x\"}");
	struct registration *a, *b, *c;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	a = registration_start(&loop, one, &error);
	b = registration_start(&loop, one, &error);
	c = registration_start(&loop, two, &error);
	ck_assert(a && b && c);
	/* It needs the configuration no more. */
	gateway_config_free(one);
	gateway_config_free(two);
	ck_assert(registration_same(a, b));
	ck_assert(!registration_same(a, c));
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	registration_close(&b);
	ck_assert_ptr_null(b);
	registration_close(&c);
	registration_leave(a, on_gone, &a);
	ck_assert_int_eq(gone, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(gone, 1);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

int main(void)
{
	return SUITE("registration", nothing_to_register, nobody_there);
}
