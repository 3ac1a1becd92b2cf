/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.h -- time: monotonic for durations, wall clock for people, both cached per loop turn.
 * Called by: everything.  Never: used to decide across processes. */
#ifndef GATEHOUSE_BASE_CLOCK_H
#define GATEHOUSE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC, read now. */
uint64_t clock_mono_ns(void);
/* Microseconds of CLOCK_REALTIME since 1970, read now. */
uint64_t clock_wall_us(void);

enum { CLOCK_RFC3339_SIZE = 28, CLOCK_HTTP_DATE_SIZE = 30 };
/* "2026-01-31T23:59:59.123456Z", NUL-terminated.  The text of the second is cached. */
void clock_rfc3339(uint64_t wall_us, char out[CLOCK_RFC3339_SIZE]);
/* "Sat, 31 Jan 2026 23:59:59 GMT" (IMF-fixdate, RFC 9110, 5.6.7). */
void clock_http_date(uint64_t wall_us, char out[CLOCK_HTTP_DATE_SIZE]);

#endif
