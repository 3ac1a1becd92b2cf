/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

#include "suite.h"

START_TEST(test_lookup_finds_every_row)
{
#define LOOK_(symbol, name, owner) ck_assert_int_eq(field_lookup(STR(name)), FIELD_##symbol);
	FIELDS(LOOK_)
#undef LOOK_
	ck_assert_int_eq(field_lookup(STR("TrAnSfEr-EnCoDiNg")), FIELD_TRANSFER_ENCODING);
	ck_assert_int_eq(field_lookup(STR("")), FIELD_OTHER);
	ck_assert_int_eq(field_lookup(STR("hosts")), FIELD_OTHER);
	ck_assert_int_eq(field_lookup(STR("transfer_encoding")), FIELD_OTHER);
	ck_assert_int_eq(field_lookup(STR("an-entirely-unknown-name-of-some-length")), FIELD_OTHER);
}
END_TEST

START_TEST(test_owner)
{
	ck_assert_int_eq(field_owner(FIELD_CONNECTION), FIELD_OWNER_HOP);
	ck_assert_int_eq(field_owner(FIELD_CONTENT_LENGTH), FIELD_OWNER_OURS);
	ck_assert_int_eq(field_owner(FIELD_OTHER), FIELD_OWNER_END);
}
END_TEST

START_TEST(test_name_is_a_token)
{
	ck_assert(field_name_valid(STR("X-a_b.c!#$%&'*+^`|~9")));
	ck_assert(!field_name_valid(STR("")));
	for (int c = 0; c < 256; c++) {
		char text[2] = { 'a', (char)c };
		bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
		ck_assert_msg(field_name_valid((struct str){ text, 2 }) == token, "%#x", c);
	}
}
END_TEST

START_TEST(test_value_has_no_controls)
{
	for (int c = 0; c < 256; c++) {
		bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
		for (size_t at = 1; at < 20; at++) {
			char text[] = "a value of some bytes";
			text[at] = (char)c;
			ck_assert_msg(field_value_valid((struct str){ text, sizeof(text) - 1 }) ==
					      good,
				      "%#x at %zu", (unsigned)c, at);
		}
	}
	ck_assert(field_value_valid(STR("")));
	ck_assert(!field_value_valid(STR(" a")));
	ck_assert(!field_value_valid(STR("a\t")));
}
END_TEST

START_TEST(test_controls_are_counted)
{
	char text[700] = "";

	for (unsigned n = 0; n < sizeof(text); n += n < 70 ? 1 : 57) {
		size_t controls = 0;
		for (unsigned i = 0; i < n; i++) {
			text[i] = (char)(i * 37 + n);
			controls += (uint8_t)text[i] < 0x20 || text[i] == 0x7f;
		}
		ck_assert_uint_eq(field_count_controls(text, n), controls);
	}
	memset(text, '\n', sizeof(text));
	ck_assert_uint_eq(field_count_controls(text, sizeof(text)), sizeof(text));
	memset(text, 0xff, sizeof(text));
	ck_assert_uint_eq(field_count_controls(text, sizeof(text)), 0);
}
END_TEST

START_TEST(test_list)
{
	ck_assert(field_list_has(STR("a, Trailers ,b"), STR("trailers")));
	ck_assert(!field_list_has(STR("trailers;q=1"), STR("trailers")));
	ck_assert(!field_list_has(STR(""), STR("x")));
}
END_TEST

int main(void)
{
	return SUITE("field", test_lookup_finds_every_row, test_owner, test_name_is_a_token,
		     test_value_has_no_controls, test_controls_are_counted, test_list);
}
