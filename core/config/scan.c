/* SPDX-License-Identifier: Apache-2.0 */
#include "config/scan.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

struct scan {
	const char *p, *end;
	unsigned depth, max_depth;
	struct scan_error *error;
};

static bool scan_value(struct scan *);

__attribute__((format(printf, 3, 4))) static bool scan_fail(struct scan *s, const char *at,
							    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	s->error->at = at;
	vsnprintf(s->error->text, sizeof(s->error->text), format, ap);
	va_end(ap);
	return false;
}

static void scan_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool scan_at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool scan_digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool scan_hex(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* What stands where something else should: the faults that people make by hand. */
static bool scan_unexpected(struct scan *s, const char *expected)
{
	unsigned char c;

	if (s->p >= s->end)
		return scan_fail(s, s->p, "the text ends too early; %s is expected here", expected);
	c = (unsigned char)*s->p;
	if (c == '#' || (c == '/' && s->end - s->p > 1 && (s->p[1] == '/' || s->p[1] == '*')))
		return scan_fail(s, s->p, "JSON has no comments; remove this one");
	if (c == '\'' || c == '`')
		return scan_fail(s, s->p, "strings and names take double quotes: \"");
	if (c >= 0x20 && c < 0x7f)
		return scan_fail(s, s->p, "unexpected '%c'; %s is expected here", c, expected);
	return scan_fail(s, s->p, "unexpected byte 0x%02x; %s is expected here", c, expected);
}

/* Behind a backslash. */
static bool scan_escape(struct scan *s)
{
	if (s->p < s->end && *s->p && strchr("\"\\/bfnrt", *s->p)) {
		s->p++;
		return true;
	}
	if (!scan_at(s, 'u'))
		return scan_fail(s, s->p - 1, "unknown escape; a backslash is written \\\\");
	s->p++;
	for (int i = 0; i < 4; i++, s->p++)
		if (s->p >= s->end || !scan_hex(*s->p))
			return scan_fail(s, s->p, "\\u takes four hexadecimal digits");
	return true;
}

static bool scan_string(struct scan *s)
{
	const char *start = s->p++;

	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p;
		if (c == '"') {
			s->p++;
			return true;
		}
		if (c == '\n' || c == '\r')
			return scan_fail(s, start, "this string has no closing quote on its line");
		if (c < 0x20)
			return scan_fail(s, s->p,
					 "control character 0x%02x in a string; write \\u%04x", c,
					 c);
		s->p++;
		if (c == '\\' && !scan_escape(s))
			return false;
	}
	return scan_fail(s, start, "this string has no closing quote");
}

static bool scan_digits(struct scan *s, const char *where)
{
	if (!scan_digit(s))
		return scan_fail(s, s->p, "a digit is missing %s", where);
	while (scan_digit(s))
		s->p++;
	return true;
}

static bool scan_number(struct scan *s)
{
	const char *start = s->p;

	if (scan_at(s, '-'))
		s->p++;
	if (scan_at(s, '0')) {
		s->p++;
		if (scan_digit(s))
			return scan_fail(s, start, "a number has no leading zero");
	} else if (!scan_digits(s, "after the sign")) {
		return false;
	}
	if (scan_at(s, '.')) {
		s->p++;
		if (!scan_digits(s, "after the point"))
			return false;
	}
	if (scan_at(s, 'e') || scan_at(s, 'E')) {
		s->p++;
		if (scan_at(s, '+') || scan_at(s, '-'))
			s->p++;
		if (!scan_digits(s, "in the exponent"))
			return false;
	}
	if (s->p < s->end && (scan_hex(*s->p) || strchr("gimstxKGMT%", *s->p)))
		return scan_fail(s, start, "a number with a unit takes double quotes: \"15s\"");
	return true;
}

/* true, false, null; anything else that looks like a word is a string without quotes. */
static bool scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *start = s->p;
	struct str word;

	while (s->p < s->end && ((*s->p >= 'a' && *s->p <= 'z') || (*s->p >= 'A' && *s->p <= 'Z') ||
				 *s->p == '_' || *s->p == '-' || scan_digit(s)))
		s->p++;
	word = (struct str){ start, (size_t)(s->p - start) };
	for (size_t i = 0; i < 3; i++)
		if (str_eq(word, str_from(words[i])))
			return true;
	if (word.n > 40)
		word.n = 40;
	return scan_fail(s, start,
			 "%.*s is not a JSON value; text takes double quotes, and only true, "
			 "false and null stand without them",
			 STR_ARGS(word));
}

/* Between two elements, or at the end.  *more says which. */
static bool scan_next(struct scan *s, char close, bool *more)
{
	const char *comma;

	scan_space(s);
	if (scan_at(s, close)) {
		s->p++;
		*more = false;
		return true;
	}
	if (scan_at(s, '"') || scan_at(s, '{') || scan_at(s, '['))
		return scan_fail(s, s->p, "a comma is missing before this");
	if (!scan_at(s, ','))
		return scan_unexpected(s, close == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"");
	comma = s->p++;
	*more = true;
	scan_space(s);
	if (scan_at(s, close))
		return scan_fail(s, comma, "a comma before \"%c\"; remove it", close);
	return true;
}

