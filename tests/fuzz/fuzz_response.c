/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_response -- any bytes as a response, to a HEAD or another method: however they are split the
 * outcome is the same, and what is accepted means the same to a second reader.  The first byte says
 * where to split, and whether a HEAD is answered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
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
	struct buf body, trailers;
};

static const struct parse_limits fuzz_limits = {
	.head = 4096, .target = 4096, .fields = 40, .extension = 64
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
	size_t used;

	parse_body_start(&read->parser, &read->trailers, fuzz_on_body, read);
	read->body_outcome = PARSE_MORE;
	while (read->end < size && read->body_outcome == PARSE_MORE) {
		read->body_outcome = parse_chunked(&read->parser, read->text + read->end,
						   fuzz_piece(size - read->end, split), &used);
		read->end += used;
	}
}

static void fuzz_read(struct fuzz_read *read, const uint8_t *data, size_t size, size_t split,
		      bool to_head)
{
	const char *why = NULL;
	size_t used;

	memset(read, 0, sizeof(*read));
	read->text = malloc(size ? size : 1);
	memcpy(read->text, data, size);
	head_init(&read->head);
	parse_start(&read->parser, PARSE_RESPONSE, &read->head, &fuzz_limits);
	while (read->end < size && read->outcome == PARSE_MORE) {
		read->outcome = parse_head(&read->parser, read->text + read->end,
					   fuzz_piece(size - read->end, split), &used);
		read->end += used;
	}
	must((read->outcome == PARSE_ERROR) == (read->parser.reason != END_OK));
	if (read->outcome != PARSE_DONE)
		return;
	read->checked = head_response_check(&read->head, to_head, &why);
	must((read->checked == END_OK) == (why == NULL));
	if (read->checked == END_OK && read->head.framing == FRAMING_CHUNKED)
		fuzz_read_body(read, size, split);
}

static void fuzz_forget(struct fuzz_read *read)
{
	head_fini(&read->head);
	buf_fini(&read->body);
	buf_fini(&read->trailers);
	free(read->text);
}

static void fuzz_same(struct str a, struct str b)
{
	must(str_eq(a, b));
}

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
	must(a->head.status == b->head.status && a->body_outcome == b->body_outcome);
	fuzz_same(a->head.reason, b->head.reason);
	for (uint32_t i = 0; i < a->head.count; i++) {
		fuzz_same(a->head.fields[i].name, b->head.fields[i].name);
		fuzz_same(a->head.fields[i].value, b->head.fields[i].value);
	}
	if (a->body_outcome != PARSE_DONE)
		return;
	must(a->end == b->end);
	fuzz_same(buf_str(&a->body), buf_str(&b->body));
	fuzz_same(buf_str(&a->trailers), buf_str(&b->trailers));
}

/* The trailers are put behind the last chunk as they are: whole lines, each of them a field, none
 * of them one that says how a message is read. */
static void fuzz_check_trailers(struct str text)
{
	struct strict_message m = { 0 };
	char *copy = malloc(text.n + 2);
	size_t at = 0;

	if (text.n)
		memcpy(copy, text.p, text.n);
	memcpy(copy + text.n, "\r\n", 2);
	must(strict_fields(&m, copy, text.n + 2, &at) == STRICT_WHOLE && at == text.n + 2);
	for (size_t i = 0; i < m.count; i++)
		must(!strict_is(m.name[i], "content-length") && !strict_is(m.name[i], "host") &&
		     !strict_is(m.name[i], "transfer-encoding") &&
		     !strict_is(m.name[i], "connection") && !strict_is(m.name[i], "trailer"));
	free(copy);
}

static bool fuzz_framing_same(enum framing ours, enum strict_framing theirs)
{
	return (ours == FRAMING_NONE && theirs == STRICT_NONE) ||
	       (ours == FRAMING_LENGTH && theirs == STRICT_LENGTH) ||
	       (ours == FRAMING_CHUNKED && theirs == STRICT_CHUNKED) ||
	       (ours == FRAMING_CLOSE && theirs == STRICT_CLOSE);
}

/* A 1xx or 204 has no body whatever it says: the gateway gives up the connection instead. */
static bool fuzz_is_distrusted(const struct head *h)
{
	return (h->status < 200 || h->status == 204) && h->close;
}

static void fuzz_agree(const struct fuzz_read *read, size_t size, bool to_head)
{
	struct strict_message m;
	enum strict_result strict;
	const struct head *h = &read->head;

	if (read->outcome != PARSE_DONE || read->checked != END_OK)
		return;
	strict = strict_response(&m, read->text, size, to_head);
	if (read->body_outcome == PARSE_ERROR || (strict == STRICT_BAD && fuzz_is_distrusted(h))) {
		strict_fini(&m);
		return;
	}
	must(strict == STRICT_WHOLE || strict == STRICT_HEAD);
	must(m.status == h->status && m.minor == h->minor && m.count == h->count);
	must(fuzz_framing_same(h->framing, m.framing));
	must(h->framing != FRAMING_LENGTH || h->length == m.length);
	for (uint32_t i = 0; i < h->count; i++) {
		fuzz_same(h->fields[i].name, (struct str){ m.name[i].p, m.name[i].n });
		fuzz_same(h->fields[i].value, (struct str){ m.value[i].p, m.value[i].n });
	}
	if (h->framing == FRAMING_CHUNKED) {
		must((strict == STRICT_WHOLE) == (read->body_outcome == PARSE_DONE));
		must(strict != STRICT_WHOLE || m.end == read->end);
		fuzz_same(buf_str(&read->body), (struct str){ m.body, m.body_n });
		if (read->body_outcome == PARSE_DONE)
			fuzz_check_trailers(buf_str(&read->trailers));
	} else {
		must(m.head == read->end);
	}
	strict_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_read whole, split;

	if (size == 0)
		return 0;
	bool to_head = data[0] & 128;
	fuzz_read(&whole, data + 1, size - 1, 0, to_head);
	fuzz_read(&split, data + 1, size - 1, data[0] % 64u + 1, to_head);
	fuzz_compare(&whole, &split);
	fuzz_agree(&whole, size - 1, to_head);
	fuzz_forget(&whole);
	fuzz_forget(&split);
	return 0;
}
