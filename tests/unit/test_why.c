/* SPDX-License-Identifier: Apache-2.0 */
#include "routes_made.h"

START_TEST(why)
{
	char text[256];
	struct route_query q = { .method = STR("GET"), .host = STR("h"), .path = STR("/a") };
	static const char *const expected[] = {
		"chosen: the most specific route that matches",
		"the path does not match",
		"matches, but /a is more specific",
		"the host is not g",
		"it does not allow the method GET",
		"a header that it asks for is missing or differs",
	};
	static struct config_match_header header[] = { { "x", NULL } };

	begin();
	add("/a");
	add("/b");
	add("/*");
	add("/a")->host = "g";
	ALLOW(add("/{x}"), "PUT");
	add("/a")->headers = header;
	routes[5].header_count = 1;
	build();
	for (uint32_t i = 0; i < config.route_count; i++) {
		route_table_why(table, i, &q, text, sizeof(text));
		ck_assert_str_eq(text, expected[i]);
	}
	end();
}
END_TEST

int main(void)
{
	return SUITE("why", why);
}
