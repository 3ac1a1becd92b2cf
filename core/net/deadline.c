/* SPDX-License-Identifier: Apache-2.0 */
#include "net/deadline.h"

#include "base/error.h"

#define DEADLINE_NEVER UINT64_MAX

static void deadlines_on_timer(uv_timer_t *);

void deadlines_init(struct deadlines *ds, uv_loop_t *loop)
{
	must(uv_timer_init(loop, &ds->timer) == 0);
	ds->tick = 0;
	ds->linked = 0;
	list_init(&ds->expired);
	for (int i = 0; i < DEADLINE_SLOTS; i++)
		list_init(&ds->slots[i]);
}

static uint64_t deadlines_now(const struct deadlines *ds)
{
	return uv_now(ds->timer.loop);
}

/* To the next tick: a repeating timer would drift away from the ticks. */
static void deadlines_run(struct deadlines *ds)
{
	uint64_t left = DEADLINE_TICK_MS - deadlines_now(ds) % DEADLINE_TICK_MS;

	must(uv_timer_start(&ds->timer, deadlines_on_timer, left, 0) == 0);
}

static void deadline_unlink(struct deadline *d)
{
	if (!list_linked(&d->link))
		return;
	list_remove(&d->link);
	d->owner->linked--;
}

/* Into the slot of the first tick that is not before its time; not into the current one, which
 * has been handled, nor beyond the last, which has a nearer tick. */
static void deadline_link(struct deadlines *ds, struct deadline *d)
{
	uint64_t now = deadlines_now(ds) / DEADLINE_TICK_MS;
	uint64_t tick = d->at_ms / DEADLINE_TICK_MS + (d->at_ms % DEADLINE_TICK_MS != 0);

	if (ds->linked++ == 0) {
		ds->tick = now;
		if (!uv_is_active((uv_handle_t *)&ds->timer))
			deadlines_run(ds);
	}
	if (tick <= now)
		tick = now + 1;
	if (tick > ds->tick + DEADLINE_SLOTS - 1)
		tick = ds->tick + DEADLINE_SLOTS - 1;
	d->slot_ms = tick * DEADLINE_TICK_MS;
	d->owner = ds;
	list_push(&ds->slots[tick % DEADLINE_SLOTS], &d->link);
}

/* All that is due moves to one list before the first callback, so that callbacks may set, clear
 * and drop what they like, whichever slot it sits in. */
static void deadlines_collect(struct deadlines *ds)
{
	uint64_t now = deadlines_now(ds) / DEADLINE_TICK_MS;
	uint64_t first = ds->tick + 1;

	if (now - ds->tick > DEADLINE_SLOTS)
		first = now + 1 - DEADLINE_SLOTS;
	for (uint64_t tick = first; tick <= now; tick++)
		list_each_safe(l, &ds->slots[tick % DEADLINE_SLOTS])
		{
			list_remove(l);
			list_push(&ds->expired, l);
		}
	ds->tick = now;
}

static void deadlines_on_timer(uv_timer_t *timer)
{
	struct deadlines *ds = container_of(timer, struct deadlines, timer);

	deadlines_collect(ds);
	while (!list_empty(&ds->expired)) {
		struct deadline *d = container_of(ds->expired.next, struct deadline, link);
		deadline_unlink(d);
		if (d->at_ms == DEADLINE_NEVER)
			continue;
		if (d->at_ms > deadlines_now(ds)) {
			deadline_link(ds, d);
			continue;
		}
		d->at_ms = DEADLINE_NEVER;
		d->cb(d);
	}
	if (ds->linked && !uv_is_closing((uv_handle_t *)&ds->timer))
		deadlines_run(ds);
}

static void deadlines_drop_all(struct list *head)
{
	while (!list_empty(head))
		deadline_drop(container_of(head->next, struct deadline, link));
}

void deadlines_close(struct deadlines *ds)
{
	for (int i = 0; i < DEADLINE_SLOTS; i++)
		deadlines_drop_all(&ds->slots[i]);
	deadlines_drop_all(&ds->expired);
	uv_close((uv_handle_t *)&ds->timer, NULL);
}

void deadline_init(struct deadline *d, deadline_cb cb)
{
	*d = (struct deadline){ .at_ms = DEADLINE_NEVER, .cb = cb };
}

void deadline_set(struct deadlines *ds, struct deadline *d, uint64_t ms)
{
	uint64_t now = deadlines_now(ds);

	d->at_ms = ms < DEADLINE_NEVER - 1 - now ? now + ms : DEADLINE_NEVER - 1;
	if (list_linked(&d->link) && d->at_ms >= d->slot_ms)
		return;
	deadline_unlink(d);
	if (!uv_is_closing((uv_handle_t *)&ds->timer))
		deadline_link(ds, d);
}

void deadline_clear(struct deadline *d)
{
	d->at_ms = DEADLINE_NEVER;
}

void deadline_drop(struct deadline *d)
{
	d->at_ms = DEADLINE_NEVER;
	deadline_unlink(d);
}
