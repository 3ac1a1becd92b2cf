/* SPDX-License-Identifier: Apache-2.0 */
#include "config/unit.h"

#include "suite.h"

START_TEST(test_duration)
{
	static const char *const bad[] = { "",
					   "15",
					   "s",
					   "15 s",
					   "-1s",
					   "1.5s",
					   "1d",
					   "1S",
					   "1m30s",
					   "9000h",
					   "99999999999999999999s",
					   "0x1s",
					   "+1s" };
	uint64_t ms = 7;

	ck_assert(unit_duration(STR("250ms"), &ms) == 0 && ms == 250);
	ck_assert(unit_duration(STR("15s"), &ms) == 0 && ms == 15000);
	ck_assert(unit_duration(STR("5m"), &ms) == 0 && ms == 300000);
	ck_assert(unit_duration(STR("8784h"), &ms) == 0 && ms == UNIT_DURATION_MAX);
	ck_assert(unit_duration(STR("0"), &ms) == 0 && ms == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(unit_duration(str_from(bad[i]), &ms) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(test_size)
{
	static const char *const bad[] = {
		"",       "KiB", "16KB",  "16k",     "16kib",
		"1.5MiB", "-1",  "1 KiB", "1025TiB", "18446744073709551616"
	};
	uint64_t n = 7;

	ck_assert(unit_size(STR("512"), &n) == 0 && n == 512);
	ck_assert(unit_size(STR("512B"), &n) == 0 && n == 512);
	ck_assert(unit_size(STR("16KiB"), &n) == 0 && n == 16384);
	ck_assert(unit_size(STR("10MiB"), &n) == 0 && n == 10485760);
	ck_assert(unit_size(STR("1GiB"), &n) == 0 && n == 1073741824);
	ck_assert(unit_size(STR("1024TiB"), &n) == 0 && n == UNIT_SIZE_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(unit_size(str_from(bad[i]), &n) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(test_rate)
{
	static const char *const bad[] = { "",        "/s",    "100",   "100/", "100/d",
					   "1e3/s",   "inf/s", "nan/s", "-1/s", "0x10/s",
					   "1.2.3/s", " 1/s",  "1/ss",  "./s" };
	double n = 7;

	ck_assert(unit_rate(STR("100/s"), &n) == 0 && n == 100);
	ck_assert(unit_rate(STR("30/m"), &n) == 0 && n == 0.5);
	ck_assert(unit_rate(STR("36/h"), &n) == 0 && n == 0.01);
	ck_assert(unit_rate(STR("0.5/s"), &n) == 0 && n == 0.5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(unit_rate(str_from(bad[i]), &n) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(test_bool)
{
	int b = 7;

	ck_assert(unit_bool(STR("true"), &b) == 0 && b == 1);
	ck_assert(unit_bool(STR("F"), &b) == 0 && b == 0);
	ck_assert(unit_bool(STR("1"), &b) == 0 && b == 1);
	ck_assert(unit_bool(STR(""), &b) < 0);
	ck_assert(unit_bool(STR("yes"), &b) < 0);
	ck_assert(unit_bool(STR("2"), &b) < 0);
}
END_TEST

/* What is printed reads back as the same value. */
START_TEST(test_text)
{
	static const struct {
		uint64_t value;
		const char *duration, *size;
	} cases[] = {
		{ 0, "0s", "0B" },          { 1, "1ms", "1B" },
		{ 1000, "1s", "1000B" },    { 1024, "1024ms", "1KiB" },
		{ 90000, "90s", "90000B" }, { 3600000, "1h", "3600000B" },
	};
	char out[UNIT_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unit_duration_text(cases[i].value, out);
		ck_assert_str_eq(out, cases[i].duration);
		unit_size_text(cases[i].value, out);
		ck_assert_str_eq(out, cases[i].size);
	}
}
END_TEST

int main(void)
{
	return SUITE("unit", test_duration, test_size, test_rate, test_bool, test_text);
}
