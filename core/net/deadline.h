/* SPDX-License-Identifier: Apache-2.0 */
/* net/deadline.h -- many coarse timeouts on one timer, moved with a store: one wheel per loop.
 * Called by: proxy/ and upstream/ for whatever must not last too long.
 * Never: allocates, fires early, or calls back out of deadline_set(). */
#ifndef GATEHOUSE_NET_DEADLINE_H
#define GATEHOUSE_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

struct deadline;
struct deadlines;

/* The deadline is unarmed when this is called: it may set it again, or free what embeds it. */
typedef void (*deadline_cb)(struct deadline *);

/* Embedded in what it ends; 48 bytes. */
struct deadline {
	struct list link;
	uint64_t at_ms;   /* loop time; UINT64_MAX: unarmed */
	uint64_t slot_ms; /* when the slot that it sits in comes up: at_ms or earlier */
	deadline_cb cb;
	struct deadlines *owner; /* of the slot */
};

enum { DEADLINE_SLOTS = 512, DEADLINE_TICK_MS = 64 };

/* A slot holds what is due at one tick.  A deadline that moves later stays where it is, and is
 * put into a later slot when its old one comes up; so is one beyond the last slot (32 s). */
struct deadlines {
	uv_timer_t timer; /* runs only while a slot holds something */
	uint64_t tick;    /* the last one that was handled */
	uint64_t linked;  /* deadlines in slots and in expired */
	struct list expired;
	struct list slots[DEADLINE_SLOTS];
};

/* The loop's time, uv_now(), is the clock; it is as fresh as the current turn of the loop. */
void deadlines_init(struct deadlines *, uv_loop_t *);
/* Unarms all.  The memory may go when the loop has run once more (uv_close); until then
 * setting has no effect. */
void deadlines_close(struct deadlines *);

void deadline_init(struct deadline *, deadline_cb);
/* Arms it, or moves it, to ms from now.  It fires at most two ticks late, if the loop is not
 * busy.  Moving it later costs one store. */
void deadline_set(struct deadlines *, struct deadline *, uint64_t ms);
/* Unarms it; it may stay linked for a while, so deadline_drop() comes before freeing. */
void deadline_clear(struct deadline *);
/* Unarms and unlinks it at once. */
void deadline_drop(struct deadline *);

#endif
