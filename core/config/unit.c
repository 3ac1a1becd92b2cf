/* SPDX-License-Identifier: Apache-2.0 */
#include "config/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first, for the way back. */
static const struct unit unit_times[] = {
	{ "h", 3600 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 }
};
static const struct unit unit_sizes[] = { { "TiB", UINT64_C(1) << 40 },
					  { "GiB", UINT64_C(1) << 30 },
					  { "MiB", UINT64_C(1) << 20 },
					  { "KiB", UINT64_C(1) << 10 },
					  { "B", 1 },
					  { "", 1 },
					  { NULL, 0 } };

static size_t unit_digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/* Digits and one of the units, nothing between. */
static int unit_parse(struct str s, const struct unit *units, uint64_t max, uint64_t *out)
{
	size_t n = unit_digits(s);
	struct str name = { s.p + n, s.n - n };
	uint64_t number;

	if (str_to_u64((struct str){ s.p, n }, max, &number) < 0)
		return -1;
	for (; units->name; units++) {
		if (!str_eq(name, str_from(units->name)))
			continue;
		if (number > max / units->factor)
			return -1;
		*out = number * units->factor;
		return 0;
	}
	return -1;
}

int unit_duration(struct str s, uint64_t *ms)
{
	if (str_eq(s, STR("0"))) {
		*ms = 0;
		return 0;
	}
	return unit_parse(s, unit_times, UNIT_DURATION_MAX, ms);
}

int unit_size(struct str s, uint64_t *bytes)
{
	return unit_parse(s, unit_sizes, UNIT_SIZE_MAX, bytes);
}

/* Seconds of "s", "m" or "h"; 0 for another letter. */
static double unit_seconds(char c)
{
	return c == 's' ? 1 : c == 'm' ? 60 : c == 'h' ? 3600 : 0;
}

int unit_rate(struct str s, double *per_second)
{
	char text[40], *end;
	double seconds = s.n >= 3 && s.p[s.n - 2] == '/' ? unit_seconds(s.p[s.n - 1]) : 0;
	size_t n = s.n - 2;

	/* strtod() also takes signs, spaces, hexadecimal and "inf"; none of them is a rate. */
	if (seconds == 0 || n >= sizeof(text))
		return -1;
	memcpy(text, s.p, n);
	text[n] = '\0';
	if (strspn(text, "0123456789.") != n)
		return -1;
	*per_second = strtod(text, &end) / seconds;
	return *end || end == text ? -1 : 0;
}

static void unit_text(uint64_t value, const struct unit *units, char out[UNIT_TEXT_SIZE])
{
	while (units->factor > 1 && value % units->factor != 0)
		units++;
	snprintf(out, UNIT_TEXT_SIZE, "%" PRIu64 "%s", value / units->factor, units->name);
}

void unit_duration_text(uint64_t ms, char out[UNIT_TEXT_SIZE])
{
	unit_text(ms, ms ? unit_times : &unit_times[2], out);
}

void unit_size_text(uint64_t bytes, char out[UNIT_TEXT_SIZE])
{
	unit_text(bytes, bytes ? unit_sizes : &unit_sizes[4], out);
}

int unit_bool(struct str s, int *out)
{
	if (str_ieq(s, STR("true")) || str_ieq(s, STR("t")) || str_eq(s, STR("1"))) {
		*out = 1;
		return 0;
	}
	if (str_ieq(s, STR("false")) || str_ieq(s, STR("f")) || str_eq(s, STR("0"))) {
		*out = 0;
		return 0;
	}
	return -1;
}
