/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/trial.h"

#include "metrics/crowd.h"

static enum crowd_breaker trial_state(const struct trial *t, uint64_t now_ms)
{
	uint32_t state = __atomic_load_n(&t->rule->breaker, __ATOMIC_ACQUIRE);
	uint64_t until = __atomic_load_n(&t->rule->until_ms, __ATOMIC_RELAXED);

	if (now_ms > until + TRIAL_STALE_MS)
		return CROWD_CLOSED;
	return (enum crowd_breaker)state;
}

bool trial_is_closed(const struct trial *t, uint64_t now_ms)
{
	return trial_state(t, now_ms) == CROWD_CLOSED;
}

bool trial_enter(const struct trial *t, uint64_t now_ms, uint64_t *epoch)
{
	uint64_t have = __atomic_load_n(&t->rule->tickets, __ATOMIC_ACQUIRE);
	enum crowd_breaker state = trial_state(t, now_ms);

	*epoch = 0;
	if (state != CROWD_HALF_OPEN)
		return state == CROWD_CLOSED;
	do {
		if (crowd_tickets_left(have) == 0)
			return false;
	} while (!__atomic_compare_exchange_n(&t->rule->tickets, &have, have - 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	*epoch = crowd_tickets_epoch(have);
	return true;
}

void trial_end(const struct trial *t, uint64_t epoch, bool ok)
{
	struct crowd_cell *c = t->own;

	/* What belongs to an earlier time says nothing now. */
	if (epoch != crowd_tickets_epoch(__atomic_load_n(&t->rule->tickets, __ATOMIC_ACQUIRE)))
		return;
	if (c->trial_epoch != epoch) {
		__atomic_store_n(&c->trial_ok, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&c->trial_failed, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&c->trial_epoch, epoch, __ATOMIC_RELEASE);
	}
	__atomic_add_fetch(ok ? &c->trial_ok : &c->trial_failed, 1, __ATOMIC_RELEASE);
}

void trial_give_back(const struct trial *t, uint64_t epoch)
{
	uint64_t have = __atomic_load_n(&t->rule->tickets, __ATOMIC_ACQUIRE);

	do {
		if (crowd_tickets_epoch(have) != epoch ||
		    crowd_tickets_left(have) >= t->rule->trials)
			return;
	} while (!__atomic_compare_exchange_n(&t->rule->tickets, &have, have + 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

unsigned trial_retry_after(const struct trial *t, uint64_t now_ms)
{
	uint64_t until = __atomic_load_n(&t->rule->until_ms, __ATOMIC_RELAXED);

	if (trial_state(t, now_ms) != CROWD_OPEN || until <= now_ms + 1000)
		return 1;
	return (unsigned)((until - now_ms + 999) / 1000);
}
