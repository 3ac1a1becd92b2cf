/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/end_reason.h"

const struct end_reason_row end_reason_table[END_REASON_COUNT] = {
#define END_REASON_ROW_(symbol, status, word, title, detail)                                       \
	[END_##symbol] = { status, word, title, detail },
	END_REASONS(END_REASON_ROW_)
#undef END_REASON_ROW_
};
