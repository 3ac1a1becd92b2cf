/* SPDX-License-Identifier: Apache-2.0 */
/* cli/reload.c: what is printed of each answer, and a gateway that reloads. */
#include "gateway.h"
#include "peer.h"

/* "gatehouse reload" to somebody who answers so. */
static int reload(const char *body)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", body);
	int status = cli("reload", "--admin", peer_address("127.0.0.1"));
	ck_assert_int_eq(strncmp(peer_end(), "POST /reload HTTP/1.1\r\n", 23), 0);
	return status;
}

START_TEST(test_done)
{
	ck_assert_int_eq(reload("{\"outcome\": \"done\", \"generation\": 7, \"notes\": [\"admin\"],"
				" \"errors\": []}"),
			 CLI_OK);
	ck_assert_str_eq(cli_out.text, "reloaded: generation 7 serves\n");
	ck_assert_str_eq(cli_err.text, "not reloaded: admin\n");
}
END_TEST

START_TEST(test_refused)
{
	ck_assert_int_eq(reload("{\"outcome\": \"refused\", \"notes\": [\"n\"],"
				" \"errors\": [\"one\", \"two\"]}"),
			 CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text, "not reloaded: n\none\ntwo\ngatehouse reload: refused; the "
				       "gateway goes on as it was\n");
}
END_TEST

/* A problem of the admin listener itself (RFC 9457), and an object without anything. */
START_TEST(test_no_outcome)
{
	ck_assert_int_eq(reload("{\"status\": 403, \"detail\": \"not from here\"}"), CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse reload: not from here\n");
	ck_assert_int_eq(reload("{}"), CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse reload: refused\n");
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_no_gateway)
{
	ck_assert_int_eq(cli("reload", "-c", gateway_write("")), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "gatehouse reload: no gateway answers at unix:/tmp/");
	ck_assert_int_eq(cli("reload", "now"), CLI_USAGE);
}
END_TEST

START_TEST(test_gateway)
{
	char *file = strdup(gateway_write(""));

	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	gateway_start(file);
	ck_assert_int_eq(cli("reload", "-c", file), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(cli_out.text, "reloaded: generation 2 serves\n");
	gateway_write(", \"routes\": [{\"path\": \"/\", \"plugin\": \"none\"}]");
	ck_assert_int_eq(cli("reload", "-c", file), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "/routes/0/plugin: no plugin \"none\" in ");
	ck_contains(cli_err.text, "\ngatehouse reload: refused; the gateway goes on as it was\n");
	ck_assert_int_eq(gateway_stop(), 0);
	free(file);
}
END_TEST

CLI_SUITE("cli_reload", test_done, test_refused, test_no_outcome, test_no_gateway, test_gateway)
