/* SPDX-License-Identifier: Apache-2.0 */
/* cli/admin_call.c: what is asked and of whom, against a listener that answers once. */
#include "cli/admin_call.h"

#include "cli.h"
#include "peer.h"

static const char done[] = "{\"outcome\": \"done\"}";

/* admin_call() with --admin or -c and that value. */
static json_t *call(const char *flag, const char *value, const char *body)
{
	const char *words[] = { flag, value };
	struct cli_args args;

	cli_catch();
	ck_assert_int_eq(cli_parse(&cli_reload_command, 2, (char **)(uintptr_t)words, &args), 0);
	json_t *got = admin_call(&args, "/reload", str_from(body));
	cli_caught();
	ck_assert_str_eq(cli_out.text, "");
	return got;
}

static const char *config(const char *members)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"listen\": [\":1\"], %s}", members);
	return scratch_write("gateway.json", text);
}

static void ck_no_answer(const json_t *got, const char *line)
{
	ck_assert_ptr_null(got);
	ck_assert_str_eq(cli_err.text, line);
}

static void ck_outcome(json_t *got)
{
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(json_text(got, "outcome"), "done");
	json_decref(got);
}

START_TEST(test_request)
{
	/* Whoever set a proxy did not mean this. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", done);
	ck_outcome(call("--admin", peer_address("127.0.0.1"), "{\"a\": 1}"));
	const char *request = peer_end();
	char host[96];
	ck_assert_int_eq(strncmp(request, "POST /reload HTTP/1.1\r\n", 23), 0);
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", peer.port);
	ck_contains(request, host);
	ck_contains(request, "\r\nContent-Type: application/json\r\n");
	ck_contains(request, "\r\nContent-Length: 8\r\n");
	ck_assert_str_eq(strstr(request, "\r\n\r\n"), "\r\n\r\n{\"a\": 1}");
}
END_TEST

START_TEST(test_request_without_a_body)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", done);
	ck_outcome(call("--admin", peer_address("127.0.0.1"), ""));
	const char *request = peer_end();
	ck_contains(request, "POST /reload ");
	ck_contains(request, "\r\nContent-Length: 0\r\n");
}
END_TEST

/* Its JSON says more than its status. */
START_TEST(test_any_status)
{
	peer_tcp("127.0.0.1");
	peer_answer_json("503 Service Unavailable", "{\"detail\": \"ends\"}");
	json_t *got = call("--admin", peer_address("127.0.0.1"), "");
	ck_assert_str_eq(json_text(got, "detail"), "ends");
	json_decref(got);
	peer_end();
}
END_TEST

START_TEST(test_unix_socket)
{
	char text[600];

	peer_unix(scratch_path("admin"));
	peer_answer_json("200 OK", done);
	snprintf(text, sizeof(text), "unix:%s", scratch_path("admin"));
	ck_outcome(call("--admin", text, ""));
	peer_end();
}
END_TEST

START_TEST(test_address_of_the_configuration)
{
	char text[128];

	/* What else is wrong with it does not matter here. */
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", done);
	snprintf(text, sizeof(text), "\"workers\": 0, \"admin\": \"%s\"",
		 peer_address("127.0.0.1"));
	ck_outcome(call("-c", config(text), ""));
	peer_end();
	/* A relative path is relative to the file. */
	peer_unix(scratch_path("admin"));
	peer_answer_json("200 OK", done);
	ck_outcome(call("-c", config("\"admin\": \"unix:admin\""), ""));
	peer_end();
}
END_TEST

/* "All addresses" is a place to listen, not one to go to. */
START_TEST(test_wildcard)
{
	char line[256];

	peer_tcp("0.0.0.0");
	peer_answer_json("200 OK", done);
	ck_outcome(call("--admin", peer_address("0.0.0.0"), ""));
	char host[64];
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", peer.port);
	ck_contains(peer_end(), host);
	/* Nothing listens there. */
	peer_tcp("127.0.0.1");
	snprintf(line, sizeof(line),
		 "gatehouse reload: no gateway answers at [::1]:%u; is gatehouse run running, and "
		 "is this its admin address (--admin)?\n",
		 peer.port);
	ck_no_answer(call("--admin", peer_address("[::]"), ""), line);
	close(peer.fd);
}
END_TEST

START_TEST(test_no_gateway)
{
	char line[256], text[600];

	peer_tcp("127.0.0.1");
	snprintf(line, sizeof(line),
		 "gatehouse reload: no gateway answers at 127.0.0.1:%u; is gatehouse run running, "
		 "and is this its admin address (--admin)?\n",
		 peer.port);
	ck_no_answer(call("--admin", peer_address("127.0.0.1"), ""), line);
	close(peer.fd);
	snprintf(text, sizeof(text), "unix:%s", scratch_path("nothing"));
	ck_assert_ptr_null(call("--admin", text, ""));
	ck_contains(cli_err.text, "no gateway answers at unix:/tmp/");
}
END_TEST

START_TEST(test_somebody_else)
{
	static const char *const bodies[] = { "<html>", "", "[1]", "\"text\"", "{\"a\": " };
	char line[256];

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		peer_tcp("127.0.0.1");
		peer_answer_json("200 OK", bodies[i]);
		snprintf(line, sizeof(line),
			 "gatehouse reload: 127.0.0.1:%u does not answer as a gateway's admin "
			 "listener does\n",
			 peer.port);
		ck_no_answer(call("--admin", peer_address("127.0.0.1"), ""), line);
		peer_end();
	}
}
END_TEST

