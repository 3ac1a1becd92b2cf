/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/error.h"

/* The end of the year 9999: RFC 3339 and IMF-fixdate have four digits for a year. */
static const uint64_t CLOCK_LAST_SECOND = 253402300799;

uint64_t clock_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void clock_digits(char *to, int width, uint64_t value)
{
	while (width--) {
		to[width] = (char)('0' + value % 10);
		value /= 10;
	}
}

static struct tm clock_split(uint64_t second)
{
	time_t t = (time_t)second;
	struct tm parts;

	must(gmtime_r(&t, &parts) != NULL);
	return parts;
}

static uint64_t clock_second(uint64_t wall_us)
{
	uint64_t second = wall_us / 1000000;

	return second < CLOCK_LAST_SECOND ? second : CLOCK_LAST_SECOND;
}

static void clock_time_digits(char *to, const struct tm *t)
{
	clock_digits(to, 2, (uint64_t)t->tm_hour);
	clock_digits(to + 3, 2, (uint64_t)t->tm_min);
	clock_digits(to + 6, 2, (uint64_t)t->tm_sec);
}

void clock_rfc3339(uint64_t wall_us, char out[CLOCK_RFC3339_SIZE])
{
	static char text[CLOCK_RFC3339_SIZE] = "1970-01-01T00:00:00.000000Z";
	static uint64_t cached;
	uint64_t second = clock_second(wall_us);

	if (second != cached) {
		struct tm t = clock_split(second);
		clock_digits(text, 4, (uint64_t)t.tm_year + 1900);
		clock_digits(text + 5, 2, (uint64_t)t.tm_mon + 1);
		clock_digits(text + 8, 2, (uint64_t)t.tm_mday);
		clock_time_digits(text + 11, &t);
		cached = second;
	}
	memcpy(out, text, CLOCK_RFC3339_SIZE);
	clock_digits(out + 20, 6, wall_us % 1000000);
}

void clock_http_date(uint64_t wall_us, char out[CLOCK_HTTP_DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static char text[CLOCK_HTTP_DATE_SIZE] = "Thu, 01 Jan 1970 00:00:00 GMT";
	static uint64_t cached;
	uint64_t second = clock_second(wall_us);

	if (second != cached) {
		struct tm t = clock_split(second);
		memcpy(text, days + 3 * t.tm_wday, 3);
		clock_digits(text + 5, 2, (uint64_t)t.tm_mday);
		memcpy(text + 8, months + 3 * t.tm_mon, 3);
		clock_digits(text + 12, 4, (uint64_t)t.tm_year + 1900);
		clock_time_digits(text + 17, &t);
		cached = second;
	}
	memcpy(out, text, CLOCK_HTTP_DATE_SIZE);
}
