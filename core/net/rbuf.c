/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rbuf.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static struct rbuf *rbufs_new(struct rbufs *rs)
{
	struct rbuf *b = rs->spare;
	if (b) {
		rs->spare = b->next;
		rs->spare_count--;
		return b;
	}
	b = malloc(sizeof(*b));
	if (b)
		*rs->bytes += (int64_t)sizeof(*b);
	return b;
}

void rbufs_init(struct rbufs *rs, int64_t *bytes)
{
	rs->spare = NULL;
	rs->spare_count = 0;
	rs->bytes = bytes;
	rs->current = rbufs_new(rs);
	must(rs->current != NULL);
}

void rbufs_fini(struct rbufs *rs)
{
	free(rs->current);
	rs->current = NULL;
	while (rs->spare) {
		struct rbuf *next = rs->spare->next;
		free(rs->spare);
		rs->spare = next;
	}
}

bool rbufs_in_current(const struct rbufs *rs, const char *p)
{
	return p >= rs->current->room && p < rs->current->data + RBUF_SIZE;
}

char *rbufs_put_before(struct rbufs *rs, const char *p, struct str s)
{
	char *bytes = rs->current->room;

	if (!rbufs_in_current(rs, p) || (size_t)(p - bytes) < s.n)
		return NULL;
	return memcpy(bytes + (p - bytes) - s.n, s.p, s.n);
}

struct rbuf *rbufs_hand_over(struct rbufs *rs)
{
	struct rbuf *fresh = rbufs_new(rs), *old = rs->current;
	if (!fresh)
		return NULL;
	rs->current = fresh;
	return old;
}

void rbufs_give_back(struct rbufs *rs, struct rbuf *b)
{
	if (rs->spare_count < RBUF_SPARE_MAX) {
		b->next = rs->spare;
		rs->spare = b;
		rs->spare_count++;
		return;
	}
	*rs->bytes -= (int64_t)sizeof(*b);
	free(b);
}
