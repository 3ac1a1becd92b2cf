/* SPDX-License-Identifier: Apache-2.0 */
#include "net/deadline.h"

#include "base/rand.h"
#include "suite.h"

/* Tests that need hours or exact ticks set the loop's time themselves and call what libuv
 * would call; the others run the loop. */
static uv_loop_t loop;
static struct deadlines wheel;

struct object {
	struct deadline deadline;
	uint64_t due; /* what the test asked for; 0: nothing */
	uint64_t fired_at;
	unsigned fired;
	struct object *other;
};

static void test_setup(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	deadlines_init(&wheel, &loop);
}

static void test_teardown(void)
{
	deadlines_close(&wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void on_fired(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	o->fired++;
	o->fired_at = uv_now(&loop);
}

static struct object *object_new(deadline_cb cb)
{
	struct object *o = calloc(1, sizeof(*o));

	deadline_init(&o->deadline, cb);
	return o;
}

static void test_set(struct object *o, uint64_t ms)
{
	deadline_set(&wheel, &o->deadline, ms);
	o->due = uv_now(&loop) + ms;
}

/* Time passes: the timer's callback runs if that is due. */
static void test_pass(uint64_t ms)
{
	loop.time += ms;
	if (uv_is_active((uv_handle_t *)&wheel.timer) && uv_timer_get_due_in(&wheel.timer) == 0) {
		uv_timer_stop(&wheel.timer);
		wheel.timer.timer_cb(&wheel.timer);
	}
}

START_TEST(test_real_loop)
{
	static const uint64_t delays[] = { 0, 1, 30, 64, 65, 150, 200 };
	enum { N = sizeof(delays) / sizeof(delays[0]) };
	struct object *objects[N], *cleared = object_new(on_fired);

	test_setup();
	for (int i = 0; i < N; i++) {
		objects[i] = object_new(on_fired);
		test_set(objects[i], delays[i]);
	}
	test_set(cleared, 100);
	deadline_clear(&cleared->deadline);
	/* Ends by itself: the timer stops when nothing is linked. */
	uv_run(&loop, UV_RUN_DEFAULT);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(objects[i]->fired, 1);
		ck_assert_uint_ge(objects[i]->fired_at, objects[i]->due);
		/* Two ticks, and a second for a busy machine. */
		ck_assert_uint_le(objects[i]->fired_at, objects[i]->due + 1128);
		free(objects[i]);
	}
	ck_assert_uint_eq(cleared->fired, 0);
	free(cleared);
	test_teardown();
}
END_TEST

START_TEST(test_move_later_is_one_store)
{
	struct object *o = object_new(on_fired);

	test_setup();
	loop.time = 640000;
	test_set(o, 1000);
	const struct list *before = o->deadline.link.prev;
	uint64_t slot = o->deadline.slot_ms;
	test_set(o, 100000);
	ck_assert_ptr_eq(o->deadline.link.prev, before);
	ck_assert_uint_eq(o->deadline.slot_ms, slot);
	while (!o->fired)
		test_pass(7);
	ck_assert_uint_ge(o->fired_at, o->due);
	ck_assert_uint_le(o->fired_at, o->due + 2 * DEADLINE_TICK_MS);
	free(o);
	test_teardown();
}
END_TEST

START_TEST(test_move_earlier)
{
	struct object *o = object_new(on_fired);

	test_setup();
	test_set(o, 30000);
	test_set(o, 100);
	while (!o->fired)
		test_pass(1);
	ck_assert_uint_ge(o->fired_at, o->due);
	ck_assert_uint_le(o->fired_at, o->due + 2 * DEADLINE_TICK_MS);
	free(o);
	test_teardown();
}
END_TEST

/* Three hours, through many turns of the wheel; and all of time. */
START_TEST(test_beyond_the_wheel)
{
	struct object *o = object_new(on_fired), *never = object_new(on_fired);

	test_setup();
	test_set(o, 3 * 3600 * 1000);
	deadline_set(&wheel, &never->deadline, UINT64_MAX);
	while (!o->fired)
		test_pass(50);
	ck_assert_uint_ge(o->fired_at, o->due);
	ck_assert_uint_le(o->fired_at, o->due + 2 * DEADLINE_TICK_MS);
	ck_assert_uint_eq(never->fired, 0);
	ck_assert(list_linked(&never->deadline.link));
	deadline_drop(&never->deadline);
	free(o);
	free(never);
	test_teardown();
}
END_TEST

START_TEST(test_a_loop_that_slept)
{
	struct object *near = object_new(on_fired), *far = object_new(on_fired),
		      *late = object_new(on_fired);

	test_setup();
	test_set(near, 10);
	test_set(far, 500000);
	/* Stopped for longer than the wheel is round; set before the timer gets its turn. */
	loop.time += 100000;
	test_set(late, 1000);
	test_pass(0);
	ck_assert_uint_eq(near->fired, 1);
	ck_assert_uint_eq(late->fired, 0);
	while (!late->fired)
		test_pass(64);
	ck_assert_uint_ge(late->fired_at, late->due);
	ck_assert_uint_le(late->fired_at, late->due + 3 * DEADLINE_TICK_MS);
	while (!far->fired)
		test_pass(64);
	ck_assert_uint_ge(far->fired_at, far->due);
	free(near);
	free(far);
	free(late);
	test_teardown();
}
END_TEST

static void on_free(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	o->other->fired++;
	free(o);
}

static void on_drop_and_free_other(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	o->fired++;
	deadline_drop(&o->other->deadline);
	free(o->other);
}

static void on_clear_other(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	o->fired++;
	deadline_clear(&o->other->deadline);
}

static void on_set_other(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	o->fired++;
	test_set(o->other, 1000);
}

/* Each acts on one that is due in the same slot and comes after it. */
START_TEST(test_callbacks_in_one_slot)
{
	static const deadline_cb acts[] = { on_free, on_drop_and_free_other, on_clear_other,
					    on_set_other };
	struct object *actors[4], *others[4];

	test_setup();
	for (int i = 0; i < 4; i++) {
		actors[i] = object_new(acts[i]);
		others[i] = object_new(on_fired);
		actors[i]->other = others[i];
		test_set(actors[i], 100);
	}
	for (int i = 1; i < 4; i++)
		test_set(others[i], 100);
	test_pass(64);
	test_pass(64);
	test_pass(64);
	ck_assert_uint_eq(others[0]->fired, 1);
	for (int i = 1; i < 4; i++)
		ck_assert_uint_eq(actors[i]->fired, 1);
	ck_assert_uint_eq(others[2]->fired, 0);
	ck_assert(!list_linked(&others[2]->deadline.link));
	ck_assert_uint_eq(others[3]->fired, 0);
	while (!others[3]->fired)
		test_pass(64);
	ck_assert_uint_ge(others[3]->fired_at, others[3]->due);
	ck_assert_uint_eq(wheel.linked, 0);
	free(others[0]);
	free(others[2]);
	free(others[3]);
	for (int i = 1; i < 4; i++)
		free(actors[i]);
	test_teardown();
}
END_TEST

static void on_again(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	ck_assert(!list_linked(&d->link));
	if (++o->fired < 5)
		deadline_set(&wheel, d, 0);
}

START_TEST(test_sets_itself_again)
{
	struct object *o = object_new(on_again);

	test_setup();
	deadline_set(&wheel, &o->deadline, 0);
	ck_assert_uint_eq(o->fired, 0);
	/* Once a tick, however late the tick is. */
	for (unsigned i = 1; i <= 5; i++) {
		test_pass(50000);
		ck_assert_uint_eq(o->fired, i);
	}
	ck_assert(!uv_is_active((uv_handle_t *)&wheel.timer));
	free(o);
	test_teardown();
}
END_TEST

static void on_close_wheel(struct deadline *d)
{
	on_fired(d);
	deadlines_close(&wheel);
}

START_TEST(test_close_in_a_callback)
{
	struct object *closer = object_new(on_close_wheel), *other = object_new(on_fired),
		      *far = object_new(on_fired);

	test_setup();
	test_set(closer, 1);
	test_set(other, 1);
	test_set(far, 10000);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_uint_eq(closer->fired, 1);
	ck_assert_uint_eq(other->fired + far->fired, 0);
	ck_assert(!list_linked(&other->deadline.link) && !list_linked(&far->deadline.link));
	/* Their owners may still clear, drop and set. */
	deadline_set(&wheel, &far->deadline, 1);
	deadline_clear(&other->deadline);
	deadline_drop(&far->deadline);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	free(closer);
	free(other);
	free(far);
}
END_TEST

static void on_model(struct deadline *d)
{
	struct object *o = container_of(d, struct object, deadline);

	ck_assert_uint_ne(o->due, 0);
	ck_assert_uint_ge(uv_now(&loop), o->due);
	ck_assert_uint_le(uv_now(&loop), o->due + 2 * DEADLINE_TICK_MS + 10);
	o->due = 0;
	o->fired++;
}

/* Anything at any time: each fires once, in its window, and only if it is still wanted. */
START_TEST(test_against_a_model)
{
	enum { OBJECTS = 100, STEPS = 300000 };
	static struct object objects[OBJECTS];
	struct rand r;
	unsigned fired = 0;

	test_setup();
	rand_seed(&r, 11);
	for (int i = 0; i < OBJECTS; i++)
		deadline_init(&objects[i].deadline, on_model);
	for (int step = 0; step < STEPS; step++) {
		struct object *o = &objects[rand_below(&r, OBJECTS)];
		uint64_t what = rand_below(&r, 20);
		if (what < 6) {
			test_set(o, rand_below(&r, 1ULL << rand_below(&r, 17)));
		} else if (what < 8) {
			deadline_clear(&o->deadline);
			o->due = 0;
		} else if (what < 9) {
			deadline_drop(&o->deadline);
			o->due = 0;
		}
		test_pass(rand_below(&r, 10));
		for (int i = 0; i < OBJECTS && step % 100 == 0; i++)
			ck_assert(!objects[i].due || uv_now(&loop) <= objects[i].due + 138);
	}
	for (int i = 0; i < OBJECTS; i++)
		fired += objects[i].fired;
	ck_assert_uint_gt(fired, STEPS / 20);
	test_teardown();
}
END_TEST

int main(void)
{
	return SUITE("deadline", test_real_loop, test_move_later_is_one_store, test_move_earlier,
		     test_beyond_the_wheel, test_a_loop_that_slept, test_callbacks_in_one_slot,
		     test_sets_itself_again, test_close_in_a_callback, test_against_a_model);
}
