/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

#define ALPHA_LOWER_                                                                               \
	['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1,    \
	['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1,    \
	['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,    \
	['y'] = 1, ['z'] = 1
#define ALPHA_UPPER_                                                                               \
	['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1,    \
	['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,    \
	['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,    \
	['Y'] = 1, ['Z'] = 1
#define DIGIT_                                                                                     \
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,    \
	['8'] = 1, ['9'] = 1

const uint8_t field_tchar[256] = {
	ALPHA_LOWER_, ALPHA_UPPER_, DIGIT_,     ['!'] = 1, ['#'] = 1, ['$'] = 1,
	['%'] = 1,    ['&'] = 1,    ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1,
	['.'] = 1,    ['^'] = 1,    ['_'] = 1,  ['`'] = 1, ['|'] = 1, ['~'] = 1,
};

enum { FIELD_ROW_SIZE = 32 };

/* Not all end with a NUL. */
static const char field_rows[FIELD_COUNT][FIELD_ROW_SIZE] = {
#define FIELD_ROW_(symbol, name, owner) [FIELD_##symbol] = name,
	FIELDS(FIELD_ROW_)
#undef FIELD_ROW_
};

/* Names of the same length that are known, by length: at most four to compare with. */
static const uint8_t field_by_length[][4] = {
	[2] = { FIELD_TE },
	[3] = { FIELD_VIA },
	[4] = { FIELD_HOST, FIELD_DATE },
	[6] = { FIELD_EXPECT, FIELD_SERVER },
	[7] = { FIELD_UPGRADE, FIELD_TRAILER },
	[10] = { FIELD_CONNECTION, FIELD_KEEP_ALIVE },
	[12] = { FIELD_CONTENT_TYPE, FIELD_X_REQUEST_ID, FIELD_MAX_FORWARDS },
	[14] = { FIELD_CONTENT_LENGTH, FIELD_HTTP2_SETTINGS },
	[15] = { FIELD_X_FORWARDED_FOR },
	[16] = { FIELD_PROXY_CONNECTION, FIELD_X_FORWARDED_HOST },
	[17] = { FIELD_TRANSFER_ENCODING, FIELD_X_FORWARDED_PROTO },
	[18] = { FIELD_PROXY_AUTHENTICATE },
	[19] = { FIELD_PROXY_AUTHORIZATION },
};

/* Eight bytes of a name with its letters made lower case: of token characters no other comes out as
 * one that is in a row. */
static bool field_same8(const char *p, const char *row)
{
	uint64_t x, y;

	memcpy(&x, p, sizeof(x));
	memcpy(&y, row, sizeof(y));
	return (x | 0x2020202020202020u) == y;
}

static bool field_same4(const char *p, const char *row)
{
	uint32_t x, y;

	memcpy(&x, p, sizeof(x));
	memcpy(&y, row, sizeof(y));
	return (x | 0x20202020u) == y;
}

/* n bytes of a name and of a row; the last ones overlap those before. */
static bool field_same(const char *p, const char *row, size_t n)
{
	if (n < 4)
		return str_ieq_n(p, row, n);
	if (n < 8)
		return field_same4(p, row) && field_same4(p + n - 4, row + n - 4);
	for (size_t i = 0; i < n - 8; i += 8)
		if (!field_same8(p + i, row + i))
			return false;
	return field_same8(p + n - 8, row + n - 8);
}

enum field_id field_lookup(struct str name)
{
	if (name.n >= sizeof(field_by_length) / sizeof(field_by_length[0]))
		return FIELD_OTHER;
	const uint8_t *candidates = field_by_length[name.n];
	for (int i = 0; i < 4 && candidates[i]; i++) {
		if (field_same(name.p, field_rows[candidates[i]], name.n))
			return (enum field_id)candidates[i];
	}
	return FIELD_OTHER;
}

bool field_name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!field_tchar[(uint8_t)name.p[i]])
			return false;
	return name.n > 0;
}

/* Sixteen bytes at once, on whatever the machine has for that. */
typedef uint8_t field_vector __attribute__((vector_size(16)));

/* 0xff for each control character among them, HTAB too. */
static field_vector field_controls(const char *p)
{
	field_vector x;

	memcpy(&x, p, sizeof(x));
	return (field_vector)((x < 0x20) | (x == 0x7f));
}

static size_t field_sum(field_vector v)
{
	const uint64_t ones = 0x0101010101010101u, evens = 0x00ff00ff00ff00ffu;
	uint64_t halves[2];
	size_t sum = 0;

	memcpy(halves, &v, sizeof(halves));
	for (int i = 0; i < 2; i++) {
		uint64_t pairs = (halves[i] & evens) + (halves[i] >> 8 & evens);
		sum += pairs * (ones & evens) >> 48;
	}
	return sum;
}

/* The last rest < 16 bytes before end, of text that is as long as a vector: those before them are
 * looked at, and not counted, a second time. */
static field_vector field_controls_rest(const char *end, size_t rest)
{
	static const uint8_t counted[2 * sizeof(field_vector)] = {
		[16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff,        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};
	field_vector mask;

	memcpy(&mask, counted + rest, sizeof(mask));
	return field_controls(end - sizeof(mask)) & mask;
}

/* Text that is shorter than a vector. */
static size_t field_count_few(const char *p, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += (uint8_t)p[i] < 0x20 || p[i] == 0x7f;
	return total;
}

size_t field_count_controls(const char *p, size_t n)
{
	enum { TURNS_MAX = 255 - 1 }; /* what a byte can count, and the rest */
	const size_t step = sizeof(field_vector);
	const char *const text_end = p + n;
	size_t total = 0;

	if (n < step)
		return field_count_few(p, n);
	do {
		field_vector counts = { 0 };
		size_t turns = n / step < TURNS_MAX ? n / step : TURNS_MAX;
		n -= turns * step;
		for (const char *end = p + turns * step; p < end; p += step)
			counts -= field_controls(p);
		if (n < step)
			counts -= field_controls_rest(text_end, n);
		total += field_sum(counts);
	} while (n >= step);
	return total;
}

static bool field_no_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

bool field_value_valid(struct str value)
{
	size_t i = 0;

	if (value.n == 0)
		return true;
	for (; i + 16 <= value.n; i += 16)
		if (field_sum(field_controls(value.p + i)) && !field_no_control(value.p + i, 16))
			return false;
	if (!field_no_control(value.p + i, value.n - i))
		return false;
	return !str_is_ows(value.p[0]) && !str_is_ows(value.p[value.n - 1]);
}

bool field_list_has(struct str list, struct str token)
{
	struct str element;
	while (str_next(&list, ',', &element))
		if (str_ieq(element, token))
			return true;
	return false;
}
