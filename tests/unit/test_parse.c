/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parse.h"

#include "suite.h"

static const struct parse_limits limits = {
	.head = 400, .target = 100, .fields = 8, .extension = 32
};

struct message {
	struct head head;
	struct parser parser;
	char bytes[4096];
	size_t n;
};

static struct message m;

/* Feeds text step bytes at a time, as a socket may; *used is where the head ends. */
static enum parse_outcome feed(enum parse_kind kind, const char *text, size_t n, size_t step,
			       size_t *used)
{
	size_t at = 0;
	enum parse_outcome outcome = PARSE_MORE;

	head_init(&m.head);
	memcpy(m.bytes, text, n);
	parse_start(&m.parser, kind, &m.head, &limits);
	while (at < n && outcome == PARSE_MORE) {
		size_t k = n - at < step ? n - at : step, taken;
		outcome = parse_head(&m.parser, m.bytes + at, k, &taken);
		at += taken;
	}
	*used = at;
	return outcome;
}

static enum end_reason refused(const char *text)
{
	size_t used;
	enum end_reason first = END_OK;

	for (size_t step = 1; step <= strlen(text); step += step < 3 ? 1 : strlen(text)) {
		enum parse_outcome o = feed(PARSE_REQUEST, text, strlen(text), step, &used);
		enum end_reason reason = o == PARSE_ERROR ? m.parser.reason : END_OK;
		ck_assert_ptr_nonnull(o == PARSE_ERROR ? m.parser.why : "");
		if (step == 1)
			first = reason;
		else
			ck_assert_msg(reason == first, "%s: by %zu bytes %d, by one %d", text, step,
				      reason, first);
		head_fini(&m.head);
	}
	return first;
}

START_TEST(test_a_head_in_any_pieces)
{
	static const char text[] = "POST /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nX:\r\n"
				   "Y: \t two words \t\r\nContent-Length: 3\r\n\r\nabcGET";
	size_t used, head = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);

	for (size_t step = 1; step <= sizeof(text) - 1; step++) {
		ck_assert_int_eq(feed(PARSE_REQUEST, text, sizeof(text) - 1, step, &used),
				 PARSE_DONE);
		ck_assert_uint_eq(used, head);
		ck_slice(m.head.method, "POST");
		ck_slice(m.head.target, "/a/b?c=d");
		ck_assert_int_eq(m.head.minor, 1);
		ck_assert_int_eq(m.head.count, 4);
		ck_slice(m.head.fields[1].name, "X");
		ck_assert_uint_eq(m.head.fields[1].value.n, 0);
		ck_slice(m.head.fields[2].value, "two words");
		head_fini(&m.head);
	}
}
END_TEST

START_TEST(test_what_is_behind_the_head_is_left_alone)
{
	static const char text[] =
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t9 \t\r\nX: a\tb\r\n\r\n"
		"a\t\r\n b\t\r\n";
	size_t used, head = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);

	for (size_t step = 1; step <= sizeof(text) - 1; step++) {
		ck_assert_int_eq(feed(PARSE_REQUEST, text, sizeof(text) - 1, step, &used),
				 PARSE_DONE);
		ck_assert_uint_eq(used, head);
		ck_slice(m.head.fields[1].value, "9");
		ck_slice(m.head.fields[2].value, "a\tb");
		ck_assert_mem_eq(m.bytes + head, text + head, sizeof(text) - 1 - head);
		head_fini(&m.head);
	}
}
END_TEST

START_TEST(test_refusals)
{
	static const struct {
		const char *text;
		enum end_reason reason;
	} cases[] = {
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\nHost: a\n\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\n: a\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nX: a\x01\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nX\x80: a\r\n\r\n", END_BAD_REQUEST },
		{ "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", END_BAD_REQUEST },
		{ "get / HTTP/1.1\r\n\r\n", END_UNKNOWN_METHOD },
		{ "FETCH / HTTP/1.1\r\n\r\n", END_UNKNOWN_METHOD },
		{ "SETUP / HTTP/1.1\r\n\r\n", END_UNKNOWN_METHOD },
		{ "GET / RTSP/1.0\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/2.0\r\n\r\n", END_BAD_VERSION },
		{ "GET / HTTP/1.2\r\n\r\n", END_BAD_VERSION },
		{ "GET / HTTP/0.9\r\n\r\n", END_BAD_VERSION },
		{ "GET / http/1.1\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.10\r\n\r\n", END_BAD_REQUEST },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		  END_BAD_FRAMING },
		{ "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", END_BAD_FRAMING },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  END_BAD_FRAMING },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum end_reason reason = refused(cases[i].text);
		ck_assert_msg(reason == cases[i].reason, "%s: %s, not %s", cases[i].text,
			      end_reason_table[reason].word,
			      end_reason_table[cases[i].reason].word);
	}
	ck_assert_int_eq(refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), END_OK);
}
END_TEST