START_TEST(test_broken_answers)
{
	char start[96];

	peer_tcp("127.0.0.1");
	peer_answer("");
	ck_assert_ptr_null(call("--admin", peer_address("127.0.0.1"), ""));
	snprintf(start, sizeof(start), "gatehouse reload: 127.0.0.1:%u: ", peer.port);
	ck_assert_int_eq(strncmp(cli_err.text, start, strlen(start)), 0);
	peer_end();
	/* What was cut off is not taken for the whole. */
	peer_tcp("127.0.0.1");
	peer_answer("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}");
	ck_assert_ptr_null(call("--admin", peer_address("127.0.0.1"), ""));
	snprintf(start, sizeof(start), "gatehouse reload: 127.0.0.1:%u: ", peer.port);
	ck_assert_int_eq(strncmp(cli_err.text, start, strlen(start)), 0);
	peer_end();
}
END_TEST

START_TEST(test_no_address)
{
	ck_assert_ptr_null(call("--admin", "localhost", ""));
	ck_contains(cli_err.text, "gatehouse reload: --admin localhost: ");
	ck_no_answer(call("-c", config("\"admin\": \"off\""), ""),
		     "gatehouse reload: the configuration has \"admin\": \"off\"; name the "
		     "listener of the running gateway with --admin, or send its process SIGHUP\n");
	ck_no_answer(call("-c", config("\"admin\": \"nonsense\""), ""),
		     "gatehouse reload: the configuration's \"admin\" is not an address; name the "
		     "one of the running gateway with --admin\n");
	ck_assert_ptr_null(call("-c", "/nowhere/gateway.json", ""));
	ck_contains(cli_err.text, "/nowhere/gateway.json: cannot read it: No such file");
	ck_assert_ptr_null(call("-c", scratch_write("gateway.json", "{"), ""));
	ck_contains(cli_err.text, "gateway.json:1:");
}
END_TEST

START_TEST(test_print_texts)
{
	json_t *texts = json_pack("[s,s]", "one", "two");

	cli_catch();
	admin_print_texts(texts, "not reloaded: ");
	admin_print_texts(NULL, "nothing");
	cli_caught();
	ck_assert_str_eq(cli_err.text, "not reloaded: one\nnot reloaded: two\n");
	ck_assert_str_eq(cli_out.text, "");
	json_decref(texts);
}
END_TEST

CLI_SUITE("admin_call", test_request, test_request_without_a_body, test_any_status,
	  test_unix_socket, test_address_of_the_configuration, test_wildcard, test_no_gateway,
	  test_somebody_else, test_broken_answers, test_no_address, test_print_texts)
