/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request -- any bytes as a request: however they are split the outcome is the same, and what
 * is accepted means the same to a second reader.  The first byte says where to split. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/gateway.h"
#include "http/parse.h"
#include "strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of the bytes. */
struct fuzz_read {
	char *text; /* as parsed: exactly as long as the input */
	struct parser parser;
	struct head head;
	enum parse_outcome outcome;
	enum end_reason checked; /* of a whole head */
	enum parse_outcome body_outcome;
	size_t end; /* of the head, then of the message */
	struct buf body;
};

static const struct parse_limits fuzz_limits = {
	.head = 4096, .target = 512, .fields = 40, .extension = 64
};

static size_t fuzz_piece(size_t left, size_t split)
{
	return split && split < left ? split : left;
}

static void fuzz_on_body(void *arg, struct str piece)
{
	struct fuzz_read *read = arg;

	must(piece.p >= read->text);
	buf_str_append(&read->body, piece);
}

static void fuzz_read_body(struct fuzz_read *read, size_t size, size_t split)
{
	struct buf trailers = { 0 };
	size_t used;

	parse_body_start(&read->parser, &trailers, fuzz_on_body, read);
	read->body_outcome = PARSE_MORE;
	while (read->end < size && read->body_outcome == PARSE_MORE) {
		read->body_outcome = parse_chunked(&read->parser, read->text + read->end,
						   fuzz_piece(size - read->end, split), &used);
		read->end += used;
	}
	buf_fini(&trailers);
}

/* Reads the bytes in pieces of that size; 0: in one. */
static void fuzz_read(struct fuzz_read *read, const uint8_t *data, size_t size, size_t split)
{
	struct config_http http = { .underscore_headers = CONFIG_UNDERSCORE_PASS };
	const char *why = NULL;
	size_t used;

	memset(read, 0, sizeof(*read));
	read->text = malloc(size ? size : 1);
	memcpy(read->text, data, size);
	head_init(&read->head);
	parse_start(&read->parser, PARSE_REQUEST, &read->head, &fuzz_limits);
	while (read->end < size && read->outcome == PARSE_MORE) {
		read->outcome = parse_head(&read->parser, read->text + read->end,
					   fuzz_piece(size - read->end, split), &used);
		read->end += used;
	}
	must((read->outcome == PARSE_ERROR) == (read->parser.reason != END_OK));
	if (read->outcome != PARSE_DONE)
		return;
	read->checked = head_request_check(&read->head, &http, &why);
	must((read->checked == END_OK) == (why == NULL));
	if (read->checked == END_OK && read->head.framing == FRAMING_CHUNKED)
		fuzz_read_body(read, size, split);
}

static void fuzz_forget(struct fuzz_read *read)
{
	head_fini(&read->head);
	buf_fini(&read->body);
	free(read->text);
}

static void fuzz_same(struct str a, struct str b)
{
	must(str_eq(a, b));
}

/* The same outcome, and the same head, whatever the pieces. */
static void fuzz_compare(const struct fuzz_read *a, const struct fuzz_read *b)
{
	if (a->outcome != b->outcome) {
		/* Tabs behind a number that are read apart from its CR are refused. */
		must(a->outcome == PARSE_ERROR || b->outcome == PARSE_ERROR);
		must(memchr(a->text, '\t', a->end));
		return;
	}
	if (a->outcome != PARSE_DONE)
		return;
	must(a->checked == b->checked && a->head.count == b->head.count);
	fuzz_same(a->head.method, b->head.method);
	fuzz_same(a->head.target, b->head.target);
	for (uint32_t i = 0; i < a->head.count; i++) {
		fuzz_same(a->head.fields[i].name, b->head.fields[i].name);
		fuzz_same(a->head.fields[i].value, b->head.fields[i].value);
	}
	must(a->body_outcome == b->body_outcome);
	if (a->body_outcome == PARSE_DONE || a->outcome == PARSE_MORE)
		must(a->end == b->end);
	if (a->body_outcome != PARSE_ERROR)
		fuzz_same(buf_str(&a->body), buf_str(&b->body));
}

static void fuzz_agree_head(const struct fuzz_read *read, const struct strict_message *m)
{
	const struct head *h = &read->head;

	must(m->minor == h->minor && m->count == h->count);
	fuzz_same(h->method, (struct str){ m->method.p, m->method.n });
	fuzz_same(h->target, (struct str){ m->target.p, m->target.n });
	for (uint32_t i = 0; i < h->count; i++) {
		fuzz_same(h->fields[i].name, (struct str){ m->name[i].p, m->name[i].n });
		fuzz_same(h->fields[i].value, (struct str){ m->value[i].p, m->value[i].n });
	}
}

/* What was accepted: the second reader sees the same head and the same end. */
static void fuzz_agree(const struct fuzz_read *read, size_t size)
{
	struct strict_message m;
	enum strict_result strict;

	if (read->outcome != PARSE_DONE || read->checked != END_OK)
		return;
	strict = strict_request(&m, read->text, size);
	if (read->head.framing == FRAMING_CHUNKED && read->body_outcome == PARSE_ERROR) {
		strict_fini(&m);
		return;
	}
	must(strict != STRICT_BAD && strict != STRICT_CUT);
	fuzz_agree_head(read, &m);
	switch (read->head.framing) {
	case FRAMING_NONE:
		must(m.framing == STRICT_NONE && m.head == read->end);
		break;
	case FRAMING_LENGTH:
		must(m.framing == STRICT_LENGTH && m.length == read->head.length);
		must(m.head == read->end);
		break;
	case FRAMING_CHUNKED:
		must(m.framing == STRICT_CHUNKED);
		must((strict == STRICT_WHOLE) == (read->body_outcome == PARSE_DONE));
		must(strict != STRICT_WHOLE || m.end == read->end);
		fuzz_same(buf_str(&read->body), (struct str){ m.body, m.body_n });
		break;
	case FRAMING_CLOSE:
		must(m.framing == STRICT_CLOSE); /* which no request has */
	}
	strict_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_read whole, split;

	if (size == 0)
		return 0;
	fuzz_read(&whole, data + 1, size - 1, 0);
	fuzz_read(&split, data + 1, size - 1, data[0] % 64u + 1);
	fuzz_compare(&whole, &split);
	fuzz_agree(&whole, size - 1);
	fuzz_forget(&whole);
	fuzz_forget(&split);
	return 0;
}
