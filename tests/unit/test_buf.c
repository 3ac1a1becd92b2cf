/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "suite.h"

START_TEST(test_append)
{
	struct buf b = { 0 };

	buf_append(&b, NULL, 0);
	buf_str_append(&b, STR(""));
	ck_assert(!b.failed);
	ck_assert_ptr_null(b.p);
	buf_lit(&b, "ab\0c");
	buf_char(&b, 'd');
	ck_slice(buf_str(&b), "ab\0cd");
	ck_assert_uint_eq(b.cap, 256);
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_lit(&b, "0123456789");
	ck_assert_uint_eq(b.n, 10000);
	ck_assert_uint_eq(b.cap, 16384);
	ck_assert(memcmp(b.p + 9990, "0123456789", 10) == 0);
	buf_fini(&b);
	ck_assert_uint_eq(b.cap, 0);
}
END_TEST

START_TEST(test_limit)
{
	struct buf b;

	buf_init(&b, 5);
	buf_lit(&b, "abc");
	buf_lit(&b, "def");
	ck_assert(b.failed);
	ck_slice(buf_str(&b), "abc");
	ck_assert_ptr_null(buf_room(&b, 3));
	ck_assert_ptr_null(buf_room(&b, SIZE_MAX));
	buf_clear(&b);
	ck_assert(!b.failed);
	buf_printf(&b, "%s", "vwxyz");
	ck_slice(buf_str(&b), "vwxyz");
	ck_assert(!b.failed);
	buf_char(&b, '!');
	ck_assert(b.failed);
	buf_fini(&b);
	ck_assert_uint_eq(b.limit, 5);
	ck_assert_ptr_nonnull(buf_room(&b, 5));
	buf_fini(&b);
	buf_init(&b, 0);
	ck_assert_ptr_null(buf_room(&b, SIZE_MAX));
	ck_assert(b.failed);
	buf_fini(&b);
}
END_TEST

START_TEST(test_array_never_allocates)
{
	char array[4];
	struct buf b = { .p = array, .cap = sizeof(array), .limit = sizeof(array) };

	buf_lit(&b, "abcd");
	ck_assert(!b.failed);
	buf_char(&b, 'e');
	ck_assert(b.failed);
	ck_assert_ptr_eq(b.p, array);
	ck_slice(buf_str(&b), "abcd");
}
END_TEST

START_TEST(test_numbers)
{
	struct buf b = { 0 };

	buf_u64(&b, 0);
	buf_char(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_char(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_i64(&b, INT64_MAX);
	buf_char(&b, ' ');
	buf_i64(&b, -1);
	ck_slice(buf_str(&b), "0 18446744073709551615 -9223372036854775808 9223372036854775807 -1");
	buf_clear(&b);
	buf_hex(&b, 0);
	buf_char(&b, ' ');
	buf_hex(&b, 0xabc0);
	buf_char(&b, ' ');
	buf_hex(&b, UINT64_MAX);
	ck_slice(buf_str(&b), "0 abc0 ffffffffffffffff");
	buf_clear(&b);
	buf_printf(&b, "%300d", 1);
	ck_assert_uint_eq(b.n, 300);
	buf_fini(&b);
}
END_TEST

START_TEST(test_json)
{
	const struct {
		struct str in, out;
	} cases[] = {
		{ STR(""), STR("\"\"") },
		{ STR("plain text /~"), STR("\"plain text /~\"") },
		{ STR("\"\\\b\f\n\r\t"), STR("\"\\\"\\\\\\b\\f\\n\\r\\t\"") },
		{ STR("a\0b\x1f\x7f"), STR("\"a\\u0000b\\u001f\\u007f\"") },
		{ STR("z\xc3\xbcrich \xf0\x9f\x98\x80"),
		  STR("\"z\xc3\xbcrich \xf0\x9f\x98\x80\"") },
		/* C1 controls (NEL ends a line for some readers) and line separators. */
		{ STR("\xc2\x85\xc2\xa0"), STR("\"\\u0085\xc2\xa0\"") },
		{ STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7"),
		  STR("\"\\u2028\\u2029\xe2\x80\xa7\"") },
		/* Not UTF-8: each such byte is replaced, and hides nothing that follows. */
		{ STR("\xff\"\xc3"), STR("\"\xef\xbf\xbd\\\"\xef\xbf\xbd\"") },
		{ STR("\xe2\x82\"}"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\\\"}\"") },
		{ STR("\xed\xa0\x80"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		buf_json(&b, cases[i].in);
		ck_assert_msg(str_eq(buf_str(&b), cases[i].out), "case %zu: %.*s", i,
			      STR_ARGS(buf_str(&b)));
	}
	buf_clear(&b);
	buf_json(&b, (struct str){ NULL, 0 });
	ck_slice(buf_str(&b), "\"\"");
	buf_fini(&b);
}
END_TEST

START_TEST(test_json_any_byte_anywhere)
{
	/* A run that is looked at eight bytes at a time gives what one byte at a time gives. */
	for (int c = 0; c < 128; c++)
		for (size_t at = 0; at < 20; at++) {
			char text[20], one[1] = { (char)c };
			struct buf whole = { 0 }, parts = { 0 };

			memset(text, 'x', sizeof(text));
			text[at] = (char)c;
			buf_json(&whole, (struct str){ text, sizeof(text) });
			buf_json(&parts, (struct str){ one, 1 });
			ck_assert_uint_eq(whole.n, parts.n + sizeof(text) - 1);
			ck_assert_mem_eq(whole.p + 1 + at, parts.p + 1, parts.n - 2);
			buf_fini(&whole);
			buf_fini(&parts);
		}
}
END_TEST

/* Where there is room for the most that can come of a text, the same is written. */
START_TEST(test_put_json)
{
	uint64_t state = 1;

	for (int turn = 0; turn < 20000; turn++) {
		char text[24], out[6 * sizeof(text) + 2 + 1];
		size_t n = (size_t)turn % sizeof(text);
		for (size_t i = 0; i < n; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			text[i] = (char)(state >> (turn % 3 ? 56 : 33));
		}
		struct str s = { text, n };
		struct buf b = { 0 };
		buf_json(&b, s);
		out[6 * n + 2] = 'x';
		char *end = put_json(out, s);
		ck_holds(end == out + b.n && memcmp(out, b.p, b.n) == 0);
		ck_holds(out[6 * n + 2] == 'x');
		buf_fini(&b);
	}
}
END_TEST

START_TEST(test_url)
{
	struct buf b;

	buf_init(&b, 64);
	buf_url(&b, "aZ09-._~");
	ck_slice(buf_str(&b), "aZ09-._~");
	buf_clear(&b);
	buf_url(&b, "a b/%?\xc3\xa9");
	ck_slice(buf_str(&b), "a%20b%2F%25%3F%C3%A9");
	buf_fini(&b);
}
END_TEST

int main(void)
{
	return SUITE("buf", test_put_json, test_url, test_json_any_byte_anywhere, test_append,
		     test_limit, test_array_never_allocates, test_numbers, test_json);
}
