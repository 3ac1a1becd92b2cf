/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/zone.h"

#include <stdio.h>

#include "suite.h"

enum { ZONES = 80 };

/* Endpoints by the letters of their zones ('-': none), all of weight 2. */
static uint32_t share(const char *zones, enum zone_mode mode)
{
	static struct endpoint members[ZONES];
	struct endpoint *list[ZONES];
	size_t n = strlen(zones);

	for (size_t i = 0; i < n; i++) {
		members[i] = (struct endpoint){ .weight = 2 };
		if (zones[i] != '-')
			members[i].zone[0] = zones[i];
		list[i] = &members[i];
	}
	return zone_share(list, n, "a", mode);
}

START_TEST(balanced)
{
	ck_assert_uint_eq(share("ab", ZONE_BALANCED), ZONE_ALL);
	ck_assert_uint_eq(share("aab", ZONE_BALANCED), ZONE_ALL);
	ck_assert_uint_eq(share("aaa", ZONE_BALANCED), ZONE_ALL);
	/* A quarter of all where a half was due: half of the traffic fits. */
	ck_assert_uint_eq(share("abbb", ZONE_BALANCED), ZONE_ALL / 2);
	/* A quarter where a third was due. */
	ck_assert_uint_eq(share("abbc", ZONE_BALANCED), ZONE_ALL * 3 / 4);
	ck_assert_uint_eq(share("a---", ZONE_BALANCED), ZONE_ALL / 2);
	ck_assert_uint_eq(share("bbc", ZONE_BALANCED), 0);
	ck_assert_uint_eq(share("", ZONE_BALANCED), 0);
}
END_TEST

START_TEST(always)
{
	ck_assert_uint_eq(share("abbbbbbb", ZONE_ALWAYS), ZONE_ALL);
	ck_assert_uint_eq(share("b-", ZONE_ALWAYS), 0);
}
END_TEST

START_TEST(more_zones_than_are_told_apart)
{
	char zones[ZONES + 1] = "a";

	for (size_t i = 1; i < ZONES; i++)
		zones[i] = (char)('a' + i);
	ck_assert_uint_eq(share(zones, ZONE_BALANCED), ZONE_ALL * ZONE_SEEN_MAX / ZONES);
}
END_TEST

int main(void)
{
	return SUITE("zone", balanced, always, more_zones_than_are_told_apart);
}
