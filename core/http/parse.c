/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parse.h"

enum { SPAN_NONE, SPAN_METHOD, SPAN_TARGET, SPAN_REASON, SPAN_NAME, SPAN_VALUE };

static struct parser *parse_self(llhttp_t *ll)
{
	return (struct parser *)(void *)((char *)ll - offsetof(struct parser, ll));
}

static int parse_fail(struct parser *ps, enum end_reason reason, const char *why)
{
	ps->reason = reason;
	ps->why = why;
	return HPE_USER;
}

/* llhttp hands a span over in pieces when it crosses two reads; since a head lies in one run
 * of memory, joining pieces is moving the end. */
static void parse_join(struct parser *ps, uint8_t span, const char *at, size_t n)
{
	if (ps->span == span && ps->joined.p)
		ps->joined.n = (size_t)(at + n - ps->joined.p);
	else
		ps->joined = (struct str){ at, n };
	ps->span = span;
}

static int parse_on_method(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	parse_join(ps, SPAN_METHOD, at, n);
	ps->head->method = ps->joined;
	return 0;
}

static int parse_on_url(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	parse_join(ps, SPAN_TARGET, at, n);
	ps->head->target = ps->joined;
	if (ps->joined.n > ps->limits->target)
		return parse_fail(ps, END_URI_TOO_LONG, "request target over limits.uri");
	return 0;
}

static int parse_on_status(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	parse_join(ps, SPAN_REASON, at, n);
	ps->head->reason = ps->joined;
	return 0;
}

static int parse_on_trailer(struct parser *ps, uint8_t span, const char *at, size_t n)
{
	struct buf *to = ps->trailers;
	ps->head_bytes += n;
	if (ps->head_bytes > ps->limits->head)
		return parse_fail(ps,
				  ps->ll.type == HTTP_REQUEST ? END_HEADER_TOO_LARGE :
								END_RESPONSE_HEAD_TOO_LARGE,
				  "trailer section over limits.head");
	if (!to)
		return 0;
	if (span != ps->span && span == SPAN_NAME)
		ps->trailer_line = to->n;
	if (span != ps->span && span == SPAN_VALUE)
		buf_lit(to, ": ");
	ps->span = span;
	buf_append(to, at, n);
	return 0;
}

/* A name that follows an empty value directly is told from a further piece by where it starts. */
static int parse_on_name(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	struct head *h = ps->head;

	if (ps->span == SPAN_NAME && at == ps->joined.p + ps->joined.n) {
		ps->joined.n += n;
		h->fields[h->count - 1].name = ps->joined;
		h->fields[h->count - 1].value = (struct str){ at + n, 0 };
		return 0;
	}
	ps->span = SPAN_NAME;
	ps->joined = (struct str){ at, n };
	if (!head_append(h, ps->joined, (struct str){ at + n, 0 }, ps->limits->fields))
		return parse_fail(ps,
				  ll->type == HTTP_REQUEST ? END_HEADER_TOO_LARGE :
							     END_RESPONSE_HEAD_TOO_LARGE,
				  "more header fields than limits.headers");
	return 0;
}

static int parse_on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	parse_join(ps, SPAN_VALUE, at, n);
	ps->head->fields[ps->head->count - 1].value = ps->joined;
	return 0;
}

static int parse_on_trailer_name(llhttp_t *ll, const char *at, size_t n)
{
	return parse_on_trailer(parse_self(ll), SPAN_NAME, at, n);
}

static int parse_on_trailer_value(llhttp_t *ll, const char *at, size_t n)
{
	return parse_on_trailer(parse_self(ll), SPAN_VALUE, at, n);
}

static int parse_on_trailer_complete(llhttp_t *ll)
{
	struct parser *ps = parse_self(ll);
	struct buf *to = ps->trailers;
	if (!to)
		return 0;
	if (ps->span == SPAN_NAME)
		buf_lit(to, ": ");
	ps->span = SPAN_NONE;
	const char *line = to->p + ps->trailer_line;
	const char *colon = memchr(line, ':', to->n - ps->trailer_line);
	struct str name = { line, colon ? (size_t)(colon - line) : 0 };
	enum field_id id = field_lookup(name);
	if (!colon || field_owner(id) != FIELD_OWNER_END || id == FIELD_CONTENT_TYPE ||
	    memchr(name.p, '_', name.n))
		to->n = ps->trailer_line;
	else
		buf_lit(to, "\r\n");
	return 0;
}

static int parse_on_headers_complete(llhttp_t *ll)
{
	(void)ll;
	return HPE_PAUSED;
}

