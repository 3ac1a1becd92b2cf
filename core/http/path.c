/* SPDX-License-Identifier: Apache-2.0 */
#include "http/path.h"

/* What each byte is in a path (RFC 3986, 3.3): u unreserved, d another one that may stand there
 * as it is, blank neither. */
static const char path_classes[128 + 1] = "                " /* controls */
					  "                "
					  " d  d ddddddduu "  /*  !"#$%&'()*+,-./ */
					  "uuuuuuuuuudd d  "  /* 0123456789:;<=>? */
					  "duuuuuuuuuuuuuuu"  /* @ABCDEFGHIJKLMNO */
					  "uuuuuuuuuuu    u"  /* PQRSTUVWXYZ[\]^_ */
					  " uuuuuuuuuuuuuuu"  /* `abcdefghijklmno */
					  "uuuuuuuuuuu   u "; /* pqrstuvwxyz{|}~ */

static bool path_is_allowed(unsigned char c)
{
	return c < 128 && path_classes[c] != ' ';
}

static bool path_is_unreserved(unsigned char c)
{
	return c < 128 && path_classes[c] == 'u';
}

static int path_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that s starts with in percent-encoding; -1 when it does not. */
static int path_encoded(struct str s)
{
	if (s.n < 3 || s.p[0] != '%')
		return -1;
	int high = path_hex(s.p[1]), low = path_hex(s.p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool path_is_slash(int c)
{
	return c == '/' || c == '\\';
}

struct path_scan {
	struct str rest; /* of what is read */
	const struct path_rules *rules;
	char *out;
	size_t n;       /* bytes written */
	size_t segment; /* where the current segment starts in out */
	/* How many more characters may not be decoded, lest they make a "%" that was passed as
	 * it is into an encoding: "%%341" must not become "%41". */
	unsigned verbatim;
};

static void path_put(struct path_scan *s, char c)
{
	s->out[s->n++] = c;
	if (s->verbatim)
		s->verbatim--;
}

static void path_skip(struct path_scan *s, size_t n)
{
	s->rest.p += n;
	s->rest.n -= n;
}

/* Three characters that stay, but for the case of their digits. */
static void path_put_encoded(struct path_scan *s, int c)
{
	static const char hex[] = "0123456789ABCDEF";

	path_put(s, '%');
	path_put(s, hex[c >> 4]);
	path_put(s, hex[c & 15]);
	path_skip(s, 3);
}

/* A whole character of encoded bytes (RFC 3629). */
static enum path_result path_take_utf8(struct path_scan *s)
{
	char bytes[4];
	size_t n = 0;
	struct str ahead = s->rest;

	for (int c; n < sizeof(bytes) && (c = path_encoded(ahead)) >= 0; n++) {
		bytes[n] = (char)c;
		ahead.p += 3;
		ahead.n -= 3;
	}
	n = str_utf8((struct str){ bytes, n });
	if (n == 0 && s->rules->invalid_utf8 == PATH_REJECT)
		return PATH_NOT_UTF8;
	for (size_t i = 0; i < (n ? n : 1); i++)
		path_put_encoded(s, path_encoded(s->rest));
	return PATH_OK;
}

static enum path_result path_take_percent(struct path_scan *s)
{
	int c = path_encoded(s->rest);

	if (c < 0 && s->rules->invalid_percent == PATH_REJECT)
		return PATH_BAD_PERCENT;
	if (c == 0 && s->rules->encoded_nul == PATH_REJECT)
		return PATH_NUL;
	if (path_is_slash(c) && s->rules->encoded_slash == PATH_REJECT)
		return PATH_ENCODED_SLASH;
	if (c >= 0x80)
		return path_take_utf8(s);
	if (c < 0) {
		path_put(s, '%');
		path_skip(s, 1);
		s->verbatim = 2;
	} else if (path_is_unreserved((unsigned char)c) && !s->verbatim) {
		path_put(s, (char)c);
		path_skip(s, 3);
	} else {
		path_put_encoded(s, c);
	}
	return PATH_OK;
}

/* Whether s starts with something that ends a name for some readers: an encoded slash or
 * backslash, or a parameter (";", of which Java servers ask nobody's leave). */
static bool path_ends_name(struct str s)
{
	return s.n == 0 || s.p[0] == ';' || path_is_slash(path_encoded(s)) ||
	       path_encoded(s) == ';';
}

/* Whether a segment that is neither "." nor ".." has one of them in it for some readers. */
static bool path_hides_dots(struct str segment)
{
	bool at_start = true;

	while (segment.n) {
		size_t dots = segment.p[0] != '.'                  ? 0 :
			      segment.n > 1 && segment.p[1] == '.' ? 2 :
								     1;
		if (at_start && dots &&
		    path_ends_name((struct str){ segment.p + dots, segment.n - dots }))
			return true;
		at_start = path_is_slash(path_encoded(segment));
		size_t step = at_start ? 3 : 1;
		segment.p += step;
		segment.n -= step;
	}
	return false;
}

/* Takes out the segment that ends here if it is empty or made of dots. */
static enum path_result path_end_segment(struct path_scan *s, bool last)
{
	struct str segment = { s->out + s->segment, s->n - s->segment };

	s->verbatim = 0;
	if (segment.n == 0 || str_eq(segment, STR("."))) {
		s->n = s->segment;
		return PATH_OK;
	}
	if (str_eq(segment, STR(".."))) {
		if (s->segment == 1)
			return PATH_ABOVE_ROOT;
		for (s->n = s->segment - 1; s->out[s->n - 1] != '/';)
			s->n--;
		s->segment = s->n;
		return PATH_OK;
	}
	if (path_hides_dots(segment))
		return PATH_HIDDEN_DOTS;
	if (!last)
		s->out[s->n++] = '/';
	s->segment = s->n;
	return PATH_OK;
}

static enum path_result path_take(struct path_scan *s)
{
	char c = s->rest.p[0];

	if (c == '%')
		return path_take_percent(s);
	if (c != '/' && !path_is_allowed((unsigned char)c))
		return PATH_BAD_CHAR;
	path_skip(s, 1);
	if (c == '/')
		return path_end_segment(s, false);
	path_put(s, c);
	return PATH_OK;
}

/* Most paths are in normal form and have nothing encoded: one look at each byte tells.  A segment
 * that starts with a dot is left to the other way. */
static bool path_is_plain(struct str raw)
{
	bool at_start = false;

	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];
		if (c == '/') {
			if (at_start)
				return false;
			at_start = true;
			continue;
		}
		if (!path_is_allowed((unsigned char)c) || (c == '.' && at_start))
			return false;
		at_start = false;
	}
	return true;
}

