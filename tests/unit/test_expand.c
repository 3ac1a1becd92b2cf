/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expand.h"

#include "config/source.h"
#include "config_text.h"
#include "suite.h"

static void check_text(const char *text, const char *expected)
{
	struct error e = { "" };
	struct buf out = { 0 };

	ck_assert_msg(expand_text(str_from(text), &out, &e) == 0, "%s: %s", text, e.text);
	ck_assert_msg(str_eq(buf_str(&out), str_from(expected)), "%s: %.*s", text,
		      STR_ARGS(buf_str(&out)));
	buf_fini(&out);
}

static void check_refused(const char *text, const char *says)
{
	struct error e = { "" };
	struct buf out = { 0 };

	ck_assert_msg(expand_text(str_from(text), &out, &e) < 0, "%s", text);
	ck_assert_msg(strstr(e.text, says), "%s: %s", text, e.text);
	buf_fini(&out);
}

static void expand_setup(void)
{
	setenv("GH_SET", "v$a${GH_SET}l", 1);
	setenv("GH_EMPTY", "", 1);
	unsetenv("GH_UNSET");
}

START_TEST(test_right)
{
	expand_setup();
	check_text("", "");
	check_text("plain", "plain");
	/* What a variable holds is not expanded again. */
	check_text("<${GH_SET}>", "<v$a${GH_SET}l>");
	check_text("${GH_EMPTY}", "");
	check_text("${GH_EMPTY:-d}", "d");
	check_text("${GH_UNSET:-d e:-f}x", "d e:-fx");
	check_text("${GH_UNSET:-}", "");
	check_text("${GH_SET:-d}", "v$a${GH_SET}l");
	check_text("$$", "$");
	check_text("$${GH_SET}", "${GH_SET}");
	check_text("$$$$", "$$");
	/* A dollar that begins nothing is itself. */
	check_text("5$", "5$");
	check_text("$5 $GH_SET", "$5 $GH_SET");
}
END_TEST

START_TEST(test_wrong)
{
	expand_setup();
	check_refused("${GH_UNSET}", "GH_UNSET is not set");
	check_refused("${GH_SET", "without \"}\"");
	check_refused("${}", "is not a reference");
	check_refused("${1A}", "is not a reference");
	check_refused("${A B}", "is not a reference");
	check_refused("${A-b}", "is not a reference");
	check_refused("${A:+b}", "is not a reference");
	check_refused("${GH_UNSET:-${GH_SET}}", "another reference");
}
END_TEST

START_TEST(test_json)
{
	struct config_errors e = { 0 };
	struct config_source *s = config_source_parse(
		"f",
		STR("{\"a\": [\"x\", \"${GH_EMPTY:-y}\"],\n"
		    " \"${GH_UNSET}\": {\"b/c\": \"${GH_UNSET}\"}}"),
		&e);
	json_t *root = config_source_root(s);

	expand_setup();
	expand_json(root, s, &e);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(root, "a"), 1)), "y");
	/* Names of members stay as they are. */
	ck_errors(&e,
		  "f:2:25: /${GH_UNSET}/b~1c: the environment variable GH_UNSET is not set; set "
		  "it, or give a default: ${GH_UNSET:-default}\n");
	setenv("GH_SET", "\xff", 1);
	json_t *bad = json_string("${GH_SET}");
	expand_json(bad, NULL, &e);
	json_decref(bad);
	ck_errors(&e, "f: what its references stand for is not UTF-8\n");
	config_source_free(s);
}
END_TEST

int main(void)
{
	return SUITE("expand", test_right, test_wrong, test_json);
}