static int parse_on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct parser *ps = parse_self(ll);
	ps->on_body(ps->arg, (struct str){ at, n });
	return 0;
}

static int parse_count_extension(struct parser *ps, size_t n)
{
	ps->extension_bytes += n;
	if (ps->extension_bytes > ps->limits->extension)
		return parse_fail(ps, END_BAD_FRAMING,
				  "chunk extensions over limits.chunk_extension");
	return 0;
}

static int parse_on_extension(llhttp_t *ll, const char *at, size_t n)
{
	(void)at;
	return parse_count_extension(parse_self(ll), n);
}

/* The separator counts, so that empty ones are not for nothing. */
static int parse_on_extension_complete(llhttp_t *ll)
{
	return parse_count_extension(parse_self(ll), 1);
}

/* A size that no body has: such numbers overflow in whatever stands behind us. */
static int parse_on_chunk_header(llhttp_t *ll)
{
	if (ll->content_length > INT64_MAX)
		return parse_fail(parse_self(ll),
				  ll->type == HTTP_REQUEST ? END_BAD_FRAMING :
							     END_BAD_RESPONSE_FRAMING,
				  "chunk size over 2^63");
	return 0;
}

static int parse_on_message_complete(llhttp_t *ll)
{
	(void)ll;
	return HPE_PAUSED;
}

static const llhttp_settings_t parse_head_settings = {
	.on_method = parse_on_method,
	.on_url = parse_on_url,
	.on_status = parse_on_status,
	.on_header_field = parse_on_name,
	.on_header_value = parse_on_value,
	.on_headers_complete = parse_on_headers_complete,
	.on_message_complete = parse_on_message_complete,
};

static const llhttp_settings_t parse_body_settings = {
	.on_header_field = parse_on_trailer_name,
	.on_header_value = parse_on_trailer_value,
	.on_header_value_complete = parse_on_trailer_complete,
	.on_body = parse_on_body,
	.on_chunk_header = parse_on_chunk_header,
	.on_chunk_extension_name = parse_on_extension,
	.on_chunk_extension_value = parse_on_extension,
	.on_chunk_extension_name_complete = parse_on_extension_complete,
	.on_chunk_extension_value_complete = parse_on_extension_complete,
	.on_message_complete = parse_on_message_complete,
};

void parse_start(struct parser *ps, enum parse_kind kind, struct head *head,
		 const struct parse_limits *limits)
{
	llhttp_init(&ps->ll, kind == PARSE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE,
		    &parse_head_settings);
	ps->head = head;
	ps->limits = limits;
	ps->trailers = NULL;
	ps->on_body = NULL;
	ps->arg = NULL;
	ps->why = NULL;
	ps->reason = END_OK;
	ps->head_bytes = 0;
	ps->extension_bytes = 0;
	ps->joined = (struct str){ NULL, 0 };
	ps->span = SPAN_NONE;
	ps->in_body = false;
}

/* "HTTP/1.0" or "HTTP/1.1" at p.  A version of that form that we do not speak is told from junk. */
static enum end_reason parse_version_reason(const char *p, size_t n)
{
	if (n >= 8 && memcmp(p, "HTTP/", 5) == 0 && p[5] >= '0' && p[5] <= '9' && p[6] == '.' &&
	    p[7] >= '0' && p[7] <= '9' && (n == 8 || p[8] == '\r'))
		return END_BAD_VERSION;
	return END_BAD_REQUEST;
}

/* A token that is not a method of ours, told from what is no token at all. */
static enum end_reason parse_method_reason(const char *p, size_t n)
{
	size_t i = 0, token;

	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	token = i;
	while (i < n && field_tchar[(uint8_t)p[i]])
		i++;
	return i > token && (i == n || p[i] == ' ') ? END_UNKNOWN_METHOD : END_BAD_REQUEST;
}

static bool parse_is_framing_error(llhttp_errno_t code)
{
	return code == HPE_UNEXPECTED_CONTENT_LENGTH || code == HPE_INVALID_CONTENT_LENGTH ||
	       code == HPE_INVALID_TRANSFER_ENCODING || code == HPE_INVALID_CHUNK_SIZE;
}

/* llhttp's error as a reason; start is where the message began, n the bytes there are. */
static enum end_reason parse_request_reason(const struct parser *ps, llhttp_errno_t code,
					    const char *start, size_t n)
{
	const struct head *h = ps->head;

	if (parse_is_framing_error(code))
		return END_BAD_FRAMING;
	if (code == HPE_INVALID_METHOD)
		return parse_method_reason(start, n);
	if (ps->in_body || !h->target.p)
		return END_BAD_REQUEST;
	const char *version = h->target.p + h->target.n + 1;
	if (code == HPE_INVALID_VERSION)
		return parse_version_reason(version, (size_t)(start + n - version));
	/* A method of RTSP, which llhttp knows and does not take with HTTP. */
	if (code == HPE_INVALID_CONSTANT && start + n - version >= 5 &&
	    memcmp(version, "HTTP/", 5) == 0)
		return END_UNKNOWN_METHOD;
	return END_BAD_REQUEST;
}

