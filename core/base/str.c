/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"

/* Eight bytes at once, with the ASCII upper-case letters among them made lower case. */
static uint64_t str_lower8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t seven_bits = x & (0x7f * ones);
	uint64_t from_a = seven_bits + (0x80 - 'A') * ones;
	uint64_t above_z = seven_bits + (0x7f - 'Z') * ones;
	uint64_t upper = (from_a ^ above_z) & ~x & (0x80 * ones);
	return x | upper >> 2;
}

static uint64_t str_load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* Four to eight bytes as one number, some of them twice. */
static uint64_t str_load4(const char *p, size_t n)
{
	uint32_t first, last;

	memcpy(&first, p, sizeof(first));
	memcpy(&last, p + n - sizeof(last), sizeof(last));
	return (uint64_t)first << 32 | last;
}

bool str_ieq_n(const char *a, const char *b, size_t n)
{
	if (n >= 8) {
		/* The last eight overlap those before. */
		for (size_t i = 0; i < n - 8; i += 8)
			if (str_lower8(str_load8(a + i)) != str_lower8(str_load8(b + i)))
				return false;
		return str_lower8(str_load8(a + n - 8)) == str_lower8(str_load8(b + n - 8));
	}
	if (n >= 4)
		return str_lower8(str_load4(a, n)) == str_lower8(str_load4(b, n));
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_next(struct str *rest, char sep, struct str *element)
{
	if (!rest->p)
		return false;
	const char *end = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	if (!end) {
		*element = str_trim(*rest);
		*rest = (struct str){ NULL, 0 };
		return true;
	}
	size_t n = (size_t)(end - rest->p);
	*element = str_trim((struct str){ rest->p, n });
	rest->p += n + 1;
	rest->n -= n + 1;
	return true;
}

int str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
	enum { ALWAYS_FIT = 19 }; /* digits */
	uint64_t value = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';
		if (digit > 9)
			return -1;
		if (i >= ALWAYS_FIT && value > (UINT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (value > max)
		return -1;
	*out = value;
	return 0;
}

char *str_dup(struct str s)
{
	char *copy = xcalloc(1, s.n + 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

/* SipHash-1-3 (Aumasson and Bernstein), the variant made for hash tables. */
static void str_sip_round(uint64_t v[4])
{
#define STR_ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))
	v[0] += v[1];
	v[1] = STR_ROTATE(v[1], 13) ^ v[0];
	v[0] = STR_ROTATE(v[0], 32);
	v[2] += v[3];
	v[3] = STR_ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = STR_ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = STR_ROTATE(v[1], 17) ^ v[2];
	v[2] = STR_ROTATE(v[2], 32);
#undef STR_ROTATE
}

static const uint64_t *str_hash_key(void)
{
	static uint64_t key[2];
	static bool seeded;

	if (!seeded) {
		must(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
		seeded = true;
	}
	return key;
}

uint64_t str_hash(struct str s)
{
	const uint64_t *key = str_hash_key();
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	size_t whole = s.n & ~(size_t)7;
	uint64_t word;

	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		str_sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)s.n << 56;
	for (size_t i = whole; i < s.n; i++)
		word |= (uint64_t)(unsigned char)s.p[i] << (i - whole) * 8;
	v[3] ^= word;
	str_sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		str_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Keeps out overlong forms, surrogates and what is past U+10FFFF (RFC 3629, 4): for four
 * lead bytes, only part of the continuation bytes may come second. */
static bool str_utf8_second(unsigned char lead, unsigned char second)
{
	switch (lead) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

size_t str_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.n < n || !str_utf8_second(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool str_utf8_valid(struct str s)
{
	while (s.n) {
		size_t n = str_utf8(s);
		if (n == 0)
			return false;
		s.p += n;
		s.n -= n;
	}
	return true;
}

enum { STR_NEAREST_MAX = 64 };

static unsigned str_min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours, whatever the case. */
static unsigned str_edits(struct str a, struct str b)
{
	unsigned rows[3][STR_NEAREST_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b.n; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);
			row[j] = str_min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) &&
			    y == ascii_lower(a.p[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		unsigned *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b.n];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t n)
{
	struct str w = str_from(word);
	const char *nearest = NULL;
	unsigned best = (unsigned)(w.n < STR_NEAREST_MAX ? w.n : 0) / 3 + 1;

	if (w.n < 2 || w.n > STR_NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct str c = str_from(candidates[i]);
		if (c.n == 0 || c.n > STR_NEAREST_MAX)
			continue;
		unsigned edits = str_edits(w, c);
		if (edits < best || (edits == best && !nearest)) {
			best = edits;
			nearest = candidates[i];
		}
	}
	return nearest;
}
