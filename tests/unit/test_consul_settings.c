/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_settings.c: addresses and tokens. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/gateway.h"
#include "discovery/consul_settings.h"

static struct error error;

START_TEST(on_this_machine)
{
	static const struct {
		const char *address;
		bool local;
	} rows[] = {
		{ NULL, true },
		{ "127.0.0.9:8500", true },
		{ "http://localhost", true },
		{ "http://localhost:8500", true },
		{ "https://[::1]:8501", true },
		{ "unix:///run/consul.sock", true },
		{ "http://localhost.example:8500", false },
		{ "10.0.0.1:8500", false },
		{ "consul:8500", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_consul config = { .address = rows[i].address };
		struct consul_settings s;

		ck_assert_int_eq(consul_settings_init(&s, &config, &error), 0);
		ck_assert_msg(consul_settings_local(&s) == rows[i].local, "row %zu", i);
		consul_settings_fini(&s);
	}
}
END_TEST

START_TEST(addresses)
{
	static const struct {
		const char *address, *base, *unix_socket;
	} rows[] = {
		{ NULL, "http://127.0.0.1:8500", NULL },
		{ "", "http://127.0.0.1:8500", NULL },
		{ "consul:8500", "http://consul:8500", NULL },
		{ "http://[::1]:8500//", "http://[::1]:8500", NULL },
		{ "https://consul.example:8501", "https://consul.example:8501", NULL },
		{ "http://proxy/consul/", "http://proxy/consul", NULL },
		{ "unix:///run/consul.sock", "http://localhost", "/run/consul.sock" },
		{ "http://", NULL, NULL },
		{ "http://a b", NULL, NULL },
		{ "http://a?x=1", NULL, NULL },
		{ "http://a#x", NULL, NULL },
		{ "http://a:99999", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_consul config = { .address = rows[i].address };
		struct consul_settings s;
		int rc = consul_settings_init(&s, &config, &error);

		ck_assert_int_eq(rc, rows[i].base ? 0 : -1);
		if (rc) {
			ck_assert_str_ne(error.text, "");
			continue;
		}
		ck_assert_str_eq(s.base, rows[i].base);
		if (rows[i].unix_socket)
			ck_assert_str_eq(s.unix_socket, rows[i].unix_socket);
		else
			ck_assert_ptr_null(s.unix_socket);
		consul_settings_fini(&s);
	}
}
END_TEST

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(tokens)
{
	char path[] = "/tmp/gatehouse-token-XXXXXX";
	struct config_consul config = { .token = "from-config" };
	struct consul_settings s;
	char *token;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(consul_settings_init(&s, &config, &error), 0);
	token = consul_settings_token(&s, &error);
	ck_assert_str_eq(token, "from-config");
	free(token);
	/* The file wins, and is read each time; nothing behind a line's end gets into a header. */
	config.token_file = path;
	write_file(path, "first\r\nX-Evil: 1\n");
	token = consul_settings_token(&s, &error);
	ck_assert_str_eq(token, "first");
	ck_assert_str_eq(error.text, "");
	free(token);
	write_file(path, "second");
	token = consul_settings_token(&s, &error);
	ck_assert_str_eq(token, "second");
	free(token);
	write_file(path, "\n");
	ck_assert_ptr_null(consul_settings_token(&s, &error));
	unlink(path);
	ck_assert_ptr_null(consul_settings_token(&s, &error));
	ck_assert_str_ne(error.text, "");
	config.token_file = config.token = NULL;
	ck_assert_ptr_null(consul_settings_token(&s, &error));
	ck_assert_str_eq(error.text, "");
	consul_settings_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("consul_settings");
	TCase *tc = tcase_create("consul_settings");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, on_this_machine);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, tokens);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
