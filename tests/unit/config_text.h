/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/config_text.h -- what the tests of config/ share: the errors of a text as lines.
 * Called by: tests/unit/test_*.c.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_CONFIG_TEXT_H
#define GATEHOUSE_TESTS_CONFIG_TEXT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/errors.h"

/* The errors as config_errors_print() writes them with the file "f", then none: free() it. */
static inline char *config_text(struct config_errors *errors)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	config_errors_print(errors, "f", out);
	fclose(out);
	config_errors_fini(errors);
	return text;
}

/* Fails unless the errors read exactly so; they are none afterwards. */
#define ck_errors(errors, expected)                                                                \
	do {                                                                                       \
		char *text_ = config_text(errors);                                                 \
		ck_assert_str_eq(text_, (expected));                                               \
		free(text_);                                                                       \
	} while (0)

#endif
