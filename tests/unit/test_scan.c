/* SPDX-License-Identifier: Apache-2.0 */
#include "config/scan.h"

#include "suite.h"

/* Right texts of RFC 8259. */
START_TEST(test_valid)
{
	static const char *const texts[] = {
		"{}",
		" [ ] ",
		"null",
		"-0",
		"1.5e+10",
		"\"\\u00e9\\n\"",
		"{\"a\":[1,{\"b\":\"\\\\\"}]}",
		"\t[true,\r\nfalse]\n",
	};
	struct scan_error e;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(scan_check(str_from(texts[i]), 64, &e), "%s: %s", texts[i], e.text);
}
END_TEST

/* Each fault with the offset that is named and a part of what is said. */
START_TEST(test_faults)
{
	static const struct {
		const char *text;
		size_t at;
		const char *says;
	} cases[] = {
		{ "", 0, "ends too early" },
		{ "{\"a\":1,}", 6, "a comma before \"}\"" },
		{ "[1,]", 2, "a comma before \"]\"" },
		{ "{\"a\":1 \"b\":2}", 7, "a comma is missing" },
		{ "[1 2]", 3, "unexpected '2'" },
		{ "{\"a\" 1}", 5, "\":\" after a member's name" },
		{ "{a:1}", 1, "a member's name in double quotes" },
		{ "{'a':1}", 1, "double quotes" },
		{ "{// x\n}", 1, "no comments" },
		{ "{} # x", 3, "no comments" },
		{ "[/* x */]", 1, "no comments" },
		{ "{\"a\":yes}", 5, "yes is not a JSON value" },
		{ "{\"a\":15s}", 5, "takes double quotes" },
		{ "[01]", 1, "leading zero" },
		{ "[1.]", 3, "after the point" },
		{ "[1e]", 3, "in the exponent" },
		{ "[-]", 2, "after the sign" },
		{ "[+1]", 1, "unexpected '+'" },
		{ "[.5]", 1, "unexpected '.'" },
		{ "[\"a\nb\"]", 1, "no closing quote" },
		{ "[\"a", 1, "no closing quote" },
		{ "[\"\\x\"]", 2, "unknown escape" },
		{ "[\"\\u12g4\"]", 6, "four hexadecimal" },
		{ "[\"\t\"]", 2, "control character 0x09" },
		{ "{} {}", 3, "more text" },
		{ "{\"a\":{\"b\":[", 11, "ends too early" },
		{ "[[[[[1]]]]]", 4, "more than 4 levels" },
		{ "\xff", 0, "byte 0xff" },
	};
	struct scan_error e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(!scan_check(str_from(cases[i].text), 4, &e), "%s", cases[i].text);
		ck_assert_msg((size_t)(e.at - cases[i].text) == cases[i].at, "%s: at %zu",
			      cases[i].text, (size_t)(e.at - cases[i].text));
		ck_assert_msg(strstr(e.text, cases[i].says), "%s: %s", cases[i].text, e.text);
	}
}
END_TEST

START_TEST(test_nul)
{
	struct scan_error e;

	ck_assert(!scan_check(STR("{\0}"), 64, &e));
	ck_assert(!scan_check(STR("[\"\\\0\"]"), 64, &e));
	ck_assert(!scan_check(STR("{}\0"), 64, &e));
}
END_TEST

START_TEST(test_find)
{
	struct str text = STR(
		" {\"a\": [10, {\"b~/c\": 20}, 30], \"\\u00e9\": 40, \"\": {\"x\": 50}}");
	static const struct {
		const char *pointer, *finds;
	} cases[] = {
		{ "", "{" },
		{ "/a", "[10" },
		{ "/a/0", "10" },
		{ "/a/1/b~0~1c", "20" },
		{ "/a/2", "30" },
		{ "/\xc3\xa9", "40" },
		{ "//x", "50" },
		/* What is not there: the nearest ancestor. */
		{ "/a/7", "[10" },
		{ "/a/x/y", "[10" },
		{ "/a/1/none", "{\"b" },
		{ "/none", "{" },
		{ "/a/0/deeper", "10" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(strncmp(scan_find(text, cases[i].pointer), cases[i].finds,
				      strlen(cases[i].finds)) == 0,
			      "%s", cases[i].pointer);
	ck_slice(scan_value_text(text, scan_find(text, "/a")), "[10, {\"b~/c\": 20}, 30]");
}
END_TEST

int main(void)
{
	return SUITE("scan", test_valid, test_faults, test_nul, test_find);
}
