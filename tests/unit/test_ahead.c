/* SPDX-License-Identifier: Apache-2.0 */
/* core/route/ahead.c: what is asked for before a request is parsed. */
#include <stdio.h>

#include "routes_made.h"

enum { MANY = 300 };

static char paths[MANY][32], more[MANY + 1][32];

static void add_many(const char *format, int n)
{
	for (int i = 0; i < n; i++) {
		snprintf(paths[i], sizeof(paths[i]), format, i);
		add(paths[i]);
	}
}

static void fetched(const char *request, const char *segment)
{
	struct route_ahead ahead = { .wanted = true };

	route_table_ahead(table, str_from(request), &ahead);
	route_table_ahead_more(table, &ahead);
	ck_assert_msg(ahead.wanted == (segment != NULL), "%s", request);
	if (segment)
		ck_assert_uint_eq(ahead.hash, str_hash(str_from(segment)));
}

START_TEST(small_tables_need_nothing)
{
	begin();
	add_many("/r/%d", 100);
	build();
	fetched("GET /r/7 HTTP/1.1\r\n", NULL);
	end();
}
END_TEST

START_TEST(by_way_of_the_largest_node)
{
	begin();
	add_many("/r/{a}/s/%d/{id}", MANY);
	add("/r/b");
	build();
	fetched("GET /r/7/s/12/x HTTP/1.1\r\nHost: h\r\n\r\n", "12");
	fetched("DELETE /r/b/s/12?q=/ HTTP/1.1\r\n", "12");
	fetched("GET /r/a/s/none ", "none");
	fetched("GET /r/b/other/12 HTTP/1.1\r\n", "12");
	/* It is only what has come of it. */
	fetched("GET /r/a/s/1", NULL);
	fetched("GET /r/a/s", NULL);
	fetched("GET /", NULL);
	fetched("GET ", NULL);
	fetched("GET", NULL);
	fetched("", NULL);
	/* Other paths, and what is no path. */
	fetched("GET /r//s/12/x HTTP/1.1\r\n", NULL);
	fetched("GET http://h/r/7/s/12 HTTP/1.1\r\n", NULL);
	fetched("OPTIONS * HTTP/1.1\r\n", NULL);
	ck_assert_str_eq(found("/r/7/s/12/x"), "/r/{a}/s/12/{id}");
	end();
}
END_TEST

START_TEST(the_largest_of_several)
{
	begin();
	add_many("/few/%d", MANY);
	build();
	fetched("GET /few/12 HTTP/1.1\r\n", "12");
	end();
	for (int i = 0; i <= MANY; i++) {
		snprintf(more[i], sizeof(more[i]), "/a/b/%d", i);
		add(more[i]);
	}
	build();
	fetched("GET /few/12 HTTP/1.1\r\n", NULL);
	fetched("GET /a/b/34 HTTP/1.1\r\n", "34");
	end();
}
END_TEST

START_TEST(long_segments_are_left_alone)
{
	char request[2048];

	begin();
	add_many("/%d", MANY);
	build();
	memset(request, 'x', sizeof(request));
	memcpy(request, "GET /", 5);
	request[sizeof(request) - 1] = '\0';
	request[300] = ' ';
	fetched(request, NULL);
	request[200] = '\0';
	fetched(request, NULL);
	fetched("GET /299 HTTP/1.1\r\n", "299");
	end();
}
END_TEST

int main(void)
{
	return SUITE("ahead", small_tables_need_nothing, by_way_of_the_largest_node,
		     the_largest_of_several, long_segments_are_left_alone);
}
