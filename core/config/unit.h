/* SPDX-License-Identifier: Apache-2.0 */
/* config/unit.h -- durations, sizes and rates as people write them.
 * Called by: config/option.  Never: accepts a number whose unit is in doubt. */
#ifndef GATEHOUSE_CONFIG_UNIT_H
#define GATEHOUSE_CONFIG_UNIT_H

#include "base/str.h"

/* One year: no timer needs more, and sums of two cannot overflow. */
#define UNIT_DURATION_MAX (UINT64_C(366) * 24 * 3600 * 1000)
#define UNIT_SIZE_MAX     (UINT64_C(1) << 50)

enum { UNIT_TEXT_SIZE = 32 };

/* "250ms", "15s", "5m", "1h", "0": milliseconds.  0, or -1 for anything else, over a year too. */
int unit_duration(struct str, uint64_t *ms);
/* "512", "16KiB", "10MiB", "1GiB", "1TiB": bytes.  0, or -1 for anything else, over 1 PiB too. */
int unit_size(struct str, uint64_t *bytes);
/* "100/s", "30/m", "0.5/h": a second.  0, or -1 for anything else. */
int unit_rate(struct str, double *per_second);
/* The same values back as text, in the largest unit that is exact. */
void unit_duration_text(uint64_t ms, char out[UNIT_TEXT_SIZE]);
void unit_size_text(uint64_t bytes, char out[UNIT_TEXT_SIZE]);
/* "true", "false", and what Consul's variables take: "1", "t", "0", "f", in any case.  0 or -1. */
int unit_bool(struct str, int *);

#endif
