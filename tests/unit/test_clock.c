/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "suite.h"

static const uint64_t SECOND = 1000000;

START_TEST(test_known_times)
{
	static const struct {
		uint64_t second;
		const char *rfc3339, *http;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 784111777, "1994-11-06T08:49:37.000000Z", "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ 951782400, "2000-02-29T00:00:00.000000Z", "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 1769903999, "2026-01-31T23:59:59.000000Z", "Sat, 31 Jan 2026 23:59:59 GMT" },
		{ 4107542400, "2100-03-01T00:00:00.000000Z", "Mon, 01 Mar 2100 00:00:00 GMT" },
		{ 253402300799, "9999-12-31T23:59:59.000000Z", "Fri, 31 Dec 9999 23:59:59 GMT" },
		/* There is no text for the year 10000. */
		{ 253402300800, "9999-12-31T23:59:59.000000Z", "Fri, 31 Dec 9999 23:59:59 GMT" },
		{ 0, "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
	};
	char rfc3339[CLOCK_RFC3339_SIZE], http[CLOCK_HTTP_DATE_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_rfc3339(cases[i].second * SECOND, rfc3339);
		clock_http_date(cases[i].second * SECOND + 999999, http);
		ck_assert_str_eq(rfc3339, cases[i].rfc3339);
		ck_assert_str_eq(http, cases[i].http);
	}
}
END_TEST

START_TEST(test_microseconds_in_a_cached_second)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_rfc3339(1769903999 * SECOND + 123456, text);
	ck_assert_str_eq(text, "2026-01-31T23:59:59.123456Z");
	clock_rfc3339(1769903999 * SECOND + 7, text);
	ck_assert_str_eq(text, "2026-01-31T23:59:59.000007Z");
	clock_rfc3339(1769904000 * SECOND - 1, text);
	ck_assert_str_eq(text, "2026-01-31T23:59:59.999999Z");
	clock_rfc3339(1769904000 * SECOND, text);
	ck_assert_str_eq(text, "2026-02-01T00:00:00.000000Z");
}
END_TEST

START_TEST(test_every_day_agrees_with_libc)
{
	char http[CLOCK_HTTP_DATE_SIZE], libc[64];

	for (time_t t = 0; t < 86400L * 366 * 60; t += 86400 * 11 + 3671) {
		struct tm parts;
		gmtime_r(&t, &parts);
		strftime(libc, sizeof(libc), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		clock_http_date((uint64_t)t * SECOND, http);
		ck_assert_str_eq(http, libc);
	}
}
END_TEST

START_TEST(test_now)
{
	uint64_t mono = clock_mono_ns(), wall = clock_wall_us();

	ck_assert(clock_mono_ns() >= mono);
	ck_assert(wall / SECOND >= (uint64_t)time(NULL) - 2);
	ck_assert(wall / SECOND <= (uint64_t)time(NULL) + 2);
}
END_TEST

int main(void)
{
	return SUITE("clock", test_known_times, test_microseconds_in_a_cached_second,
		     test_every_day_agrees_with_libc, test_now);
}
