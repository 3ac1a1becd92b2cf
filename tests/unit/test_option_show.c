/* SPDX-License-Identifier: Apache-2.0 */
/* config/option_show.c: every kind of option back as JSON, defaults and marks. */
#include "config/option_show.h"
#include "option_rows.h"
#include "suite.h"

/* Fails unless the text, once parsed, is shown as expected. */
static void shown(const char *text, const char *expected)
{
	struct all out = { 0 };
	json_t *value = json_loads(expected, 0, NULL), *is;

	arena_init(&arena, 1024, 0);
	ck_assert_msg(value != NULL, "%s", expected);
	ck_assert_int_eq(parse(&all_table, text, &out), 0);
	is = option_show(&all_table, &out);
	char *got = json_dumps(is, JSON_COMPACT);
	ck_assert_msg(json_equal(is, value), "%s", got);
	free(got);
	json_decref(is);
	json_decref(value);
	arena_fini(&arena);
}

#define SHOWN_SCALARS                                                                              \
	"{\"text\": \"hello\", \"flag\": true, \"count\": -3, \"share\": 0.25,\n"                  \
	"\"wait\": \"15s\", \"size\": \"16KiB\", \"rate\": \"0.5/s\", \"mode\": \"slow\",\n"       \
	"\"service\": \"users\",\n"
#define SHOWN_DEFAULTS                                                                             \
	SHOWN_SCALARS                                                                              \
	"\"names\": [], \"one\": {\"host\": null, \"port\": 80}, \"many\": [],\n"                  \
	"\"map\": {}, \"any\": null}"

START_TEST(test_defaults)
{
	shown("{}", SHOWN_DEFAULTS);
}
END_TEST

/* What is written out, in whatever unit, is the same. */
START_TEST(test_written_out)
{
	shown("{\"text\": \"hello\", \"flag\": true, \"count\": -3, \"share\": 25e-2,\n"
	      "\"wait\": \"15000ms\", \"size\": 16384, \"rate\": \"1800/h\", \"mode\": \"slow\",\n"
	      "\"names\": [], \"many\": [], \"map\": {}}",
	      SHOWN_DEFAULTS);
}
END_TEST

START_TEST(test_inside)
{
	shown("{\"names\": [\"a\", \"b\"], \"one\": {\"host\": \"h\"},\n"
	      "\"many\": [{\"host\": \"x\"}, {\"host\": \"y\", \"port\": 1}],\n"
	      "\"map\": {\"k\": {\"host\": \"z\"}}, \"any\": {\"a\": [1]}}",
	      SHOWN_SCALARS
	      "\"names\": [\"a\", \"b\"], \"one\": {\"host\": \"h\", \"port\": 80},\n"
	      "\"many\": [{\"host\": \"x\", \"port\": 80}, {\"host\": \"y\", \"port\": 1}],\n"
	      "\"map\": {\"k\": {\"host\": \"z\", \"port\": 80}}, \"any\": {\"a\": [1]}}");
}
END_TEST

struct flags {
	const char *key;
	int64_t workers;
	uint64_t body, other, wait;
};

static const struct gh_option flag_rows[] = {
	{ GH_ROW_(struct flags, key, const char *, GH_OPT_STRING, NULL, "A key."),
	  .flags = GH_OPT_SECRET },
	{ GH_ROW_(struct flags, workers, int64_t, GH_OPT_INT, "auto", "Workers."),
	  .choices = "auto", .min = 1, .max = 9, .flags = OPTION_WORD },
	{ GH_ROW_(struct flags, body, uint64_t, GH_OPT_SIZE, NULL, "A size."),
	  .choices = "unlimited", .flags = OPTION_WORD | OPTION_ABSENT_MAX },
	GH_SIZE(struct flags, other, NULL, "Another."),
	GH_DURATION(struct flags, wait, "0s", "A time."),
};

static const struct option_table flag_table = { flag_rows, sizeof(flag_rows) / sizeof(flag_rows[0]),
						sizeof(struct gh_option) };

static void shown_flags(const char *text, const char *expected)
{
	struct flags out = { 0 };

	arena_init(&arena, 1024, 0);
	ck_assert_int_eq(parse(&flag_table, text, &out), 0);
	json_t *is = option_show(&flag_table, &out);
	char *got = json_dumps(is, JSON_COMPACT);
	ck_assert_str_eq(got, expected);
	free(got);
	json_decref(is);
	arena_fini(&arena);
}

/* Words that stand for 0, what is absent, what must not be printed. */
START_TEST(test_flags)
{
	shown_flags("{}", "{\"key\":{\"$secret\":null},\"workers\":\"auto\",\"body\":null,"
			  "\"other\":null,\"wait\":\"0s\"}");
	shown_flags("{\"key\": \"k\", \"workers\": 3, \"body\": \"unlimited\", \"other\": 5,\n"
		    "\"wait\": 0}",
		    "{\"key\":{\"$secret\":\"k\"},\"workers\":3,\"body\":\"unlimited\","
		    "\"other\":\"5B\",\"wait\":\"0s\"}");
	shown_flags("{\"workers\": \"auto\", \"body\": \"2048B\"}",
		    "{\"key\":{\"$secret\":null},\"workers\":\"auto\",\"body\":\"2KiB\","
		    "\"other\":null,\"wait\":\"0s\"}");
}
END_TEST

int main(void)
{
	return SUITE("option_show", test_defaults, test_written_out, test_inside, test_flags);
}
