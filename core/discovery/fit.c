/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/fit.h"

static bool fit_meets(const struct fit *f, enum fit_level level)
{
	if (!f->offered)
		return false;
	switch (level) {
	case FIT_SOUND:
		return !f->failing && f->state == OUTLIER_IN;
	case FIT_EJECTED:
		return !f->failing && f->state != OUTLIER_DOWN;
	case FIT_REFUSED:
		return !f->failing;
	case FIT_FAILING:
		return true;
	case FIT_NONE:
		break;
	}
	return false;
}

enum fit_level fit_choose(struct fit *all, size_t n, bool panic)
{
	enum fit_level level = FIT_SOUND;
	uint32_t best = UINT32_MAX;

	for (; level < FIT_NONE; level++) {
		if (level == FIT_FAILING && !panic)
			continue;
		for (size_t i = 0; i < n; i++)
			if (all[i].priority < best && fit_meets(&all[i], level))
				best = all[i].priority;
		if (best != UINT32_MAX)
			break;
	}
	for (size_t i = 0; i < n; i++)
		all[i].used = all[i].priority == best && fit_meets(&all[i], level);
	return level;
}
