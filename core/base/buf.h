/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.h -- a growing run of bytes with a limit, for building heads, JSON and log lines.
 * Called by: writers of text.  Never: grows past its limit. */
#ifndef GATEHOUSE_BASE_BUF_H
#define GATEHOUSE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* Embedded; all zero is a valid empty buffer without a limit.  When an append
 * would pass the limit (or memory ends) nothing is written and failed is set;
 * look at it once, after the last append. */
struct buf {
	char *p;
	size_t n;     /* bytes in use */
	size_t cap;   /* bytes there are */
	size_t limit; /* 0: none */
	bool failed;
};

void buf_init(struct buf *, size_t limit);
void buf_fini(struct buf *);
/* Room for n more bytes: where to write them (then add to ->n), or NULL. */
char *buf_room(struct buf *, size_t n);
void buf_u64(struct buf *, uint64_t);
void buf_i64(struct buf *, int64_t);
/* Lower case, without a prefix or leading zeros: also a chunk size (RFC 9112, 7.1). */
void buf_hex(struct buf *, uint64_t);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *, const char *format, ...);
/* A JSON string with its quotes (RFC 8259, 7).  Bytes that are not UTF-8 become U+FFFD; control
 * characters, DEL and the line separators U+2028/9 are escaped. */
void buf_json(struct buf *, struct str);
/* The contents as a slice. */
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

static inline void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

/* buf_room() where there mostly is room. */
static inline char *buf_space(struct buf *b, size_t n)
{
	return b->cap - b->n >= n ? b->p + b->n : buf_room(b, n);
}

static inline void buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	char *to = buf_space(b, n);
	if (to) {
		memcpy(to, p, n);
		b->n += n;
	}
}

static inline void buf_str_append(struct buf *b, struct str s)
{
	buf_append(b, s.p, s.n);
}

static inline void buf_char(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

/* Writing where buf_room() was asked for the whole before: each gives the end of what it wrote, and
 * ->n is set once behind the last. */
static inline char *put_str(char *to, struct str s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

/* At most 20 digits. */
char *put_u64(char *to, uint64_t);

/* The text as buf_json() writes it: at most six bytes for each, and two. */
char *put_json(char *to, struct str);

#define put_lit(to, literal) put_str((to), STR(literal))

/* A text as a part of a URL: everything but letters, digits, "-", ".", "_" and "~" is
 * percent-encoded (RFC 3986, 2.3). */
void buf_url(struct buf *, const char *text);

/* A string literal. */
#define buf_lit(b, literal) buf_append((b), "" literal, sizeof(literal) - 1)

#endif