START_TEST(test_limits)
{
	char text[1024] = "GET /";
	size_t used;

	memset(text + 5, 'a', 200);
	strcpy(text + 205, " HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(refused(text), END_URI_TOO_LONG);
	strcpy(text, "GET / HTTP/1.1\r\nX: ");
	memset(text + 19, 'a', 500);
	strcpy(text + 519, "\r\n\r\n");
	ck_assert_int_eq(refused(text), END_HEADER_TOO_LARGE);
	ck_assert_int_eq(
		refused("GET / HTTP/1.1\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\n"
			"h:1\r\ni:1\r\n\r\n"),
		END_HEADER_TOO_LARGE);
	strcpy(text, "HTTP/1.1 200 OK\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\n"
		     "i:1\r\n\r\n");
	ck_assert_int_eq(feed(PARSE_RESPONSE, text, strlen(text), 1000, &used), PARSE_ERROR);
	ck_assert_int_eq(m.parser.reason, END_RESPONSE_HEAD_TOO_LARGE);
	head_fini(&m.head);
}
END_TEST

struct body {
	char bytes[256];
	size_t n;
};

static void on_body(void *arg, struct str piece)
{
	struct body *b = arg;
	memcpy(b->bytes + b->n, piece.p, piece.n);
	b->n += piece.n;
}

/* A chunked body behind a head, fed step bytes at a time; the outcome and where it ended. */
static enum parse_outcome chunked(const char *body, size_t step, struct body *out,
				  struct buf *trailers, size_t *used)
{
	static const char head[] =
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
	enum parse_outcome outcome = PARSE_MORE;
	size_t n = strlen(body), at = 0, taken;

	out->n = 0;
	ck_assert_int_eq(feed(PARSE_REQUEST, head, sizeof(head) - 1, 1000, &taken), PARSE_DONE);
	parse_body_start(&m.parser, trailers, on_body, out);
	while (at < n && outcome == PARSE_MORE) {
		size_t k = n - at < step ? n - at : step;
		outcome = parse_chunked(&m.parser, body + at, k, &taken);
		at += taken;
	}
	*used = at;
	head_fini(&m.head);
	return outcome;
}

START_TEST(test_chunks_in_any_pieces)
{
	static const char text[] = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: 1\r\n\r\nGET /";
	struct body b;
	struct buf trailers = { .limit = 100 };
	size_t used;

	for (size_t step = 1; step < sizeof(text); step++) {
		buf_clear(&trailers);
		ck_assert_int_eq(chunked(text, step, &b, &trailers, &used), PARSE_DONE);
		ck_assert_uint_eq(used, sizeof(text) - 1 - 5);
		ck_slice(((struct str){ b.bytes, b.n }), "hello world");
		ck_slice(buf_str(&trailers), "X-T: 1\r\n");
	}
	buf_fini(&trailers);
}
END_TEST

START_TEST(test_trailers_that_may_not_be_relayed)
{
	struct body b;
	struct buf trailers = { .limit = 100 };
	size_t used;

	ck_assert_int_eq(chunked("0\r\nContent-Type: x\r\nX-Good: a\r\nHost: x\r\nA_b: c\r\n"
				 "Trailer: x\r\n\r\n",
				 1000, &b, &trailers, &used),
			 PARSE_DONE);
	ck_slice(buf_str(&trailers), "X-Good: a\r\n");
	buf_fini(&trailers);
}
END_TEST

START_TEST(test_bad_chunks)
{
	static const char *const bad[] = {
		"g\r\n",
		"0x5\r\nhello\r\n",
		"+5\r\nhello\r\n",
		"-5\r\nhello\r\n",
		" 5\r\nhello\r\n",
		"5 \r\nhello\r\n",
		"5\nhello\r\n",
		"5\r\nhelloX",
		"5\r\nhello\n",
		"5\r\nhello0\r\n",
		"fffffffffffffffff\r\n",
		"\r\n",
		";x\r\n",
		"5;\nhello",
		"1_0\r\n",
		"5;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b\r\nhello\r\n",
	};
	struct body b;
	size_t used;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t step = 1; step < 60; step += 58) {
			ck_assert_msg(chunked(bad[i], step, &b, NULL, &used) == PARSE_ERROR, "%s",
				      bad[i]);
			ck_assert_int_eq(m.parser.reason, END_BAD_FRAMING);
		}
}
END_TEST

START_TEST(test_responses)
{
	size_t used;

	ck_assert_int_eq(feed(PARSE_RESPONSE, "HTTP/1.1 204\r\n\r\n", 16, 16, &used), PARSE_DONE);
	ck_assert_int_eq(m.head.status, 204);
	head_fini(&m.head);
	static const char *const bad[] = {
		"HTTP/1.1  200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",   "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 200 OK\n\n",      "ICY 200 OK\r\n\r\n",
		"200 OK\r\n\r\n",           "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n"
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(feed(PARSE_RESPONSE, bad[i], strlen(bad[i]), 1, &used) == PARSE_ERROR,
			      "%s", bad[i]);
		ck_assert_int_eq(m.parser.reason, END_BAD_RESPONSE);
		head_fini(&m.head);
	}
}
END_TEST

int main(void)
{
	return SUITE("parse", test_a_head_in_any_pieces, test_what_is_behind_the_head_is_left_alone,
		     test_refusals, test_limits, test_chunks_in_any_pieces,
		     test_trailers_that_may_not_be_relayed, test_bad_chunks, test_responses);
}
