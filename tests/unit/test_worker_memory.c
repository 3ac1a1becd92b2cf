/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker_memory.h"

#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

START_TEST(resident)
{
	enum { MORE = 32 << 20 };
	uint64_t before = worker_memory_of(getpid());
	volatile char *room = malloc(MORE);

	ck_assert_uint_gt(before, 0);
	for (size_t i = 0; i < MORE; i += 4096)
		room[i] = 1;
	ck_assert_uint_ge(worker_memory_of(getpid()), before + MORE / 2);
	free((void *)(uintptr_t)room);
	ck_assert_uint_eq(worker_memory_of(-1), 0);
}
END_TEST

/* Each replacement is twice as far from the one before, unless the limit was kept for long. */
START_TEST(waits)
{
	struct worker_memory m = { 0 };
	uint64_t now = 1000, wait = WORKER_MEMORY_WAIT_MS;

	ck_assert(worker_memory_due(&m, now));
	for (int i = 0; i < 10; i++) {
		ck_assert(!worker_memory_due(&m, now + wait - 1));
		ck_assert(worker_memory_due(&m, now += wait));
		wait = wait < WORKER_MEMORY_WAIT_MAX_MS / 2 ? wait * 2 : WORKER_MEMORY_WAIT_MAX_MS;
		ck_assert_uint_eq(m.wait_ms, wait);
	}
	ck_assert(worker_memory_due(&m, now += 3 * WORKER_MEMORY_WAIT_MAX_MS));
	ck_assert_uint_eq(m.wait_ms, WORKER_MEMORY_WAIT_MS);
	ck_assert_uint_eq(m.replaced, 12);
}
END_TEST

int main(void)
{
	return SUITE("worker_memory", resident, waits);
}
