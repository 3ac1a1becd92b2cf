/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/strict.h -- a second reader of HTTP/1.1, for fuzzers to compare the gateway's with.
 * Included by: fuzz_request, fuzz_response, fuzz_exchange.  Never: shares code with core/http or
 * llhttp; never guesses: a message that RFC 9112 does not permit is STRICT_BAD. */
#ifndef GATEHOUSE_FUZZ_STRICT_H
#define GATEHOUSE_FUZZ_STRICT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* CUT: valid as far as it goes.  HEAD: the head is whole, the body is cut. */
enum strict_result { STRICT_WHOLE, STRICT_HEAD, STRICT_CUT, STRICT_BAD };
enum strict_framing { STRICT_NONE, STRICT_LENGTH, STRICT_CHUNKED, STRICT_CLOSE };

enum { STRICT_FIELDS = 512 };

struct strict_text {
	const char *p;
	size_t n;
};

struct strict_message {
	struct strict_text method, target; /* request */
	int status;                        /* response */
	int minor;
	struct strict_text name[STRICT_FIELDS], value[STRICT_FIELDS];
	size_t count;
	enum strict_framing framing;
	uint64_t length;
	size_t head, end; /* where the head and the message end */
	char *body;       /* decoded, malloc'ed; NULL until the head is whole */
	size_t body_n;
};

static inline bool strict_is(struct strict_text t, const char *word)
{
	return t.n == strlen(word) && strncasecmp(t.p, word, t.n) == 0;
}

