/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/crowd.c: what workers share of the services that they have in hand. */
#include "metrics/crowd.h"

#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

static struct error e;

START_TEST(test_shared)
{
	struct crowd ours, theirs;

	ck_assert_int_eq(crowd_create(&ours, 2, 3, &e), 0);
	ck_assert_int_eq(crowd_open(&theirs, ours.fd, &e), 0);
	ck_assert_uint_eq(theirs.workers, 2);
	ck_assert_uint_eq(theirs.services, 3);
	crowd_cells(&theirs, 1)[0].count[CROWD_REQUESTS] = 4;
	crowd_cells(&theirs, 1)[1].count[CROWD_REQUESTS] = 5;
	crowd_cells(&theirs, 2)[1].count[CROWD_WAITING] = 6;
	ck_assert_int_eq(crowd_sum(crowd_cells(&ours, 1), 2, CROWD_REQUESTS), 9);
	ck_assert_int_eq(crowd_sum(crowd_cells(&ours, 1), 2, CROWD_WAITING), 0);
	ck_assert_int_eq(crowd_sum(crowd_cells(&ours, 0), 2, CROWD_REQUESTS), 0);
	/* One that has died has nothing; a worker that there is not changes nothing. */
	crowd_renew(&ours, 1);
	crowd_renew(&ours, 2);
	ck_assert_int_eq(crowd_sum(crowd_cells(&theirs, 1), 2, CROWD_REQUESTS), 4);
	ck_assert_int_eq(crowd_sum(crowd_cells(&theirs, 2), 2, CROWD_WAITING), 0);
	/* Whatever was written there. */
	crowd_cells(&theirs, 0)[0].count[CROWD_REQUESTS] = -7;
	ck_assert_int_eq(crowd_sum(crowd_cells(&ours, 0), 2, CROWD_REQUESTS), 0);
	crowd_close(&theirs);
	crowd_close(&ours);
	crowd_close(&ours);
}
END_TEST

START_TEST(test_nothing_to_share)
{
	struct crowd c;

	ck_assert_int_eq(crowd_create(&c, 4, 0, &e), 0);
	crowd_renew(&c, 0);
	crowd_close(&c);
}
END_TEST

START_TEST(test_refused)
{
	struct crowd c;
	int fd = memfd_create("other", 0);

	ck_assert_int_eq(crowd_open(&c, fd, &e), -1);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(crowd_open(&c, fd, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "not the shared counts of this version"));
	ck_assert_int_eq(crowd_open(&c, -1, &e), -1);
	crowd_close(&c);
	close(fd);
}
END_TEST

int main(void)
{
	return SUITE("crowd", test_shared, test_nothing_to_share, test_refused);
}
