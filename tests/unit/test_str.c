/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "suite.h"

START_TEST(test_compare)
{
	ck_assert(str_eq(STR(""), (struct str){ NULL, 0 }));
	ck_assert(str_eq(STR("a\0b"), STR("a\0b")));
	ck_assert(!str_eq(STR("a\0b"), STR("a\0c")));
	ck_assert(str_ieq(STR("Content-LENGTH"), STR("content-length")));
	/* '@' and '`', '[' and '{' differ by 32 too, and are no letters. */
	ck_assert(!str_ieq(STR("@["), STR("`{")));
	ck_assert(!str_ieq(STR("\xc4"), STR("\xe4")));
	/* Every pair of bytes, in each place of a run that is compared eight at a time. */
	for (int c = 0; c < 256; c++)
		for (int d = 0; d < 256; d++) {
			char left[11] = "abcdefghijk", right[11] = "ABCDEFGHIJK";
			size_t at = (size_t)(c * 7 + d) % sizeof(left);
			left[at] = (char)c;
			right[at] = (char)d;
			ck_assert_msg(str_ieq((struct str){ left, sizeof(left) },
					      (struct str){ right, sizeof(right) }) ==
					      (ascii_lower((char)c) == ascii_lower((char)d)),
				      "%#x %#x", (unsigned)c, (unsigned)d);
		}
	ck_assert_int_lt(str_cmp(STR("a"), STR("ab")), 0);
	ck_assert_int_gt(str_cmp(STR("b"), STR("ab")), 0);
	ck_assert_int_eq(str_cmp(STR(""), (struct str){ NULL, 0 }), 0);
	ck_assert_int_gt(str_cmp(STR("\xff"), STR("a")), 0);
	ck_assert(str_starts(STR("abc"), STR("")));
	ck_assert(str_starts(STR("abc"), STR("abc")));
	ck_assert(!str_starts(STR("ab"), STR("abc")));
}
END_TEST

START_TEST(test_trim)
{
	ck_slice(str_trim(STR(" \t a b\t ")), "a b");
	ck_slice(str_trim(STR(" \t ")), "");
	ck_slice(str_trim(STR("")), "");
	ck_slice(str_trim(STR("\r\n")), "\r\n");
	ck_assert_uint_eq(str_trim((struct str){ NULL, 0 }).n, 0);
}
END_TEST

START_TEST(test_next)
{
	struct str rest = STR(" gzip , ,chunked,"), e;

	ck_assert(str_next(&rest, ',', &e));
	ck_slice(e, "gzip");
	ck_assert(str_next(&rest, ',', &e));
	ck_slice(e, "");
	ck_assert(str_next(&rest, ',', &e));
	ck_slice(e, "chunked");
	ck_assert(str_next(&rest, ',', &e));
	ck_slice(e, "");
	ck_assert(!str_next(&rest, ',', &e));
	ck_assert(!str_next(&rest, ',', &e));
	rest = STR("");
	ck_assert(str_next(&rest, ',', &e));
	ck_assert(!str_next(&rest, ',', &e));
}
END_TEST

START_TEST(test_number)
{
	uint64_t n = 7;

	ck_assert_int_eq(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n), 0);
	ck_assert(n == UINT64_MAX);
	ck_assert_int_eq(str_to_u64(STR("00000000000000000000000010"), 10, &n), 0);
	ck_assert_uint_eq(n, 10);
	const struct str bad[] = { STR(""),
				   STR("+1"),
				   STR("-1"),
				   STR(" 1"),
				   STR("1 "),
				   STR("0x1"),
				   STR("1\0"),
				   STR("11"),
				   STR("18446744073709551616"),
				   STR("99999999999999999999"),
				   STR("18446744073709551626"),
				   STR("\xb2") };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(str_to_u64(bad[i], 10, &n), -1);
	ck_assert_int_eq(str_to_u64(STR("18446744073709551616"), UINT64_MAX, &n), -1);
	ck_assert_int_eq(str_to_u64(STR("18446744073709551620"), UINT64_MAX, &n), -1);
	ck_assert_uint_eq(n, 10);
}
END_TEST

