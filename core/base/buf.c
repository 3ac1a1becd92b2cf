/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_MIN = 256 };

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .limit = b->limit };
}

/* Doubles until there is room; the capacity never passes the limit, which is what lets
 * buf_append() look at the capacity alone. */
char *buf_room(struct buf *b, size_t n)
{
	if (b->p && b->cap - b->n >= n)
		return b->p + b->n;
	size_t limit = b->limit ? b->limit : SIZE_MAX / 2;
	if (b->n > limit || n > limit - b->n) {
		b->failed = true;
		return NULL;
	}
	size_t cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
	while (cap < b->n + n)
		cap *= 2;
	if (cap > limit)
		cap = limit;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->n;
}

char *put_u64(char *to, uint64_t value)
{
	unsigned n = 1;

	for (uint64_t power = 10; n < 20 && value >= power; power *= 10)
		n++;
	for (unsigned i = n; i--; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + n;
}

void buf_u64(struct buf *b, uint64_t value)
{
	char *to = buf_space(b, 20);

	if (to)
		b->n = (size_t)(put_u64(to, value) - b->p);
}

void buf_i64(struct buf *b, int64_t value)
{
	if (value >= 0) {
		buf_u64(b, (uint64_t)value);
		return;
	}
	buf_char(b, '-');
	buf_u64(b, 0 - (uint64_t)value);
}

void buf_hex(struct buf *b, uint64_t value)
{
	char digits[16];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	buf_append(b, digits + i, sizeof(digits) - i);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
		return;
	}
	/* vsnprintf() writes a NUL behind the text, which a buffer at its limit has no
	 * room for. */
	char small[256], *text = n < (int)sizeof(small) ? small : malloc((size_t)n + 1);
	if (!text) {
		b->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	buf_append(b, text, (size_t)n);
	if (text != small)
		free(text);
}

/* Whether a byte can stand in a JSON string as it is, without a look at its neighbours. */
static bool buf_json_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Whether eight bytes are all plain. */
static bool buf_json_plain8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t quote = x ^ '"' * ones;
	uint64_t backslash = x ^ '\\' * ones;
	uint64_t rubout = x ^ 0x7f * ones;

	/* Each term has the high bit of a byte set where the byte is below 0x20, or zero after the
	 * exclusive or; x itself where it is not ASCII. */
	return !(((x - 0x20 * ones) | (quote - ones) | (backslash - ones) | (rubout - ones) | x) &
		 0x80 * ones);
}

static uint64_t buf_load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* Whether all of s is plain; false is said of a few that are, too. */
static bool buf_json_all_plain(struct str s)
{
	uint32_t first, last;

	if (s.n >= 8) {
		/* The last eight overlap those before. */
		for (size_t i = 0; i < s.n - 8; i += 8)
			if (!buf_json_plain8(buf_load8(s.p + i)))
				return false;
		return buf_json_plain8(buf_load8(s.p + s.n - 8));
	}
	if (s.n >= 4) {
		memcpy(&first, s.p, sizeof(first));
		memcpy(&last, s.p + s.n - sizeof(last), sizeof(last));
		return buf_json_plain8((uint64_t)first << 32 | last);
	}
	for (size_t i = 0; i < s.n; i++)
		if (!buf_json_plain((unsigned char)s.p[i]))
			return false;
	return true;
}

static void buf_json_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char names[] = "b\bf\fn\nr\rt\t\"\"\\\\";

	for (size_t i = 0; i < sizeof(names) - 1; i += 2)
		if ((unsigned char)names[i + 1] == c) {
			buf_append(b, (char[]){ '\\', names[i] }, 2);
			return;
		}
	buf_append(b, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
}

/* One character that is not plain; the bytes of s it took. */
static size_t buf_json_special(struct buf *b, struct str s)
{
	size_t n = str_utf8(s);

	if (n == 0) {
		buf_lit(b, "\xef\xbf\xbd");
		return 1;
	}
	if (n == 1)
		buf_json_escape(b, (unsigned char)s.p[0]);
	else if (n == 2 && (unsigned char)s.p[0] == 0xc2 && (unsigned char)s.p[1] < 0xa0)
		buf_json_escape(b, (unsigned char)s.p[1]);
	else if (n == 3 && memcmp(s.p, "\xe2\x80\xa8", 3) == 0)
		buf_lit(b, "\\u2028");
	else if (n == 3 && memcmp(s.p, "\xe2\x80\xa9", 3) == 0)
		buf_lit(b, "\\u2029");
	else
		buf_append(b, s.p, n);
	return n;
}

void buf_json(struct buf *b, struct str s)
{
	size_t from = 0, i = 0;
	char *to;

	if (buf_json_all_plain(s) && (to = buf_space(b, s.n + 2))) {
		*to = '"';
		to = put_str(to + 1, s);
		*to = '"';
		b->n += s.n + 2;
		return;
	}
	buf_char(b, '"');
	while (i < s.n) {
		if (i + 8 <= s.n && buf_json_plain8(buf_load8(s.p + i))) {
			i += 8;
			continue;
		}
		if (buf_json_plain((unsigned char)s.p[i])) {
			i++;
			continue;
		}
		buf_append(b, s.p + from, i - from);
		i += buf_json_special(b, (struct str){ s.p + i, s.n - i });
		from = i;
	}
	if (s.n)
		buf_append(b, s.p + from, s.n - from);
	buf_char(b, '"');
}

char *put_json(char *to, struct str s)
{
	if (buf_json_all_plain(s)) {
		*to = '"';
		to = put_str(to + 1, s);
		*to = '"';
		return to + 1;
	}
	struct buf b = { .p = to, .cap = 6 * s.n + 2 };
	buf_json(&b, s);
	return to + b.n;
}

void buf_url(struct buf *b, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char code[3] = { '%', hex[c >> 4], hex[c & 15] };

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    c == '-' || c == '.' || c == '_' || c == '~')
			buf_char(b, (char)c);
		else
			buf_append(b, code, sizeof(code));
	}
}
