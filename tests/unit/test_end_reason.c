/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/end_reason.c: the table keeps what its users rely on. */
#include <string.h>

#include "metrics/end_reason.h"
#include "suite.h"

START_TEST(test_words_are_unique_labels)
{
	for (int i = 0; i < END_REASON_COUNT; i++) {
		const char *word = end_reason_table[i].word;

		ck_assert_uint_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(word, end_reason_table[k].word);
	}
}
END_TEST

START_TEST(test_answers_are_complete)
{
	ck_assert_str_eq(end_reason_table[END_OK].word, "ok");
	for (int i = END_OK + 1; i < END_REASON_COUNT; i++) {
		const struct end_reason_row *r = &end_reason_table[i];

		ck_assert_msg(r->status == 0 || (r->status >= 400 && r->status < 600), "%s",
			      r->word);
		ck_assert_msg(r->title[0] && r->detail[0], "%s", r->word);
		/* They go into JSON and headers as they are. */
		ck_assert_ptr_null(strpbrk(r->title, "\"\\\r\n"));
		ck_assert_ptr_null(strpbrk(r->detail, "\"\\\r\n"));
	}
}
END_TEST

int main(void)
{
	return SUITE("end_reason", test_words_are_unique_labels, test_answers_are_complete);
}