START_TEST(test_dup)
{
	char *copy = str_dup((struct str){ "abcd", 2 }), *empty = str_dup(STR(""));

	ck_assert_str_eq(copy, "ab");
	ck_assert_str_eq(empty, "");
	free(copy);
	free(empty);
}
END_TEST

START_TEST(test_hash)
{
	char text[17] = "0123456789abcdef", copy[17];

	memcpy(copy, text, sizeof(text));
	for (size_t n = 0; n <= 16; n++) {
		uint64_t hash = str_hash((struct str){ text, n });
		ck_assert(hash == str_hash((struct str){ copy, n }));
		/* Every byte counts, and so does the length. */
		for (size_t i = 0; i < n; i++) {
			copy[i] ^= 1;
			ck_assert(hash != str_hash((struct str){ copy, n }));
			copy[i] ^= 1;
		}
	}
	ck_assert(str_hash(STR("")) != str_hash(STR("\0")));
	ck_assert(str_hash(STR("\0")) != str_hash(STR("\0\0")));
}
END_TEST

START_TEST(test_utf8)
{
	const struct str valid[] = {
		STR(""),
		STR("a\0b"),
		STR("\xc2\x80"),
		STR("\xdf\xbf"),
		STR("\xe0\xa0\x80"),
		STR("\xed\x9f\xbf"),
		STR("\xee\x80\x80"),
		STR("\xef\xbf\xbf"),
		STR("\xf0\x90\x80\x80"),
		STR("\xf4\x8f\xbf\xbf"),
		STR("z\xc3\xbcrich"),
	};
	const struct str invalid[] = {
		STR("\x80"),
		STR("\xbf"),
		STR("\xff"),
		STR("\xfe"),
		/* Overlong forms of "/", NUL and others. */
		STR("\xc0\xaf"),
		STR("\xc1\xbf"),
		STR("\xe0\x80\xaf"),
		STR("\xe0\x9f\xbf"),
		STR("\xf0\x80\x80\xaf"),
		STR("\xf0\x8f\xbf\xbf"),
		/* Surrogates, and past U+10FFFF. */
		STR("\xed\xa0\x80"),
		STR("\xed\xbf\xbf"),
		STR("\xf4\x90\x80\x80"),
		STR("\xf5\x80\x80\x80"),
		STR("\xf8\x88\x80\x80\x80"),
		/* Cut short, or with something else inside. */
		STR("\xc2"),
		STR("\xe2\x82"),
		STR("\xf0\x9f\x98"),
		STR("\xe2\x82"
		    "a"),
		STR("\xf0\x9f\x98/"),
		STR("\xc2/"),
		STR("a\xc2"),
	};

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		ck_assert_msg(str_utf8_valid(valid[i]), "valid %zu", i);
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		ck_assert_msg(!str_utf8_valid(invalid[i]), "invalid %zu", i);
	ck_assert_uint_eq(str_utf8(STR("\xf0\x9f\x98\x80z")), 4);
	ck_assert_uint_eq(str_utf8(STR("")), 0);
}
END_TEST

START_TEST(test_nearest)
{
	static const char *const names[] = { "users", "orders", "relay", "request_id", "" };
	char longest[80] = "";

#define NEAREST(word) str_nearest((word), names, sizeof(names) / sizeof(names[0]))
	ck_assert_str_eq(NEAREST("oders"), "orders");
	ck_assert_str_eq(NEAREST("Orders"), "orders");
	ck_assert_str_eq(NEAREST("rolay"), "relay");
	ck_assert_str_eq(NEAREST("realy"), "relay");
	ck_assert_str_eq(NEAREST("requestid"), "request_id");
	ck_assert_ptr_null(NEAREST("listen"));
	ck_assert_ptr_null(NEAREST(""));
	ck_assert_ptr_null(NEAREST("x"));
	memset(longest, 'a', sizeof(longest) - 1);
	ck_assert_ptr_null(NEAREST(longest));
	ck_assert_ptr_null(str_nearest("users", names, 0));
	const char *const twins[] = { "abcx", "abcy" };
	ck_assert_str_eq(str_nearest("abcz", twins, 2), "abcx");
}
END_TEST

int main(void)
{
	return SUITE("str", test_compare, test_trim, test_next, test_number, test_dup, test_hash,
		     test_utf8, test_nearest);
}
