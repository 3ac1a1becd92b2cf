/* SPDX-License-Identifier: Apache-2.0 */
/* cli/upgrade.c: what is asked, and what is printed of each answer. */
#include "gateway.h"
#include "peer.h"

START_TEST(done)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", "{\"outcome\": \"done\", \"pid\": 4711, \"errors\": []}");
	int status = cli("upgrade", "--admin", peer_address("127.0.0.1"), "--binary",
			 "/bin/../bin/sh");
	char real[PATH_MAX], body[PATH_MAX + 32];

	ck_assert_ptr_nonnull(realpath("/bin/sh", real));
	snprintf(body, sizeof(body), "{\"binary\":\"%s\"}", real);
	const char *asked = peer_end();
	ck_assert_int_eq(strncmp(asked, "POST /upgrade HTTP/1.1\r\n", 24), 0);
	ck_assert_ptr_nonnull(strstr(asked, body));
	ck_assert_int_eq(status, CLI_OK);
	ck_assert_str_eq(cli_out.text, "upgraded: process 4711 serves\n");
	ck_assert_str_eq(cli_err.text, "");
}
END_TEST

START_TEST(refused)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("409 Conflict",
			 "{\"outcome\": \"refused\", \"errors\": [\"one\", \"two\"]}");
	ck_assert_int_eq(cli("upgrade", "--admin", peer_address("127.0.0.1")), CLI_FAILED);
	peer_end();
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text,
			 "one\ntwo\ngatehouse upgrade: refused; the gateway goes on as it was\n");
}
END_TEST

START_TEST(without_a_gateway)
{
	ck_assert_int_eq(cli("upgrade", "-c", gateway_write("")), CLI_FAILED);
	ck_contains(cli_err.text, "gatehouse upgrade: no gateway answers at unix:/tmp/");
	ck_assert_int_eq(cli("upgrade", "--binary", "/no/such"), CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse upgrade: /no/such: No such file or directory\n");
	ck_assert_int_eq(cli("upgrade", "now"), CLI_USAGE);
}
END_TEST

CLI_SUITE("cli_upgrade", done, refused, without_a_gateway)