static bool scan_object(struct scan *s)
{
	bool more = true;

	s->p++;
	scan_space(s);
	if (scan_at(s, '}')) {
		s->p++;
		return true;
	}
	while (more) {
		scan_space(s);
		if (!scan_at(s, '"'))
			return scan_unexpected(s, "a member's name in double quotes");
		if (!scan_string(s))
			return false;
		scan_space(s);
		if (!scan_at(s, ':'))
			return scan_unexpected(s, "\":\" after a member's name");
		s->p++;
		if (!scan_value(s) || !scan_next(s, '}', &more))
			return false;
	}
	return true;
}

static bool scan_array(struct scan *s)
{
	bool more = true;

	s->p++;
	scan_space(s);
	if (scan_at(s, ']')) {
		s->p++;
		return true;
	}
	while (more)
		if (!scan_value(s) || !scan_next(s, ']', &more))
			return false;
	return true;
}

static bool scan_value(struct scan *s)
{
	bool ok;
	char c;

	scan_space(s);
	c = s->p < s->end ? *s->p : '\0';
	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return scan_word(s);
	if (c != '{' && c != '[')
		return scan_unexpected(s, "a value");
	if (s->depth == s->max_depth)
		return scan_fail(s, s->p, "nested more than %u levels deep", s->max_depth);
	s->depth++;
	ok = c == '{' ? scan_object(s) : scan_array(s);
	s->depth--;
	return ok;
}

bool scan_check(struct str text, unsigned max_depth, struct scan_error *error)
{
	struct scan s = {
		.p = text.p, .end = text.p + text.n, .max_depth = max_depth, .error = error
	};

	if (!scan_value(&s))
		return false;
	scan_space(&s);
	if (s.p < s.end) {
		if (*s.p == '#' || *s.p == '/')
			return scan_unexpected(&s, "the end");
		return scan_fail(&s, s.p, "more text after the end of the value; remove it");
	}
	return true;
}

/* Whether a segment of a JSON pointer, with its ~0 and ~1, names that key. */
static bool scan_segment_eq(struct str segment, struct str key)
{
	size_t k = 0;

	for (size_t i = 0; i < segment.n; i++, k++) {
		char c = segment.p[i];
		if (c == '~' && i + 1 < segment.n)
			c = segment.p[++i] == '1' ? '/' : '~';
		if (k >= key.n || key.p[k] != c)
			return false;
	}
	return k == key.n;
}

/* As scan_segment_eq(), for a member's name as it stands in the text, quotes included. */
static bool scan_name_eq(struct str segment, struct str quoted)
{
	struct str inner = { quoted.p + 1, quoted.n - 2 };
	json_t *decoded;
	bool same = false;

	if (!memchr(inner.p, '\\', inner.n))
		return scan_segment_eq(segment, inner);
	decoded = json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY, NULL);
	if (decoded)
		same = scan_segment_eq(segment, (struct str){ json_string_value(decoded),
							      json_string_length(decoded) });
	json_decref(decoded);
	return same;
}

/* Moves from the start of an object or array to the start of the child; false: there is none. */
static bool scan_child(struct scan *s, struct str segment)
{
	bool object = scan_at(s, '{'), more = true;
	uint64_t index = 0;

	if (!object && (!scan_at(s, '[') || str_to_u64(segment, UINT32_MAX, &index) < 0))
		return false;
	s->p++;
	scan_space(s);
	if (scan_at(s, '}') || scan_at(s, ']'))
		return false;
	while (more) {
		const char *name = s->p;
		bool here = !object && index-- == 0;
		if (object) {
			if (!scan_string(s))
				return false;
			here = scan_name_eq(segment, (struct str){ name, (size_t)(s->p - name) });
			scan_space(s);
			s->p++;
		}
		scan_space(s);
		if (here)
			return true;
		if (!scan_value(s) || !scan_next(s, object ? '}' : ']', &more))
			return false;
	}
	return false;
}

const char *scan_find(struct str text, const char *pointer)
{
	struct scan_error ignored;
	struct scan s = {
		.p = text.p, .end = text.p + text.n, .max_depth = UINT32_MAX, .error = &ignored
	};
	const char *found;

	scan_space(&s);
	found = s.p;
	while (*pointer == '/') {
		size_t n = strcspn(++pointer, "/");
		if (!scan_child(&s, (struct str){ pointer, n }))
			break;
		found = s.p;
		pointer += n;
	}
	return found;
}

struct str scan_value_text(struct str text, const char *p)
{
	struct scan_error ignored;
	struct scan s = {
		.p = p, .end = text.p + text.n, .max_depth = UINT32_MAX, .error = &ignored
	};

	if (!scan_value(&s))
		return (struct str){ p, 0 };
	return (struct str){ p, (size_t)(s.p - p) };
}
