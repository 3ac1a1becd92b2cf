/* SPDX-License-Identifier: Apache-2.0 */
#include "config/hostname.h"

#include "suite.h"

static char host[HOSTNAME_SIZE];
static bool named;

START_TEST(addresses_are_told_from_names)
{
	ck_assert_ptr_null(hostname_parse(STR("[0::0:1]"), host, &named));
	ck_assert_str_eq(host, "::1");
	ck_assert(!named);
	ck_assert_ptr_null(hostname_parse(STR("10.0.0.1"), host, &named));
	ck_assert_str_eq(host, "10.0.0.1");
	ck_assert(!named);
	ck_assert_ptr_null(hostname_parse(STR("db_1.internal"), host, &named));
	ck_assert_str_eq(host, "db_1.internal");
	ck_assert(named);
}
END_TEST

START_TEST(nobody_can_be_asked_there)
{
	static const char *const wrong[] = { "",          "0.0.0.0",         "0.1.2.3",
					     "224.0.0.1", "255.255.255.255", "::",
					     "[ff02::1]", "[10.0.0.1]" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(hostname_parse(str_from(wrong[i]), host, &named), "%s", wrong[i]);
}
END_TEST

START_TEST(names_that_are_none)
{
	static const char *const wrong[] = { "-a", "a-", "a..b", ".a", "a b", "a/b", "10.1", "1" };
	char label[65] = "", name[255] = "";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(hostname_parse(str_from(wrong[i]), host, &named), "%s", wrong[i]);
	ck_assert_ptr_nonnull(hostname_parse(STR("a\0b"), host, &named));
	memset(label, 'a', 63);
	ck_assert_ptr_null(hostname_parse(str_from(label), host, &named));
	memset(label, 'a', 64);
	ck_assert_ptr_nonnull(hostname_parse(str_from(label), host, &named));
	for (size_t i = 0; i < 254; i++)
		name[i] = i % 2 ? '.' : 'a';
	ck_assert_ptr_nonnull(hostname_parse(str_from(name), host, &named));
	name[253] = '\0';
	ck_assert_ptr_null(hostname_parse(str_from(name), host, &named));
}
END_TEST

int main(void)
{
	return SUITE("hostname", addresses_are_told_from_names, nobody_can_be_asked_there,
		     names_that_are_none);
}
