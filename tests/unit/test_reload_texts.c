/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_texts.c: the texts of an outcome, and their log lines. */
#include "control/reload_texts.h"

#include "config/errors.h"
#include "said.h"
#include "suite.h"

static const char *text(const json_t *texts, size_t i)
{
	const char *value = json_string_value(json_array_get(texts, i));

	ck_assert_ptr_nonnull(value);
	return value;
}

START_TEST(texts)
{
	json_t *list = json_array();
	char big[1000];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	reload_texts_add(list, "one");
	reload_texts_add(list, "\xff.so");
	reload_texts_addf(list, "%s %d", "two", 2);
	reload_texts_addf(list, "%s", big);
	ck_assert_uint_eq(json_array_size(list), 4);
	ck_assert_str_eq(text(list, 0), "one");
	ck_assert_str_eq(text(list, 1), "a text that is not UTF-8");
	ck_assert_str_eq(text(list, 2), "two 2");
	ck_assert_uint_eq(strlen(text(list, 3)), 511);
	json_decref(list);
}
END_TEST

START_TEST(errors_in_the_order_of_the_file)
{
	struct config_errors errors = { 0 };
	json_t *list = json_array();

	config_errors_add(&errors, NULL, "/a", "without a place");
	config_errors_add_at(&errors, 7, 2, "later");
	config_errors_add_at(&errors, 3, 1, "earlier");
	reload_texts_add_errors(list, &errors, "g.json");
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert_str_eq(text(list, 0), "g.json:3:1: earlier");
	ck_assert_str_eq(text(list, 1), "g.json:7:2: later");
	ck_assert_str_eq(text(list, 2), "g.json: /a: without a place");
	config_errors_fini(&errors);
	reload_texts_add_errors(list, &errors, "g.json");
	ck_assert_uint_eq(json_array_size(list), 3);
	json_decref(list);
}
END_TEST

START_TEST(logged)
{
	json_t *errors = json_pack("[s, s]", "one", "two"), *notes = json_pack("[s]", "three");

	said_begin();
	log_init(LOG_INFO, true, "test");
	reload_texts_log(NULL, NULL);
	ck_assert_str_eq(said(), "");
	reload_texts_log(errors, notes);
	ck_said("\"message\":\"reload refused\",\"error\":\"one\"");
	ck_said("\"message\":\"reload refused\",\"error\":\"two\"");
	ck_said("\"level\":\"warn\"");
	ck_said("\"message\":\"not reloaded\",\"why\":\"three\"");
	json_decref(errors);
	json_decref(notes);
}
END_TEST

int main(void)
{
	return SUITE("reload_texts", texts, errors_in_the_order_of_the_file, logged);
}