static enum parse_outcome parse_error(struct parser *ps, llhttp_errno_t code, const char *start,
				      size_t n)
{
	if (ps->reason != END_OK)
		return PARSE_ERROR; /* one of our callbacks refused */
	ps->why = llhttp_get_error_reason(&ps->ll);
	if (ps->ll.type == HTTP_REQUEST)
		ps->reason = parse_request_reason(ps, code, start, n);
	else
		ps->reason = parse_is_framing_error(code) ? END_BAD_RESPONSE_FRAMING :
							    END_BAD_RESPONSE;
	return PARSE_ERROR;
}

/* llhttp skips runs of CR and LF before a message and runs of spaces inside its first line;
 * RFC 9112, 2.2 and 3 allow one empty line and single spaces. */
static bool parse_request_line_strict(const struct head *h, const char *start)
{
	ptrdiff_t before = h->method.p - start;
	const char *end = h->target.p + h->target.n;

	if (before != 0 && !(before == 2 && start[0] == '\r' && start[1] == '\n'))
		return false;
	return h->target.p == h->method.p + h->method.n + 1 && h->target.p[-1] == ' ' &&
	       memcmp(end, " HTTP/1.", 8) == 0 && end[9] == '\r' && end[10] == '\n';
}

/* RFC 9112, 4: single spaces, a status of three digits, no control character in the reason, and
 * CR LF, where llhttp takes CR CR too. */
static bool parse_status_line_strict(const struct head *h, const char *start)
{
	const char *end = h->reason.p ? h->reason.p + h->reason.n : start + 12 + (start[12] == ' ');

	return memcmp(start, "HTTP/1.", 7) == 0 && start[8] == ' ' && start[9] >= '1' &&
	       start[9] <= '9' && (start[12] == ' ' || start[12] == '\r') && end[0] == '\r' &&
	       end[1] == '\n' && field_value_valid(str_trim(h->reason));
}

static bool parse_first_line_strict(const struct parser *ps, const char *start)
{
	return ps->ll.type == HTTP_REQUEST ? parse_request_line_strict(ps->head, start) :
					     parse_status_line_strict(ps->head, start);
}

/* The fields as llhttp has cut them: numbered by name, the white space behind values off (RFC 9112,
 * 5.1), and with a second look at what smuggling lives on: nothing between name and colon, names of
 * token characters, values without control characters.  plain: there are none but at line ends. */
static bool parse_fields_finish(struct head *h, bool plain)
{
	for (uint32_t i = 0; i < h->count; i++) {
		struct field *f = &h->fields[i];

		f->id = (uint16_t)field_lookup(f->name);
		h->ids |= 1u << f->id;
		f->value = str_trim(f->value);
		if (f->name.p[f->name.n] != ':' ||
		    (f->id == FIELD_OTHER && !field_name_valid(f->name)) ||
		    (!plain && !field_value_valid(f->value)))
			return false;
	}
	return true;
}

static enum parse_outcome parse_head_done(struct parser *ps, const char *start)
{
	struct head *h = ps->head;
	bool request = ps->ll.type == HTTP_REQUEST;
	/* A CR and an LF behind the first line, each field and the last, and no more. */
	bool plain = field_count_controls(start, ps->head_bytes) == 2 * (size_t)h->count + 4;

	if (ps->ll.http_major != 1 || ps->ll.http_minor > 1) {
		ps->why = "HTTP version is neither 1.1 nor 1.0";
		ps->reason = request ? END_BAD_VERSION : END_BAD_RESPONSE;
		return PARSE_ERROR;
	}
	if (!parse_first_line_strict(ps, start) || !parse_fields_finish(h, plain)) {
		ps->why = "white space or characters where none are allowed";
		ps->reason = request ? END_BAD_REQUEST : END_BAD_RESPONSE;
		return PARSE_ERROR;
	}
	h->minor = ps->ll.http_minor;
	h->status = ps->ll.status_code;
	return PARSE_DONE;
}

/* Where the head ends in [p, end): behind its empty line, or at the end if that is still to come.
 * start is where the message began. */
