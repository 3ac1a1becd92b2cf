/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_bounds.c: what /status says of a service whose requests are limited. */
#include "config/errors.h"
#include "config/gateway.h"
#include "control/admin_pages.h"
#include "control/control.h"
#include "control/generation.h"
#include "suite.h"

START_TEST(test_shown)
{
	struct str text = STR("{\"listen\": [\":1\"], \"services\": {\"free\": {}, \"tight\": "
			      "{\"limits\": {\"requests\": 7, \"pending\": 3}}, "
			      "\"learnt\": {\"limits\": {\"adaptive\": true}}}}");
	struct config_errors errors = { 0 };
	struct gateway_config *config = gateway_config_load("f", &text, &errors);
	struct generation g = { .config = config };
	struct control c = { .current = &g };
	struct error e;
	json_t *list = json_pack("[{s:s}, {s:s}, {s:s}, {}, {s:s}]", "name", "free", "name",
				 "tight", "name", "elsewhere", "name", "learnt");
	json_t *expected = json_pack("{s:i, s:i, s:i, s:n, s:i, s:i}", "requests", 6,
				     "requests_max", 7, "connections", 0, "connections_max",
				     "pending", 2, "pending_max", 3);

	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(crowd_create(&g.crowd, 2, 3, &e), 0);
	crowd_cells(&g.crowd, 1)[0].count[CROWD_REQUESTS] = 2;
	crowd_cells(&g.crowd, 1)[1].count[CROWD_REQUESTS] = 4;
	crowd_cells(&g.crowd, 1)[1].count[CROWD_WAITING] = 2;
	g.crowd.rules[2].limit = 33;
	admin_bounds(&c, list);
	json_t *learnt = json_object_get(json_array_get(list, 4), "limits");
	ck_assert_int_eq(json_integer_value(json_object_get(learnt, "requests_max")), 33);
	ck_assert_ptr_null(json_object_get(json_array_get(list, 0), "limits"));
	ck_assert(json_equal(json_object_get(json_array_get(list, 1), "limits"), expected));
	ck_assert_ptr_null(json_object_get(json_array_get(list, 2), "limits"));
	ck_assert_uint_eq(json_object_size(json_array_get(list, 3)), 0);
	c.current = NULL;
	admin_bounds(&c, list);
	crowd_close(&g.crowd);
	json_decref(expected);
	json_decref(list);
	gateway_config_free(config);
}
END_TEST

int main(void)
{
	return SUITE("admin_bounds", test_shown);
}
