/* SPDX-License-Identifier: Apache-2.0 */
/* http/head.h -- the head of one message, taken apart, and how its body is framed.
 * Called by: http/parse (fills), proxy/ (reads and changes).  Never: owns the bytes behind it. */
#ifndef GATEHOUSE_HTTP_HEAD_H
#define GATEHOUSE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "http/field.h"
#include "metrics/end_reason.h"

struct config_http;

/* How the end of a body is known (RFC 9112, 6.3). */
enum framing {
	FRAMING_NONE,   /* there is no body */
	FRAMING_LENGTH, /* Content-Length bytes */
	FRAMING_CHUNKED,
	FRAMING_CLOSE, /* response only: until the connection closes */
};

enum { HEAD_FIELDS_INLINE = 24 };

/* A request's or response's head.  fields grows on the heap; everything else is reset for each
 * message.  Method numbers are llhttp's. */
struct head {
	struct field *fields;
	uint32_t count, cap;
	struct field inline_fields[HEAD_FIELDS_INLINE];

	struct str method, target; /* request */
	uint32_t ids;              /* bit n: a field of that id was there; not unset by removal */
	struct str reason;         /* response */
	uint16_t status;
	uint8_t method_id;
	uint8_t minor; /* HTTP/1.minor */

	/* Filled by head_request_check() and head_response_check(). */
	enum framing framing;
	uint64_t length; /* FRAMING_LENGTH; or what HEAD and 304 announce, with has_length */
	bool has_length;
	bool close;      /* the sender wants the connection closed after this message */
	bool keep_alive; /* HTTP/1.0 and "keep-alive" */
	bool upgrade;    /* Connection names upgrade and Upgrade is there */
	bool expect_continue;
	bool te_trailers;
	struct str upgrade_to;   /* the Upgrade field's value */
	struct str max_forwards; /* OPTIONS: the field's value, digits (RFC 9110, 7.6.2) */

	/* Request, from target and Host. */
	struct str path, query; /* raw path; query without "?", absent when there is none */
	struct str authority;   /* host[:port] as sent; absent in HTTP/1.0 without Host */
};

/* Ready for a message. */
void head_init(struct head *);
void head_reset(struct head *);
void head_fini(struct head *);
/* Appends a field, looked up; NULL when max are there already. */
struct field *head_add(struct head *, struct str name, struct str value, uint32_t max);
/* Twice the room for fields: 0, or -1 when out of memory. */
int head_grow(struct head *);
/* head_add() without looking the name up: FIELD_OTHER. */
static inline struct field *head_append(struct head *h, struct str name, struct str value,
					uint32_t max)
{
	if (h->count >= max || (h->count == h->cap && head_grow(h)))
		return NULL;
	struct field *f = &h->fields[h->count++];
	*f = (struct field){ .name = name, .value = value, .id = FIELD_OTHER };
	return f;
}
/* Whether there may be a field of that id. */
static inline bool head_may_have(const struct head *h, enum field_id id)
{
	return h->ids & 1u << id;
}
/* How many bytes the fields take as lines, those that are not relayed too. */
size_t head_lines_size(const struct head *);
/* Writes field *at as a line, and with it those behind it that lie as they are to be written: what
 * is end-to-end or was added, and that one id besides.  Moves *at behind them and notes their ids
 * in own; writes nothing for a field that is not relayed.  Returns the end. */
char *head_put_lines(const struct head *, uint32_t *at, enum field_id besides, uint32_t *own,
		     char *to);
/* The first field of that id or name that is not removed; NULL when there is none. */
struct field *head_find(struct head *, enum field_id);
struct field *head_find_name(struct head *, struct str name);
/* Marks all of that name as removed; how many. */
unsigned head_remove(struct head *, struct str name);
/* After the bytes have moved: every slice inside [from, from + n) by the same distance. */
void head_rebase_str(struct str *, const char *from, size_t n, const char *to);
void head_rebase(struct head *, const char *from, size_t n, const char *to);

/* What of a request makes it ambiguous or invalid (RFC 9110, 7.2, 7.8, 10.1.1; RFC 9112, 3.2, 6.3),
 * and the filling of the members above.  END_OK or the reason; *why is a sentence for logs. */
enum end_reason head_request_check(struct head *, const struct config_http *, const char **why);
/* The same for a response to a request of that method (RFC 9112, 6.3). */
enum end_reason head_response_check(struct head *, bool to_head_request, const char **why);

#endif
