/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_pages.c: which page answers, with what status, and of what type. */
#include "control/admin_pages.h"

#include "plane.h"

static struct admin_reply reply;

/* Asks for a page: its text. */
static const char *page(const char *path)
{
	buf_clear(&reply.body);
	reply.status = 0;
	reply.content_type = NULL;
	admin_page(&plane, str_from(path), &reply);
	buf_char(&reply.body, '\0');
	ck_assert(!reply.body.failed);
	return reply.body.p;
}

#define TEXT "text/plain; charset=utf-8"

static bool json_is_true_at(const char *text, const char *member)
{
	json_t *json = json_loads(text, 0, NULL);
	bool yes = json_is_true(json_object_get(json, member));

	ck_assert_ptr_nonnull(json);
	json_decref(json);
	return yes;
}

START_TEST(before_anything_serves)
{
	const char *text;

	plane_open();
	text = page("/");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(reply.content_type, TEXT);
	/* It names every page there is. */
	ck_assert_ptr_nonnull(strstr(text, "\n/healthz "));
	ck_assert_ptr_nonnull(strstr(text, "\n/readyz "));
	ck_assert_ptr_nonnull(strstr(text, "\n/status "));
	ck_assert_ptr_nonnull(strstr(text, "\n/metrics "));
	ck_assert_ptr_nonnull(strstr(text, "\nPOST /reload "));
	text = page("/healthz");
	ck_assert_int_eq(reply.status, 503);
	ck_assert_str_eq(reply.content_type, "application/problem+json");
	ck_assert_ptr_nonnull(strstr(text, "No worker is ready."));
	text = page("/readyz");
	ck_assert_int_eq(reply.status, 503);
	ck_assert_str_eq(reply.content_type, "application/json");
	ck_assert(!json_is_true_at(text, "ready"));
	page("/status");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(reply.content_type, "application/json");
	page("/metrics");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
	buf_fini(&reply.body);
	plane_close();
}
END_TEST

START_TEST(while_it_serves)
{
	plane_open();
	plane_write(1, "\"routes\": []");
	reload_first(plane.reload, plane_load());
	plane_until(!list_empty(&plane.generations));
	/* A worker that starts is not one that serves. */
	page("/healthz");
	ck_assert_int_eq(reply.status, 503);
	plane_until(plane.current);
	ck_assert_str_eq(page("/healthz"), "ok\n");
	ck_assert_int_eq(reply.status, 200);
	ck_assert(json_is_true_at(page("/readyz"), "ready"));
	ck_assert_int_eq(reply.status, 200);
	/* What drains still serves, and is no place to send more to. */
	plane.stopping = true;
	ck_assert_str_eq(page("/healthz"), "ok\n");
	ck_assert(!json_is_true_at(page("/readyz"), "ready"));
	ck_assert_int_eq(reply.status, 503);
	buf_fini(&reply.body);
	plane_close();
}
END_TEST

START_TEST(no_such_page)
{
	static const char *const paths[] = { "/statu", "/status/", "/Status", "", "*" };

	plane_open();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ck_assert_ptr_nonnull(strstr(page(paths[i]), "There is no such page"));
		ck_assert_int_eq(reply.status, 404);
	}
	buf_fini(&reply.body);
	plane_close();
}
END_TEST

START_TEST(problems)
{
	const char *expected = "{\n"
			       "  \"type\": \"about:blank\",\n"
			       "  \"title\": \"Conflict\",\n"
			       "  \"status\": 409,\n"
			       "  \"detail\": \"\\\"so\\\"\"\n"
			       "}\n";

	admin_problem(&reply, 409, "Conflict", "\"so\"");
	ck_assert_int_eq(reply.status, 409);
	ck_assert_str_eq(reply.content_type, "application/problem+json");
	ck_assert(str_eq(buf_str(&reply.body), str_from(expected)));
	buf_clear(&reply.body);
	admin_json(&reply, json_pack("[i]", 1));
	ck_assert_str_eq(reply.content_type, "application/json");
	ck_slice(buf_str(&reply.body), "[\n  1\n]\n");
	buf_fini(&reply.body);
}
END_TEST

PLANE_SUITE("admin_pages", before_anything_serves, while_it_serves, no_such_page, problems)
