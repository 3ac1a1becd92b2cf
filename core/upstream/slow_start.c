/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/slow_start.h"

/* In hundredths of its weight. */
static uint32_t slow_start_part(struct endpoint *ep, uint64_t window_ms, uint64_t now_ms)
{
	uint64_t age = now_ms > ep->new_ms ? now_ms - ep->new_ms : 0;

	if (ep->new_ms && age >= window_ms)
		ep->new_ms = 0;
	if (!ep->new_ms)
		return SLOW_START_SCALE;
	uint64_t part = age * SLOW_START_SCALE / window_ms;
	return part > SLOW_START_FIRST ? (uint32_t)part : SLOW_START_FIRST;
}

uint64_t slow_start_apply(struct endpoint *const *list, size_t count, uint64_t window_ms,
			  uint64_t now_ms)
{
	uint32_t scale = 1;

	for (size_t i = 0; i < count; i++)
		if (slow_start_part(list[i], window_ms, now_ms) != SLOW_START_SCALE)
			scale = SLOW_START_SCALE;
	for (size_t i = 0; i < count; i++) {
		struct endpoint *ep = list[i];
		uint32_t part = slow_start_part(ep, window_ms, now_ms);
		ep->share = scale == 1 ? ep->weight : ep->weight * part;
	}
	return scale == 1 ? UINT64_MAX : now_ms + SLOW_START_STEP_MS;
}
