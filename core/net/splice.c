/* SPDX-License-Identifier: Apache-2.0 */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

enum { SPLICE_PIPE_SIZE = 1024 * 1024 };

void splice_init(struct splice *s)
{
	int ends[2];

	s->in = s->out = -1;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return;
	s->out = ends[0];
	s->in = ends[1];
	/* A pipe counts pages, and a socket's come part full: more slots, fewer turns.  The default
	 * will do where this is refused. */
	(void)fcntl(s->in, F_SETPIPE_SZ, SPLICE_PIPE_SIZE);
}

void splice_fini(struct splice *s)
{
	if (s->in >= 0)
		close(s->in);
	if (s->out >= 0)
		close(s->out);
	s->in = s->out = -1;
}

bool splice_on(const struct splice *s)
{
	return s->in >= 0;
}

/* Gives left bytes of the pipe to the socket; how many it did not take. */
static size_t splice_give(struct splice *s, int to, size_t left)
{
	while (left) {
		ssize_t n = splice(s->out, NULL, to, NULL, left, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		left -= (size_t)n;
	}
	return left;
}

void splice_take(struct splice *s, char *bytes, size_t n)
{
	char thrown_away[4096];

	while (n) {
		size_t want = bytes || n < sizeof(thrown_away) ? n : sizeof(thrown_away);
		ssize_t k = read(s->out, bytes ? bytes : thrown_away, want);
		if (k < 0 && errno == EINTR)
			continue;
		must(k > 0); /* they are in there */
		if (bytes)
			bytes += k;
		n -= (size_t)k;
	}
}

ssize_t splice_move(struct splice *s, int from, int to, size_t max, size_t *left)
{
	ssize_t taken;

	*left = 0;
	do
		taken = splice(from, NULL, s->in, NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (taken < 0 && errno == EINTR);
	if (taken <= 0)
		return taken < 0 ? -errno : 0;
	*left = splice_give(s, to, (size_t)taken);
	return taken;
}