static char *parse_head_end(const char *start, char *p, char *end)
{
	char *from = p - start > 3 ? p - 3 : p - (p - start);
	char *empty = memmem(from, (size_t)(end - from), "\r\n\r\n", 4);

	return empty ? empty + 4 : end;
}

/* The white space around a Content-Length may be tabs (RFC 9112, 5.1), which llhttp refuses: they
 * become spaces, however the bytes came in.  Nothing else is touched, least of all a body. */
static void parse_blank_tabs(const char *start, char *p, size_t n)
{
	const size_t name_n = sizeof("content-length:") - 1;
	char *end = parse_head_end(start, p, p + n);

	while ((p = memchr(p, '\t', (size_t)(end - p)))) {
		const char *line = memrchr(start, '\n', (size_t)(p - start));
		line = line ? line + 1 : start;
		struct str name = { line, name_n };
		/* One look at each line, however many tabs are in it. */
		char *line_end = memchr(p, '\n', (size_t)(end - p));
		line_end = line_end ? line_end : end;
		if (p - line >= (ptrdiff_t)name_n && str_ieq(name, STR("content-length:")))
			for (; p < line_end; p++)
				*p = *p == '\t' ? ' ' : *p;
		p = line_end;
	}
}

/* llhttp takes "GET /" without a version for HTTP/0.9 and would wait for more. */
static bool parse_lacks_version(const struct parser *ps, const char *end)
{
	const struct str *target = &ps->head->target;
	return target->p && target->p + target->n < end && target->p[target->n] != ' ';
}

/* Known even where the rest is refused: an answer to HEAD has no body. */
static void parse_note_method(struct parser *ps, const char *end)
{
	const struct str *method = &ps->head->method;
	if (method->p && method->p + method->n < end && method->p[method->n] == ' ')
		ps->head->method_id = ps->ll.method;
}

enum parse_outcome parse_head(struct parser *ps, char *p, size_t n, size_t *used)
{
	const char *start = p - ps->head_bytes;

	if (memchr(p, '\t', n))
		parse_blank_tabs(start, p, n);
	llhttp_errno_t code = llhttp_execute(&ps->ll, p, n);

	parse_note_method(ps, p + n);
	*used = n;
	if (code == HPE_PAUSED) {
		*used = (size_t)(llhttp_get_error_pos(&ps->ll) - p);
		ps->head_bytes += *used;
	} else {
		ps->head_bytes += n;
	}
	if (code == HPE_OK && parse_lacks_version(ps, p + n)) {
		ps->why = "no HTTP version in the request line";
		ps->reason = END_BAD_REQUEST;
		return PARSE_ERROR;
	}
	if (code == HPE_OK || code == HPE_PAUSED) {
		if (ps->head_bytes > ps->limits->head) {
			ps->why = "head over limits.head";
			ps->reason = ps->ll.type == HTTP_REQUEST ? END_HEADER_TOO_LARGE :
								   END_RESPONSE_HEAD_TOO_LARGE;
			return PARSE_ERROR;
		}
		return code == HPE_OK ? PARSE_MORE : parse_head_done(ps, start);
	}
	return parse_error(ps, code, start, ps->head_bytes);
}

void parse_body_start(struct parser *ps, struct buf *trailers, parse_body_cb on_body, void *arg)
{
	ps->trailers = trailers;
	ps->on_body = on_body;
	ps->arg = arg;
	ps->in_body = true;
	ps->ll.settings = (void *)(uintptr_t)&parse_body_settings;
	ps->span = SPAN_NONE;
	ps->head_bytes = 0;
	/* check.c has read the field, white space and all; llhttp misses it before a tab. */
	ps->ll.flags |= F_CHUNKED;
	/* The tunnel of an upgrade is proxy's to decide; here it is a chunked body. */
	ps->ll.upgrade = 0;
	llhttp_resume(&ps->ll);
}

enum parse_outcome parse_chunked(struct parser *ps, const char *p, size_t n, size_t *used)
{
	llhttp_errno_t code = llhttp_execute(&ps->ll, p, n);

	*used = n;
	if (code == HPE_OK) {
		return PARSE_MORE;
	}
	if (code == HPE_PAUSED) {
		*used = (size_t)(llhttp_get_error_pos(&ps->ll) - p);
		return PARSE_DONE;
	}
	enum parse_outcome outcome = parse_error(ps, code, p, n);
	if (ps->ll.type == HTTP_REQUEST && ps->reason == END_BAD_REQUEST)
		ps->reason = END_BAD_FRAMING;
	return outcome;
}

struct str parse_method_name(unsigned method_id)
{
	return str_from(llhttp_method_name((llhttp_method_t)method_id));
}
