/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"
#include "http/head.h"
#include "http/parse.h"

#include "suite.h"

static const struct parse_limits limits = {
	.head = 4096, .target = 1000, .fields = 50, .extension = 32
};
static struct head h;
static char bytes[4096];

static enum end_reason request(const char *text, const struct config_http *rules)
{
	struct parser ps;
	const char *why = NULL;
	size_t used;

	head_fini(&h);
	strcpy(bytes, text);
	parse_start(&ps, PARSE_REQUEST, &h, &limits);
	enum parse_outcome o = parse_head(&ps, bytes, strlen(bytes), &used);
	if (o == PARSE_ERROR)
		return ps.reason;
	ck_assert_int_eq(o, PARSE_DONE);
	enum end_reason reason = head_request_check(&h, rules, &why);
	ck_assert((reason == END_OK) == (why == NULL));
	return reason;
}

static enum end_reason response(const char *text, bool to_head)
{
	struct parser ps;
	const char *why = NULL;
	size_t used;

	head_fini(&h);
	strcpy(bytes, text);
	parse_start(&ps, PARSE_RESPONSE, &h, &limits);
	if (parse_head(&ps, bytes, strlen(bytes), &used) == PARSE_ERROR)
		return ps.reason;
	return head_response_check(&h, to_head, &why);
}

static const struct config_http strict = { .underscore_headers = CONFIG_UNDERSCORE_REJECT };

START_TEST(test_request_reasons)
{
	static const struct {
		const char *text;
		enum end_reason reason;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", END_OK },
		{ "GET / HTTP/1.0\r\n\r\n", END_OK },
		{ "GET / HTTP/1.1\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", END_OK },
		{ "GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n\r\n", END_OK },
		{ "GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: [fe80::1%25lo]\r\n\r\n", END_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: "
		  "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]\r\n\r\n",
		  END_BAD_HOST },
		{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", END_OK },
		{ "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", END_BAD_HOST },
		{ "GET http://a:80/ HTTP/1.1\r\nHost: A\r\n\r\n", END_OK },
		{ "GET http://a/ HTTP/1.1\r\nHost: a:\r\n\r\n", END_OK },
		{ "GET HTTPS://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n", END_OK },
		{ "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", END_BAD_HOST },
		{ "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_HOST },
		{ "GET http://[::1]/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", END_OK },
		{ "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_HOST },
		{ "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET a HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", END_OK },
		{ "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", END_METHOD_NOT_ALLOWED },
		{ "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", END_METHOD_NOT_ALLOWED },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n", END_OK },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
		  END_BAD_FRAMING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
		  END_BAD_FRAMING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		  END_UNKNOWN_CODING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
		  END_BAD_FRAMING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", END_BAD_FRAMING },
		{ "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		  END_BAD_FRAMING },
		{ "GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", END_BAD_FRAMING },
		{ "DELETE / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", END_BAD_FRAMING },
		{ "GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", END_OK },
		{ "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", END_OK },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", END_BAD_FRAMING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", END_BAD_FRAMING },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
		  END_BAD_FRAMING },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", END_EXPECTATION_FAILED },
		{ "GET / HTTP/1.0\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", END_OK },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum end_reason reason = request(cases[i].text, &strict);
		ck_assert_msg(reason == cases[i].reason, "%s: %s, not %s", cases[i].text,
			      end_reason_table[reason].word,
			      end_reason_table[cases[i].reason].word);
	}
}
END_TEST

START_TEST(test_target_is_taken_apart)
{
	request("GET http://Example.org:81?a=b HTTP/1.1\r\nHost: example.org:81\r\n\r\n", &strict);
	ck_slice(h.path, "/");
	ck_slice(h.query, "a=b");
	ck_slice(h.authority, "Example.org:81");
	request("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", &strict);
	ck_slice(h.path, "*");
	request("GET /a? HTTP/1.1\r\nHost: b\r\n\r\n", &strict);
	ck_slice(h.path, "/a");
	ck_assert_ptr_nonnull(h.query.p);
	ck_assert_uint_eq(h.query.n, 0);
}
END_TEST

START_TEST(test_connection_names_fields)
{
	request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Mine, host\r\nX-Mine: 1\r\n"
		"X-Other: 2\r\n\r\n",
		&strict);
	ck_assert(h.close);
	ck_assert_ptr_null(head_find_name(&h, STR("x-mine")));
	ck_assert_ptr_nonnull(head_find_name(&h, STR("x-other")));
	ck_assert_ptr_nonnull(head_find(&h, FIELD_HOST));
}
END_TEST

START_TEST(test_underscores)
{
	struct config_http rules = { .underscore_headers = CONFIG_UNDERSCORE_DROP };
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\n\r\n";

	ck_assert_int_eq(request(text, &rules), END_OK);
	ck_assert_ptr_null(head_find_name(&h, STR("X_Y")));
	rules.underscore_headers = CONFIG_UNDERSCORE_PASS;
	ck_assert_int_eq(request(text, &rules), END_OK);
	ck_assert_ptr_nonnull(head_find_name(&h, STR("X_Y")));
}
END_TEST

START_TEST(test_upgrade)
{
	static const char *const no[] = {
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x, h2c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: TLS/1.2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x, HTTP/2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x, TLS/1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x/\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x y\r\n\r\n",
		("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
		 "Content-Length: 3\r\n\r\n"),
	};
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		ck_assert_int_eq(request(no[i], &strict), END_OK);
		ck_assert_msg(!h.upgrade, "%s", no[i]);
	}
	request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Upgrade\r\nUpgrade: websocket\r\n"
		"\r\n",
		&strict);
	ck_assert(h.upgrade);
	ck_slice(h.upgrade_to, "websocket");
	request("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: IRC/6.9, chat\r\n"
		"\r\n",
		&strict);
	ck_assert(h.upgrade);
}
END_TEST

START_TEST(test_response_framing)
{
	static const struct {
		const char *text;
		bool to_head;
		enum end_reason reason;
		enum framing framing;
		bool close;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, END_OK, FRAMING_LENGTH,
		  false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, END_OK, FRAMING_NONE,
		  false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, END_OK, FRAMING_NONE,
		  false },
		{ "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n", false, END_OK, FRAMING_NONE,
		  false },
		{ "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n", false, END_OK, FRAMING_NONE,
		  true },
		{ "HTTP/1.1 200 OK\r\n\r\n", false, END_OK, FRAMING_CLOSE, true },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, END_OK, FRAMING_LENGTH,
		  true },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false,
		  END_OK, FRAMING_LENGTH, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, END_OK,
		  FRAMING_CHUNKED, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false,
		  END_BAD_RESPONSE_FRAMING, 0, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		  false, END_BAD_RESPONSE_FRAMING, 0, false },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false,
		  END_BAD_RESPONSE_FRAMING, 0, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false,
		  END_BAD_RESPONSE_FRAMING, 0, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false, END_BAD_RESPONSE_FRAMING,
		  0, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum end_reason reason = response(cases[i].text, cases[i].to_head);
		ck_assert_msg(reason == cases[i].reason, "%s: %s", cases[i].text,
			      end_reason_table[reason].word);
		if (reason != END_OK)
			continue;
		ck_assert_msg(h.framing == cases[i].framing, "%s: %d", cases[i].text, h.framing);
		ck_assert_msg(h.close == cases[i].close, "%s", cases[i].text);
	}
}
END_TEST

int main(void)
{
	head_init(&h);
	int status = SUITE("check", test_request_reasons, test_target_is_taken_apart,
			   test_connection_names_fields, test_underscores, test_upgrade,
			   test_response_framing);
	head_fini(&h);
	return status;
}
