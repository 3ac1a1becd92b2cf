/* SPDX-License-Identifier: Apache-2.0 */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

enum { SPLICE_PIPE_SIZE = 1024 * 1024 };

/* ---- pipes ---- */

void splices_init(struct splices *all)
{
	*all = (struct splices){ 0 };
}

static void splices_close(struct splices *all, struct splice *s)
{
	close(s->in);
	close(s->out);
	free(s);
	all->count--;
}

void splices_fini(struct splices *all)
{
	struct splice *s;

	while ((s = all->spare)) {
		all->spare = s->next;
		splices_close(all, s);
	}
	must(all->count == 0);
}

static struct splice *splices_new(struct splices *all)
{
	struct splice *s;
	int ends[2];

	if (all->count == SPLICES_MAX || !(s = malloc(sizeof(*s))))
		return NULL;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC)) {
		free(s);
		return NULL;
	}
	*s = (struct splice){ .in = ends[1], .out = ends[0] };
	/* A pipe counts pages, and a socket's come part full: more slots, fewer turns.  The default
	 * will do where this is refused. */
	(void)fcntl(s->in, F_SETPIPE_SZ, SPLICE_PIPE_SIZE);
	all->count++;
	return s;
}

struct splice *splices_take(struct splices *all)
{
	struct splice *s = all->spare;

	if (!s)
		return splices_new(all);
	all->spare = s->next;
	s->next = NULL;
	return s;
}

void splices_give_back(struct splices *all, struct splice *s)
{
	if (!s)
		return;
	/* Closing is the cheapest way to be rid of what is in it. */
	if (s->filled) {
		splices_close(all, s);
		return;
	}
	s->next = all->spare;
	all->spare = s;
}

/* ---- bytes ---- */

size_t splice_give(struct splice *s, int to)
{
	size_t before = s->filled;

	while (s->filled) {
		ssize_t n = splice(s->out, NULL, to, NULL, s->filled,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		s->filled -= (size_t)n;
	}
	return before - s->filled;
}

void splice_take(struct splice *s, char *bytes, size_t n)
{
	must(n <= s->filled);
	s->filled -= n;
	while (n) {
		ssize_t k = read(s->out, bytes, n);
		if (k < 0 && errno == EINTR)
			continue;
		must(k > 0); /* they are in there */
		bytes += k;
		n -= (size_t)k;
	}
}

ssize_t splice_move(struct splice *s, int from, int to, size_t max)
{
	ssize_t taken;

	do
		taken = splice(from, NULL, s->in, NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (taken < 0 && errno == EINTR);
	if (taken <= 0)
		return taken < 0 ? -errno : 0;
	s->filled += (size_t)taken;
	splice_give(s, to);
	return taken;
}
