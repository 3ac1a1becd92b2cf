/* SPDX-License-Identifier: Apache-2.0 */
/* net/splice.h -- moves bytes from one socket to another inside the kernel, without copying them.
 * Called by: proxy/relay, for large bodies.  Never: keeps bytes in its pipe between two calls. */
#ifndef GATEHOUSE_NET_SPLICE_H
#define GATEHOUSE_NET_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Embedded; one per worker is enough. */
struct splice {
	int in, out; /* the pipe's ends; -1: there is none, and nothing is to be spliced */
};

/* Makes the pipe; without one (no descriptors left) splice_on() is false. */
void splice_init(struct splice *);
void splice_fini(struct splice *);
bool splice_on(const struct splice *);
/* Takes at most max bytes that wait on from and gives them to to.  How many were taken; 0: from has
 * ended; negative: -EAGAIN or another errno of from.  *left: how many of them to did not take; they
 * are in the pipe, and splice_take() must follow.  An error of to shows at the next write. */
ssize_t splice_move(struct splice *, int from, int to, size_t max, size_t *left);
/* Takes those n bytes out of the pipe; bytes NULL: throws them away. */
void splice_take(struct splice *, char *bytes, size_t n);

#endif