enum path_result path_normalise(struct str raw, const struct path_rules *rules, char *out,
				struct str *result, bool *changed)
{
	enum path_result end;

	if (raw.n == 0 || raw.p[0] != '/')
		return PATH_NO_SLASH;
	*changed = false;
	*result = raw;
	if (path_is_plain(raw))
		return PATH_OK;
	struct path_scan s = { .rest = raw, .rules = rules, .out = out, .n = 1, .segment = 1 };
	out[0] = '/';
	path_skip(&s, 1);
	while (s.rest.n)
		if ((end = path_take(&s)) != PATH_OK)
			return end;
	if ((end = path_end_segment(&s, true)) != PATH_OK)
		return end;
	out[s.n] = '\0';
	*changed = !str_eq(raw, (struct str){ out, s.n });
	if (*changed)
		*result = (struct str){ out, s.n };
	return PATH_OK;
}

const char *path_result_text(enum path_result result)
{
	static const char *const texts[] = {
#define PATH_RESULT_TEXT_(name, text) text,
		PATH_RESULTS(PATH_RESULT_TEXT_)
#undef PATH_RESULT_TEXT_
	};

	return texts[result];
}

bool path_query_valid(struct str query)
{
	for (size_t i = 0; i < query.n; i++) {
		unsigned char c = (unsigned char)query.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	return true;
}
