/* SPDX-License-Identifier: Apache-2.0 */
/* config/secrets.c: credentials stay where they are, and everything else is handed on. */
#include "config/secrets.h"

#include <stdio.h>
#include <string.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "suite.h"

static struct gateway_config *load(const char *consul, const char *routes)
{
	struct config_errors errors = { 0 };
	char text[1024];

	snprintf(text, sizeof(text),
		 "\xef\xbb\xbf{\"listen\": [\"127.0.0.1:5000\"], \"discovery\": {\"consul\": {%s}},"
		 " \"routes\": [%s]}",
		 consul, routes);
	struct str in = str_from(text);
	struct gateway_config *c = gateway_config_load("gateway.json", &in, &errors);
	if (!c)
		config_errors_print(&errors, "gateway.json", stderr);
	config_errors_fini(&errors);
	ck_assert_ptr_nonnull(c);
	return c;
}

START_TEST(values_are_others_and_nothing_moves)
{
	struct gateway_config *c = load("\"token\": \"s3cr3t-of-mine\", \"http_auth\": \"u:pw\","
					" \"datacenter\": \"token\"",
					"{\"path\": \"/token\", \"plugin\": \"s3cr3t\"}");
	char *hidden = secrets_hide(c), *again = secrets_hide(c);

	ck_assert_uint_eq(strlen(hidden), c->text.n);
	ck_assert_ptr_null(strstr(hidden, "s3cr3t-of-mine"));
	ck_assert_ptr_null(strstr(hidden, "u:pw"));
	ck_assert_ptr_nonnull(strstr(hidden, "\"datacenter\": \"token\""));
	ck_assert_ptr_nonnull(strstr(hidden, "\"plugin\": \"s3cr3t\""));
	/* Every place is the same, and so is the text for the same credentials. */
	for (size_t i = 0; i < c->text.n; i++)
		ck_holds((hidden[i] == '"') == (c->text.p[i] == '"'));
	ck_assert_str_eq(hidden, again);
	free(again);
	/* Workers load it as well. */
	struct config_errors errors = { 0 };
	struct str in = str_from(hidden);
	struct gateway_config *worker = gateway_config_load("gateway.json", &in, &errors);
	ck_assert_ptr_nonnull(worker);
	ck_assert_str_ne(worker->consul.token, "s3cr3t-of-mine");
	gateway_config_free(worker);
	gateway_config_free(c);
	/* Another secret of the same length is another text. */
	c = load("\"token\": \"s3cr3t-of-thee\", \"http_auth\": \"u:pw\","
		 " \"datacenter\": \"token\"",
		 "{\"path\": \"/token\", \"plugin\": \"s3cr3t\"}");
	again = secrets_hide(c);
	ck_assert_uint_eq(strlen(again), strlen(hidden));
	ck_assert_str_ne(hidden, again);
	gateway_config_free(c);
	free(hidden);
	free(again);
}
END_TEST

START_TEST(a_text_without_any)
{
	struct gateway_config *c = load("\"token\": \"\"", "");
	char *hidden = secrets_hide(c);

	ck_assert(str_eq(str_from(hidden), c->text));
	free(hidden);
	gateway_config_free(c);
}
END_TEST

static bool handed(char **env, const char *variable)
{
	for (; *env; env++)
		if (strcmp(*env, variable) == 0)
			return true;
	return false;
}

START_TEST(variables_that_hold_credentials)
{
	setenv("CONSUL_HTTP_TOKEN", "t", 1);
	setenv("CONSUL_HTTP_AUTH", "u:p", 1);
	setenv("CONSUL_HTTP_ADDR", "127.0.0.1:8500", 1);
	setenv("MY_TOKEN", "m", 1);
	setenv("SHARED", "s", 1);
	ck_assert(secrets_holds("CONSUL_HTTP_TOKEN=t") && secrets_holds("CONSUL_HTTP_AUTH"));
	ck_assert(!secrets_holds("CONSUL_HTTP_TOKENS=t") && !secrets_holds("MY_TOKEN=m"));
	struct gateway_config *c = load(
		"\"token\": \"${MY_TOKEN}\", \"http_auth\": \"u:${SHARED:-x}\"",
		"{\"path\": \"/\", \"plugin\": \"p\", \"config\": {\"a\": \"${SHARED}\","
		" \"b\": \"${CONSUL_HTTP_AUTH}\", \"c\": \"${CONSUL_HTTP_TOKENS:-}\"}}");
	secrets_learn(c);
	gateway_config_free(c);
	ck_assert(secrets_holds("MY_TOKEN=m"));
	/* The operator has given these two to a plugin. */
	ck_assert(!secrets_holds("SHARED=s") && !secrets_holds("CONSUL_HTTP_AUTH=u:p"));
	char extra[] = "MORE=1", **env = secrets_environment(extra);
	ck_assert(handed(env, "MORE=1") && handed(env, "SHARED=s"));
	ck_assert(handed(env, "CONSUL_HTTP_ADDR=127.0.0.1:8500"));
	ck_assert(!handed(env, "MY_TOKEN=m") && !handed(env, "CONSUL_HTTP_TOKEN=t"));
	free(env);
}
END_TEST

int main(void)
{
	return SUITE("secrets", values_are_others_and_nothing_moves, a_text_without_any,
		     variables_that_hold_credentials);
}
