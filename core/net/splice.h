/* SPDX-License-Identifier: Apache-2.0 */
/* net/splice.h -- moves bytes from one socket to another inside the kernel, without copying them.
 * Called by: proxy/relay, for large bodies.  Never: more pipes than SPLICES_MAX. */
#ifndef GATEHOUSE_NET_SPLICE_H
#define GATEHOUSE_NET_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Pipes of a worker: each holds at most what one splice_move() took, 512 KiB (proxy/relay). */
enum { SPLICES_MAX = 64 };

/* A pipe.  What is in it has been taken from one socket and waits for the other. */
struct splice {
	struct splice *next;
	int in, out;
	size_t filled; /* bytes */
};

/* Embedded, one per worker: the pipes that are not lent, and how many there are in all. */
struct splices {
	struct splice *spare;
	unsigned count;
};

void splices_init(struct splices *);
/* All pipes must have been given back. */
void splices_fini(struct splices *);
/* Lends a pipe, empty; NULL when all are lent or no descriptors are left. */
struct splice *splices_take(struct splices *);
/* What is in it is thrown away.  NULL is allowed. */
void splices_give_back(struct splices *, struct splice *);

/* Takes at most max bytes that wait on from, and gives to as many of those in the pipe as it takes
 * at once; the others stay (filled), and to is to be waited for.  How many were taken; 0: from has
 * ended; negative: -EAGAIN or another errno of from.  An error of to shows at the next write. */
ssize_t splice_move(struct splice *, int from, int to, size_t max);
/* Gives to as many bytes of the pipe as it takes at once; how many those were. */
size_t splice_give(struct splice *, int to);
/* Takes the first n <= filled bytes out of the pipe. */
void splice_take(struct splice *, char *bytes, size_t n);

#endif
