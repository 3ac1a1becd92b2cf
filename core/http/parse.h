/* SPDX-License-Identifier: Apache-2.0 */
/* http/parse.h -- bytes to heads and bodies: llhttp in strict mode, with the checks it leaves out.
 * Called by: proxy/, for requests and for responses.  Never: touches a socket; never keeps
 * bytes (the caller's buffer must hold a head whole until its message is over). */
#ifndef GATEHOUSE_HTTP_PARSE_H
#define GATEHOUSE_HTTP_PARSE_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/head.h"

enum parse_kind { PARSE_REQUEST, PARSE_RESPONSE };

/* What a step ended with. */
enum parse_outcome {
	PARSE_MORE,  /* all bytes taken, the head or body goes on */
	PARSE_DONE,  /* the head, or the body, is complete; *used tells where */
	PARSE_ERROR, /* reason and why are set */
};

struct parse_limits {
	size_t head;   /* bytes of a head */
	size_t target; /* bytes of a request target */
	uint32_t fields;
	size_t extension; /* bytes of all chunk extensions of one body */
};

/* Where decoded body bytes go; a slice of what was fed. */
typedef void (*parse_body_cb)(void *arg, struct str piece);

/* Embedded.  One message at a time: parse_start(), parse_head() until DONE, and for a chunked
 * body parse_body_start() and parse_chunked() until DONE. */
struct parser {
	llhttp_t ll;
	struct head *head;
	const struct parse_limits *limits;
	struct buf *trailers; /* where trailer fields go as "name: value" lines; NULL: nowhere */
	parse_body_cb on_body;
	void *arg;
	const char *why;        /* of PARSE_ERROR: one fixed sentence */
	enum end_reason reason; /* of PARSE_ERROR */
	size_t head_bytes;      /* fed so far, of the head or of the trailer section */
	size_t extension_bytes;
	size_t trailer_line; /* where in trailers the line being parsed starts */
	struct str joined;   /* the span being joined from pieces */
	uint8_t span;        /* which span that is */
	bool in_body;
};

/* Begins a message whose fields are added to head, which was reset. */
void parse_start(struct parser *, enum parse_kind, struct head *, const struct parse_limits *);
/* Feeds the next n bytes of a head.  They must directly follow in memory those fed before; white
 * space behind a field's value may be changed to spaces.
 * *used: how many of them belong to the head. */
enum parse_outcome parse_head(struct parser *, char *p, size_t n, size_t *used);
/* After the head of a chunked message.  Trailer fields that may be relayed (RFC 9110, 6.5.1) are
 * appended to trailers, unless it is NULL. */
void parse_body_start(struct parser *, struct buf *trailers, parse_body_cb, void *arg);
/* Feeds body bytes; decoded pieces go to the callback.  *used: how many belong to the body. */
enum parse_outcome parse_chunked(struct parser *, const char *p, size_t n, size_t *used);
/* The name of a method number of llhttp's. */
struct str parse_method_name(unsigned method_id);

#endif
