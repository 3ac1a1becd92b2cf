/* SPDX-License-Identifier: Apache-2.0 */
/* net/rbuf.h -- the buffers that sockets are read into: one in use per worker, spare ones kept.
 * Called by: net/flow, upstream/, proxy/.  Never: belongs to an idle connection. */
#ifndef GATEHOUSE_NET_RBUF_H
#define GATEHOUSE_NET_RBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { RBUF_SIZE = 64 * 1024, RBUF_ROOM = 1024, RBUF_SPARE_MAX = 16 };

struct rbuf {
	struct rbuf *next;
	char room[RBUF_ROOM]; /* before what is read: see rbufs_put_before() */
	char data[RBUF_SIZE];
};

/* All reads of a worker go into current, one after another, since what was read is written on
 * at once in the common case.  What could not be written takes the buffer along (rbufs_hand_over)
 * and current is replaced. */
struct rbufs {
	struct rbuf *current, *spare;
	unsigned spare_count;
	int64_t *bytes; /* gauge of memory held in buffers; not NULL */
};

/* Takes the first buffer; aborts when out of memory. */
void rbufs_init(struct rbufs *, int64_t *bytes);
void rbufs_fini(struct rbufs *);
/* Whether p lies in the current buffer, its room included. */
bool rbufs_in_current(const struct rbufs *, const char *p);
/* Copies s right before p in the current buffer, over whatever was read there, so that one piece
 * of memory is both.  Where it begins now; NULL when p is not in the buffer or there is no room. */
char *rbufs_put_before(struct rbufs *, const char *p, struct str s);
/* Gives current to the caller (rbufs_give_back() it) and replaces it; NULL when out of memory. */
struct rbuf *rbufs_hand_over(struct rbufs *);
void rbufs_give_back(struct rbufs *, struct rbuf *);

#endif
