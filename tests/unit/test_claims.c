/* SPDX-License-Identifier: Apache-2.0 */
/* control/claims.c: without a Consul that answers; tests/system/test_registry_routes.py has one. */
#include "control/claims.h"

#include "plane.h"

#define MEMBERS                                                                                    \
	"\"discovery\": {\"snapshot\": \"disc\", \"consul\": {\"address\": \"127.0.0.1:1\", "      \
	"\"routes\": {\"paths\": [\"/api/*\"]}}}"

static json_t *asked;

/* A gateway that lets services ask, whose disk has this. */
static void begin(const char *disk)
{
	plane_open();
	plane_write(1, MEMBERS);
	if (disk)
		scratch_write("disc.routes", disk);
	struct gateway_config *config = plane_load();
	claims_begin(plane.claims, config);
	gateway_config_free(config);
	asked = claims_asked(plane.claims);
}

static void end(void)
{
	json_decref(asked);
	plane_close();
}

#define DISK(routes) "{\"format\": \"gatehouse-routes\", \"version\": 1, \"routes\": [" routes "]}"
#define ROUTE(path)                                                                                \
	"{\"meta\": true, \"claim\": {\"service\": \"web\", \"origin\": \"metadata\", \"path\": "  \
	"\"" path "\"}}"

START_TEST(nothing_is_known)
{
	begin(NULL);
	ck_assert_uint_eq(json_array_size(asked), 0);
	ck_assert(!claims_missing(plane.claims));
	struct generation *g = plane_serve();
	claims_serve(plane.claims, g->config);
	/* Consul is to be asked first. */
	ck_assert(claims_missing(plane.claims));
	ck_assert(claims_stats(plane.claims).on && !claims_stats(plane.claims).reachable);
	end();
}
END_TEST

START_TEST(disk_that_makes_no_sense)
{
	static const char *const bad[] = {
		"{}", "{\"format\": \"gatehouse-routes\", \"version\": 2, \"routes\": []}",
		DISK("{\"claim\": {}}")
	};

	for (size_t i = 0; i < 3; i++) {
		begin(bad[i]);
		ck_assert_uint_eq(json_array_size(asked), 0);
		end();
	}
}
END_TEST

/* What was on disk serves, and what became of it is told. */
START_TEST(taken)
{
	json_t *results, *status;
	const json_t *rows;

	begin(DISK(ROUTE("/api/a") "," ROUTE("/api/b") "," ROUTE("/api/c")));
	ck_assert_uint_eq(json_array_size(asked), 3);
	ck_assert_uint_eq(claims_stats(plane.claims).pending, 3);
	results = json_pack("[{s:O, s:s}, {s:O, s:s, s:s}]", "claim", json_array_get(asked, 0),
			    "state", "served", "claim", json_array_get(asked, 1), "state",
			    "refused", "why", "taken");
	claims_taken(plane.claims, asked, results);
	ck_assert_uint_eq(claims_stats(plane.claims).served, 1);
	ck_assert_uint_eq(claims_stats(plane.claims).refused, 1);
	ck_assert_uint_eq(claims_stats(plane.claims).pending, 1);
	status = claims_status(plane.claims);
	rows = json_object_get(status, "routes");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "why")),
			 "taken");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "path")),
			 "/api/b");
	ck_assert(json_is_false(json_object_get(status, "on")));
	json_decref(status);
	json_decref(results);
	end();
}
END_TEST

START_TEST(off_again)
{
	struct generation *g;

	begin(DISK(ROUTE("/api/a")));
	plane_write(1, "\"routes\": []");
	g = plane_serve();
	claims_serve(plane.claims, g->config);
	json_decref(asked);
	asked = claims_asked(plane.claims);
	ck_assert_uint_eq(json_array_size(asked), 0);
	ck_assert(!claims_stats(plane.claims).on && !claims_missing(plane.claims));
	end();
}
END_TEST

PLANE_SUITE("claims", nothing_is_known, disk_that_makes_no_sense, taken, off_again)
