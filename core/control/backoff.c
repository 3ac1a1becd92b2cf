/* SPDX-License-Identifier: Apache-2.0 */
#include "control/backoff.h"

uint64_t backoff_delay(struct backoff *b, uint64_t alive_ms)
{
	if (alive_ms >= BACKOFF_CALM_MS)
		b->next_ms = 0;
	uint64_t delay = b->next_ms;
	if (delay == 0)
		b->next_ms = BACKOFF_FIRST_MS;
	else if (delay < BACKOFF_MAX_MS / 2)
		b->next_ms = delay * 2;
	else
		b->next_ms = BACKOFF_MAX_MS;
	return delay;
}
