/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/relay_parts.h -- what the three parts of relaying share: requests, responses, and responses
 * that are moved inside the kernel.
 * Called by: proxy/relay_*.c alone. */
#ifndef GATEHOUSE_PROXY_RELAY_PARTS_H
#define GATEHOUSE_PROXY_RELAY_PARTS_H

#include "proxy/relay.h"

enum {
	RELAY_SIZE_LINE = 24, /* a chunk's size and its CR LF, with room to spare */
	RELAY_JOIN_MAX = 2048 /* a body as short as that costs less to copy than to gather */
};

/* Decoded pieces of one read are moved together in place, so that they go on as one chunk. */
struct relay_piece {
	char *p;
	size_t n;
};

static inline void relay_on_piece(void *arg, struct str s)
{
	struct relay_piece *piece = arg;

	if (!piece->p)
		piece->p = (char *)(uintptr_t)s.p;
	else if (piece->p + piece->n != s.p)
		memmove(piece->p + piece->n, s.p, s.n);
	piece->n += s.n;
}

/* The last byte of the body has come, extra bytes behind it: the service's connection is free for
 * others, or closed. */
void relay_response_done(struct exchange *, size_t extra);
/* The client takes what the pipe holds again; false: not all of it, and its end is waited for. */
bool relay_splice_goes_on(struct exchange *);

#endif
