/* SPDX-License-Identifier: Apache-2.0 */
/* control/diff.c: what serves against a text, and a comparison that nobody waits for any more. */
#include "control/diff.h"

#include "plane.h"

static struct diff *diff;
static int done;
static char *said; /* of the outcome: "CHANGE POINTER;" each, or the first error */
static size_t notes;

static void on_outcome(void *arg, const struct diff_outcome *o)
{
	char text[1024] = "";
	size_t n = 0, i;
	json_t *item;

	ck_assert_ptr_eq(arg, &done);
	ck_assert_ptr_null(diff);
	json_array_foreach(o->changes, i, item)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s;",
				      json_string_value(json_object_get(item, "change")),
				      json_string_value(json_object_get(item, "pointer")));
	ck_assert((o->changes == NULL) == (json_array_size(o->errors) > 0));
	free(said);
	said = strdup(o->changes ? text : json_string_value(json_array_get(o->errors, 0)));
	notes = json_array_size(o->notes);
	done++;
}

/* A gateway that serves one route, whose text is in "text". */
static char *text;

static void serve(void)
{
	plane_open();
	plane_write(1, "\"routes\": [{\"path\": \"/a\", \"plugin\": \"faults\"}]");
	struct str bytes = plane_serve()->config->text;
	text = strndup(bytes.p, bytes.n);
	done = 0;
}

static void end(void)
{
	free(text);
	free(said);
	said = NULL;
	plane_close();
}

static void start(const char *new)
{
	diff_start(&plane, str_from(new), on_outcome, &done, &diff);
}

/* The text with the first of these words replaced. */
static const char *with(const char *word, const char *by)
{
	static char out[8192];
	const char *at = strstr(text, word);

	ck_assert_ptr_nonnull(at);
	snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
	return out;
}

static void compared(const char *new, const char *expected)
{
	int before = done;

	start(new);
	plane_until(done > before);
	ck_assert_str_eq(said, expected);
}

START_TEST(same_and_different)
{
	serve();
	compared(text, "");
	compared(with("\"workers\": 1", "\"workers\": 2"), "changed /workers;");
	compared(with("\"/a\"", "\"/b\""), "removed /routes/0;added /routes/0;");
	ck_assert_uint_eq(notes, 0);
	compared(with("\"admin\": \"off\"", "\"admin\": \"127.0.0.1:1\""), "changed /admin;");
	ck_assert_uint_eq(notes, 1);
	/* Nothing else has happened. */
	ck_assert_uint_eq(plane.current->number, 1);
	ck_assert_uint_eq(plane.reloads + plane.reloads_failed, 0);
	end();
}
END_TEST

/* A text that is no configuration is answered at once; what a plugin says takes its child. */
START_TEST(refused)
{
	serve();
	start("");
	ck_assert_int_eq(done, 1);
	ck_assert_ptr_nonnull(strstr(said, "gateway.json:1:1: "));
	start(with("\"faults\"", "\"faults\", \"config\": {\"bogus\": 1}"));
	ck_assert_int_eq(done, 1);
	plane_until(done == 2);
	ck_assert_ptr_nonnull(strstr(said, "/routes/0/config/bogus: unknown member"));
	start(with("\"faults\"", "\"faults\", \"config\": {\"load\": true}"));
	plane_until(done == 3);
	ck_assert_ptr_nonnull(strstr(said, "plugin \"faults\" crashed while being checked"));
	end();
}
END_TEST

START_TEST(forgotten)
{
	serve();
	start(text);
	ck_assert_ptr_nonnull(diff);
	diff_cancel(&diff);
	ck_assert_ptr_null(diff);
	diff_cancel(&diff);
	compared(text, "");
	ck_assert_int_eq(done, 1);
	end();
}
END_TEST

PLANE_SUITE("control_diff", same_and_different, refused, forgotten)