static inline bool strict_tchar(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static inline bool strict_token(struct strict_text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (!strict_tchar((unsigned char)t.p[i]))
			return false;
	return t.n > 0;
}

/* VCHAR, space, tab and obs-text. */
static inline bool strict_printable(struct strict_text t)
{
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static inline struct strict_text strict_trim(struct strict_text t)
{
	while (t.n && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.n--;
	}
	while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
		t.n--;
	return t;
}

/* One line at *at, ended by CR LF: CUT when there is no end yet; *at moves behind it. */
static inline enum strict_result strict_line(const char *p, size_t n, size_t *at,
					     struct strict_text *line)
{
	for (size_t i = *at; i < n; i++) {
		if (p[i] == '\n' || p[i] == '\0')
			return STRICT_BAD;
		if (p[i] != '\r')
			continue;
		if (i + 1 == n)
			return STRICT_CUT;
		if (p[i + 1] != '\n')
			return STRICT_BAD;
		*line = (struct strict_text){ p + *at, i - *at };
		*at = i + 2;
		return STRICT_WHOLE;
	}
	return STRICT_CUT;
}

static inline bool strict_version(struct strict_text t, int *minor)
{
	if (t.n != 8 || memcmp(t.p, "HTTP/1.", 7) != 0 || (t.p[7] != '0' && t.p[7] != '1'))
		return false;
	*minor = t.p[7] - '0';
	return true;
}

/* method SP target SP version */
static inline bool strict_request_line(struct strict_message *m, struct strict_text line)
{
	const char *first = memchr(line.p, ' ', line.n), *end = line.p + line.n, *second;

	if (!first || !(second = memchr(first + 1, ' ', (size_t)(end - first - 1))))
		return false;
	m->method = (struct strict_text){ line.p, (size_t)(first - line.p) };
	m->target = (struct strict_text){ first + 1, (size_t)(second - first - 1) };
	for (size_t i = 0; i < m->target.n; i++)
		if ((unsigned char)m->target.p[i] <= 0x20 || (unsigned char)m->target.p[i] >= 0x7f)
			return false;
	return strict_token(m->method) && m->target.n &&
	       strict_version((struct strict_text){ second + 1, (size_t)(end - second - 1) },
			      &m->minor);
}

/* version SP 3DIGIT [ SP reason ]: many servers leave the second space out. */
static inline bool strict_status_line(struct strict_message *m, struct strict_text line)
{
	struct strict_text reason = { line.p + 12, line.n < 12 ? 0 : line.n - 12 };

	if (line.n < 12 || !strict_version((struct strict_text){ line.p, 8 }, &m->minor) ||
	    line.p[8] != ' ' || line.p[9] < '1' || line.p[9] > '9')
		return false;
	for (int i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
		m->status = m->status * 10 + line.p[i] - '0';
	}
	return strict_printable(reason) && (reason.n == 0 || reason.p[0] == ' ');
}

static inline bool strict_field(struct strict_message *m, struct strict_text line)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;

	if (!colon || m->count == STRICT_FIELDS)
		return false;
	struct strict_text name = { line.p, (size_t)(colon - line.p) };
	struct strict_text value = { colon + 1, line.n - name.n - 1 };
	m->name[m->count] = name;
	m->value[m->count] = strict_trim(value);
	return strict_token(name) && strict_printable(m->value[m->count++]);
}

/* Field lines up to the empty one. */
static inline enum strict_result strict_fields(struct strict_message *m, const char *p, size_t n,
					       size_t *at)
{
	struct strict_text line;
	enum strict_result r;

	while ((r = strict_line(p, n, at, &line)) == STRICT_WHOLE) {
		if (line.n == 0)
			return STRICT_WHOLE;
		if (!strict_field(m, line))
			return STRICT_BAD;
	}
	return r;
}

static inline size_t strict_count(const struct strict_message *m, const char *name,
				  struct strict_text *last)
{
	size_t count = 0;

	for (size_t i = 0; i < m->count; i++)
		if (strict_is(m->name[i], name)) {
			*last = m->value[i];
			count++;
		}
	return count;
}

static inline bool strict_number(struct strict_text t, uint64_t *to)
{
	*to = 0;
	for (size_t i = 0; i < t.n; i++) {
		uint64_t digit = (uint64_t)(t.p[i] - '0');
		if (t.p[i] < '0' || t.p[i] > '9' || *to > (INT64_MAX - digit) / 10)
			return false;
		*to = *to * 10 + digit;
	}
	return t.n > 0;
}

/* RFC 9112, 6.3, without any of its leniency: one Content-Length or one Transfer-Encoding. */
static inline bool strict_framing(struct strict_message *m, bool request)
{
	struct strict_text length = { NULL, 0 }, coding = { NULL, 0 };
	size_t lengths = strict_count(m, "content-length", &length);
	size_t codings = strict_count(m, "transfer-encoding", &coding);

	if (lengths + codings > 1 || (lengths && !strict_number(length, &m->length)) ||
	    (codings && (!strict_is(coding, "chunked") || m->minor == 0)))
		return false;
	m->framing = codings              ? STRICT_CHUNKED :
		     lengths && m->length ? STRICT_LENGTH :
		     lengths || request   ? STRICT_NONE :
					    STRICT_CLOSE;
	return true;
}

/* chunk-size [ BWS ";" printable ]: false unless the value is under 2^63. */
static inline bool strict_chunk_line(struct strict_text line, uint64_t *size)
{
	size_t i = 0;

	*size = 0;
	for (; i < line.n; i++) {
		const char *digits = "00112233445566778899aAbBcCdDeEfF";
		const char *at = line.p[i] ? strchr(digits, line.p[i]) : NULL;
		if (!at)
			break;
		if (*size >> 59)
			return false;
		*size = *size * 16 + (uint64_t)(at - digits) / 2;
	}
	struct strict_text rest = { line.p + i, line.n - i };
	if (i == 0 || !strict_printable(rest))
		return false;
	rest = strict_trim(rest);
	return line.n == i || (rest.n && rest.p[0] == ';');
}

static inline enum strict_result strict_chunks(struct strict_message *m, const char *p, size_t n)
{
	size_t at = m->head;
	struct strict_text line;
	enum strict_result r;
	uint64_t size;

	while ((r = strict_line(p, n, &at, &line)) == STRICT_WHOLE) {
		if (!strict_chunk_line(line, &size))
			return STRICT_BAD;
		if (size == 0) {
			size_t fields = m->count;
			r = strict_fields(m, p, n, &at);
			m->count = fields;
			m->end = at;
			return r == STRICT_CUT ? STRICT_HEAD : r;
		}
		size_t left = n - at, take = size < left ? (size_t)size : left;
		memcpy(m->body + m->body_n, p + at, take);
		m->body_n += take;
		at += take;
		if (take < size || at == n)
			return STRICT_HEAD;
		if (p[at] != '\r' || (at + 1 < n && p[at + 1] != '\n'))
			return STRICT_BAD;
		if (at + 1 == n)
			return STRICT_HEAD;
		at += 2;
	}
	return r == STRICT_CUT ? STRICT_HEAD : r;
}

static inline enum strict_result strict_body(struct strict_message *m, const char *p, size_t n)
{
	size_t left = n - m->head;

	m->body = malloc(left + 1);
	m->end = m->head;
	switch (m->framing) {
	case STRICT_NONE:
		return STRICT_WHOLE;
	case STRICT_CHUNKED:
		return strict_chunks(m, p, n);
	case STRICT_LENGTH:
		m->body_n = m->length < left ? (size_t)m->length : left;
		break;
	case STRICT_CLOSE:
		m->body_n = left;
		break;
	}
	memcpy(m->body, p + m->head, m->body_n);
	m->end = m->head + m->body_n;
	return m->framing == STRICT_LENGTH && m->length > left ? STRICT_HEAD : STRICT_WHOLE;
}

static inline void strict_fini(struct strict_message *m)
{
	free(m->body);
	m->body = NULL;
}

/* The request at p, which one empty line may precede (RFC 9112, 2.2).  strict_fini() it. */
static inline enum strict_result strict_request(struct strict_message *m, const char *p, size_t n)
{
	size_t at = n >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
	struct strict_text line;
	enum strict_result r;

	memset(m, 0, sizeof(*m));
	if ((r = strict_line(p, n, &at, &line)) != STRICT_WHOLE)
		return r;
	if (!strict_request_line(m, line))
		return STRICT_BAD;
	if ((r = strict_fields(m, p, n, &at)) != STRICT_WHOLE)
		return r;
	m->head = at;
	return strict_framing(m, true) ? strict_body(m, p, n) : STRICT_BAD;
}

/* The response at p; a body that the end of the connection ends is all there is.  What a 1xx or
 * 204 says about a body it can't have is not held against it (RFC 9112, 6.3). */
static inline enum strict_result strict_response(struct strict_message *m, const char *p, size_t n,
						 bool to_head)
{
	struct strict_text line;
	enum strict_result r;
	size_t at = 0;

	memset(m, 0, sizeof(*m));
	if ((r = strict_line(p, n, &at, &line)) != STRICT_WHOLE)
		return r;
	if (!strict_status_line(m, line))
		return STRICT_BAD;
	if ((r = strict_fields(m, p, n, &at)) != STRICT_WHOLE)
		return r;
	m->head = at;
	if (!strict_framing(m, false))
		return STRICT_BAD;
	if (to_head || m->status < 200 || m->status == 204 || m->status == 304)
		m->framing = STRICT_NONE;
	return strict_body(m, p, n);
}

#endif
