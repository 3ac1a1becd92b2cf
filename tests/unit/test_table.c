/* SPDX-License-Identifier: Apache-2.0 */
/* core/route/table.c: what cannot be a table, and the rooms of those that are one. */
#include "base/pages.h"

#include "config_text.h"
#include "routes_made.h"

static void refuse(const char *expected)
{
	ck_assert_ptr_null(route_table_new(&config, 0, &errors));
	ck_errors(&errors, expected);
}

#define AMBIGUOUS(index, path, first)                                                              \
	"f: /routes/" index ": no rule tells this route (" path ") from /routes/0 (" first         \
	"): give one of them another path, host, methods or headers\n"

START_TEST(conflicts_name_both_places)
{
	begin();
	add("/a/{x}");
	add("/b");
	add("/a/{y}");
	refuse(AMBIGUOUS("2", "/a/{y}", "/a/{x}"));
	routes[2].host = "h";
	build();
	end();
	routes[0].host = "h";
	ALLOW(&routes[0], "GET", "PUT");
	ALLOW(&routes[2], "PUT");
	refuse(AMBIGUOUS("2", "/a/{y}", "/a/{x}"));
	ALLOW(&routes[2], "POST");
	build();
	end();
}
END_TEST

START_TEST(conflicts_by_headers)
{
	static struct config_match_header a[] = { { "x", "1" }, { "y", NULL } },
					  b[] = { { "y", NULL }, { "x", "1" } },
					  c[] = { { "y", NULL }, { "x", "2" } };

	begin();
	add("/")->headers = a;
	add("/")->headers = c;
	routes[0].header_count = routes[1].header_count = 2;
	build();
	end();
	routes[1].headers = b;
	refuse(AMBIGUOUS("1", "/", "/"));
}
END_TEST

START_TEST(bad_patterns_have_a_place)
{
	begin();
	add("/a");
	add("/b//c");
	add("/d*");
	ck_assert_ptr_null(route_table_new(&config, 0, &errors));
	ck_assert_uint_eq(errors.count, 2);
	ck_assert_str_eq(errors.items[0].pointer, "/routes/1/path");
	ck_assert_str_eq(errors.items[1].pointer, "/routes/2/path");
	config_errors_fini(&errors);
}
END_TEST

START_TEST(rooms)
{
	struct route_match m;
	char *last = NULL;

	begin();
	add("/a/{x}");
	add("/b");
	add("/a/{x}")->host = "h";
	table = route_table_new(&config, 200, &errors);
	for (uint32_t i = 0; i < 3; i++) {
		char *room = route_table_rooms(table)[i];
		ck_assert_uint_eq((uintptr_t)room % CACHE_LINE, 0);
		for (int k = 0; k < 200; k++)
			ck_assert_int_eq(room[k], 0);
		memset(room, 1 + (int)i, 200);
		ck_assert_ptr_ne(room, last);
		last = room;
	}
	struct route_query q = { .method = STR("GET"), .path = STR("/a/7"), .host = STR("h") };
	route_table_match(table, &q, &m);
	ck_assert_uint_eq(m.index, 2);
	ck_assert_ptr_eq(m.room, route_table_rooms(table)[2]);
	q.path = STR("/b");
	route_table_match(table, &q, &m);
	ck_assert_ptr_eq(m.room, route_table_rooms(table)[1]);
	ck_assert_int_eq(*(char *)m.room, 2);
	end();
	build();
	ck_assert_ptr_null(route_table_rooms(table)[0]);
	end();
	ck_assert_ptr_null(route_table_rooms(NULL));
}
END_TEST

int main(void)
{
	return SUITE("table", conflicts_name_both_places, conflicts_by_headers,
		     bad_patterns_have_a_place, rooms);
}
