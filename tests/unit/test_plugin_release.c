/* SPDX-License-Identifier: Apache-2.0 */
/* cli/plugin_release.c: what is asked, and what is printed of each answer. */
#include "gateway.h"
#include "peer.h"

/* "gatehouse plugin release NAME" to somebody who answers so; the target that was asked. */
static const char *release(const char *name, const char *body, int status)
{
	static char target[128];

	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", body);
	ck_assert_int_eq(cli("plugin", "release", "--admin", peer_address("127.0.0.1"), "--", name),
			 status);
	ck_assert_int_eq(sscanf(peer_end(), "POST %127s HTTP/1.1\r\n", target), 1);
	return target;
}

static const char done[] = "{\"outcome\": \"done\", \"generation\": 3, \"notes\": [\"n\"]}";

START_TEST(test_done)
{
	ck_assert_str_eq(release("users", done, CLI_OK), "/plugins/users/release");
	ck_assert_str_eq(cli_out.text,
			 "released: plugin \"users\" runs again, generation 3 serves\n");
	ck_assert_str_eq(cli_err.text, "not reloaded: n\n");
}
END_TEST

/* A name stays one segment of the path, whatever is in it. */
START_TEST(test_names)
{
	ck_assert_str_eq(release("a_b-c.d~1", done, CLI_OK), "/plugins/a_b-c.d~1/release");
	ck_assert_str_eq(release("a/b?c#d e%\xc3\xa9", done, CLI_OK),
			 "/plugins/a%2Fb%3Fc%23d%20e%25%C3%A9/release");
	ck_assert_str_eq(release("--json", done, CLI_OK), "/plugins/--json/release");
}
END_TEST

START_TEST(test_refused)
{
	release("users", "{\"outcome\": \"refused\", \"errors\": [\"one\"]}", CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text,
			 "one\ngatehouse plugin release: refused; \"users\" stays in quarantine\n");
	release("users", "{\"status\": 404, \"detail\": \"not in quarantine\"}", CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse plugin release: not in quarantine\n");
	release("users", "{}", CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse plugin release: refused\n");
}
END_TEST

static int release_json(const char *body)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", body);
	int status = cli("plugin", "release", "p", "--json", "--admin", peer_address("127.0.0.1"));
	peer_end();
	ck_assert_str_eq(cli_err.text, "");
	return status;
}

START_TEST(test_json)
{
	ck_assert_int_eq(release_json(done), CLI_OK);
	json_t *got = cli_json(), *sent = json_loads(done, 0, NULL);
	ck_assert(json_equal(got, sent));
	json_decref(got);
	json_decref(sent);
	ck_assert_int_eq(release_json("{\"outcome\": \"refused\"}"), CLI_FAILED);
	ck_assert_int_eq(release_json("{}"), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "{}\n");
}
END_TEST

START_TEST(test_gateway)
{
	char *file = strdup(gateway_write(""));

	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	gateway_start(file);
	ck_assert_int_eq(cli("plugin", "release", "users", "-c", file), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "gatehouse plugin release: ");
	ck_contains(cli_err.text, "users");
	ck_assert_int_eq(gateway_stop(), 0);
	ck_assert_int_eq(cli("plugin", "release", "users", "-c", file), CLI_FAILED);
	ck_contains(cli_err.text, "no gateway answers at unix:/tmp/");
	free(file);
}
END_TEST

CLI_SUITE("plugin_release", test_done, test_names, test_refused, test_json, test_gateway)
