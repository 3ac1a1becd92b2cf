/* SPDX-License-Identifier: Apache-2.0 */
/* base/str.h -- slices of text: a pointer and a length, never owned, never NUL-terminated.
 * Called by: everything.  Never: allocates. */
#ifndef GATEHOUSE_BASE_STR_H
#define GATEHOUSE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A slice.  p == NULL means absent; n == 0 with p set means empty.  The same
 * layout as struct gh_str of the plugin ABI. */
struct str {
	const char *p;
	size_t n;
};

/* A slice of a string literal, as a compound literal. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/* The two arguments of a "%.*s" conversion. */
#define STR_ARGS(s) (int)(s).n, (s).p

/* A slice of a NUL-terminated string; absent for NULL. */
static inline struct str str_from(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

/* Byte for byte. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Optional white space (RFC 9110, 5.6.3). */
static inline bool str_is_ows(char c)
{
	return c == ' ' || c == '\t';
}

/* The slice without such at both ends. */
static inline struct str str_trim(struct str s)
{
	for (; s.n && str_is_ows(s.p[0]); s.n--)
		s.p++;
	while (s.n && str_is_ows(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* n bytes on either side, without regard to ASCII case, whatever the locale. */
bool str_ieq_n(const char *a, const char *b, size_t n);
/* Orders as memcmp, a shorter prefix first. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
/* Cuts the next element off a list separated by sep, trimmed, and moves *rest behind
 * it; false at the end, when *rest is absent.  Empty elements are returned too, so that
 * "a," has two and "" has one. */
bool str_next(struct str *rest, char sep, struct str *element);
/* The decimal digits of s as a number: 0 and *out set, or -1 when empty, not all digits, or
 * over max. */
int str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* A NUL-terminated copy on the heap (free() it); aborts when out of memory. */
char *str_dup(struct str s);
/* 64-bit hash, seeded once per process from the kernel's randomness, so that
 * nobody outside can choose colliding keys. */
uint64_t str_hash(struct str s);
/* The bytes (1 to 4) of the well-formed UTF-8 character (RFC 3629, 4) that s starts with;
 * 0 when s is empty or starts with anything else. */
size_t str_utf8(struct str s);
/* Whether s is UTF-8 from end to end. */
bool str_utf8_valid(struct str s);
/* The candidate nearest to word by edits, for "did you mean"; NULL when none is near. */
const char *str_nearest(const char *word, const char *const *candidates, size_t n);

/* Without regard to ASCII case, whatever the locale. */
static inline bool str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_ieq_n(a.p, b.p, a.n);
}

static inline char ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

#endif
