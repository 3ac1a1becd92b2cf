/* SPDX-License-Identifier: Apache-2.0 */
/* lab_stream -- an answer in pieces: ?total=&piece=&known=&short=&deaf=&pause= say how.
 *
 * Byte i of the answer is 'a' + i % 23. */
#include <gatehouse/plugin.h>
#include <stdlib.h>

enum { STREAM_PIECE_MAX = 65536 };

struct stream_state {
	uint64_t total, at, end, pause;
	size_t piece;
	int deaf; /* goes on where it is told to wait */
	char bytes[STREAM_PIECE_MAX];
};

static int stream_full, stream_gone;

static int stream_load(void)
{
	stream_full = gh_metric("stream_full", "Times that a writer was told to wait.");
	stream_gone = gh_metric("stream_gone", "Times that a writer was told that nobody listens.");
	return stream_full >= 0 && stream_gone >= 0 ? 0 : -1;
}

static uint64_t stream_number(struct gh_request *r, const char *name, uint64_t fallback)
{
	struct gh_str v = gh_query_param(r, name);

	uint64_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	return v.p ? n : fallback;
}

static void stream_on_writable(struct gh_request *r, void *arg);

static void stream_wait(struct gh_request *r, struct stream_state *s)
{
	if (s->pause)
		gh_timer(r, s->pause, stream_on_writable, s);
	else
		gh_on_writable(r, stream_on_writable, s);
}

static void stream_write(struct gh_request *r, struct stream_state *s)
{
	while (s->at < s->end) {
		size_t n = s->end - s->at < s->piece ? (size_t)(s->end - s->at) : s->piece;
		for (size_t i = 0; i < n; i++)
			s->bytes[i] = (char)('a' + (s->at + i) % 23);
		enum gh_write w = gh_reply_write(r, s->bytes, n);
		if (w == GH_WRITE_GONE) {
			gh_metric_add(stream_gone, 1);
			return;
		}
		s->at += n;
		if (w == GH_WRITE_FULL)
			gh_metric_add(stream_full, 1);
		if ((w == GH_WRITE_FULL && !s->deaf) || s->pause) {
			stream_wait(r, s);
			return;
		}
	}
	gh_reply_end(r);
	gh_reply_end(r);
	if (gh_reply_write(r, "x", 1) != GH_WRITE_GONE)
		abort();
}

static void stream_on_writable(struct gh_request *r, void *arg)
{
	stream_write(r, arg);
}

static enum gh_verdict stream_on_request(struct gh_request *r)
{
	struct stream_state *s = gh_alloc(r, sizeof(*s));

	if (!s)
		return GH_FAIL;
	s->total = stream_number(r, "total", 100);
	s->piece = (size_t)stream_number(r, "piece", STREAM_PIECE_MAX);
	s->end = s->total - stream_number(r, "short", 0);
	s->deaf = (int)stream_number(r, "deaf", 0);
	s->pause = stream_number(r, "pause", 0);
	if (s->piece < 1 || s->piece > STREAM_PIECE_MAX)
		return gh_problem(r, 400, "Bad piece", "1 to 65536");
	gh_header_set(r, GH_RESPONSE, "X-Stream", gh_str("yes"));
	enum gh_verdict v = gh_reply_begin(r, (int)stream_number(r, "status", 200), "text/plain",
					   stream_number(r, "known", 0) ? (int64_t)s->total : -1);
	if (v == GH_DONE)
		stream_write(r, s);
	return v;
}

GH_PLUGIN(.name = "lab_stream", .version = "1.0", .summary = "Answers in pieces.",
	  .load = stream_load, .on_request = stream_on_request);
