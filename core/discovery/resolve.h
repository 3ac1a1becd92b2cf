/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/resolve.h -- host names to addresses, looked up off the loop and kept fresh.
 * Called by: discovery/publish.  Never: blocks, or forgets addresses since a lookup failed. */
#ifndef GATEHOUSE_DISCOVERY_RESOLVE_H
#define GATEHOUSE_DISCOVERY_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/map.h"

enum { RESOLVE_ADDRESS_SIZE = 46, RESOLVE_ADDRESSES_MAX = 64 };

/* What is known of a name; addresses are texts, sorted and distinct. */
struct resolve_answer {
	char (*addresses)[RESOLVE_ADDRESS_SIZE];
	size_t count;
	bool tried;      /* a lookup has ended, whichever way */
	char error[100]; /* of the last lookup; "" when it succeeded */
};

/* Called when the addresses or the error of a name in use have changed, from the loop. */
typedef void (*resolve_cb)(void *arg);

struct resolve_user;

struct resolver {
	uv_loop_t *loop;
	struct map names;    /* of struct resolve_name, those in use */
	uint64_t refresh_ms; /* after a success */
	uint64_t retry_ms;   /* first wait after a failure; doubles up to refresh_ms */
	uint64_t lookups, failures;
	size_t open; /* names that still have a handle or a lookup in the loop */
	bool closing;
	void (*on_closed)(void *arg);
	void *arg;
};

void resolver_init(struct resolver *, uv_loop_t *);
/* Ends all; lookups that run are waited for.  Every user must have been released. */
void resolver_close(struct resolver *, void (*on_closed)(void *arg), void *arg);
/* Begins to follow a name; names in use are shared, whoever uses them.  The callback never comes
 * before it returns. */
struct resolve_user *resolve_use(struct resolver *, const char *name, resolve_cb, void *arg);
/* No callback after it; NULL is nothing. */
void resolve_release(struct resolve_user *);
/* Borrowed until the next turn of the loop. */
const struct resolve_answer *resolve_known(const struct resolve_user *);

#endif
