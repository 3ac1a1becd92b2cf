/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/admit.h"

#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "upstream/trial.h"

bool admit_enter(struct exchange *x, const struct service *s)
{
	if (x->trial == s->trial)
		return true;
	admit_leave(x);
	if (!s->trial)
		return true;
	if (!trial_enter(s->trial, uv_now(x->proxy->loop), &x->trial_epoch))
		return false;
	x->trial = s->trial;
	return true;
}

bool admit_allows_retry(const struct exchange *x)
{
	return !x->trial || trial_is_closed(x->trial, uv_now(x->proxy->loop));
}

bool admit_is_shut(const struct exchange *x)
{
	return !x->trial_epoch && !admit_allows_retry(x);
}

void admit_result(struct exchange *x, bool ok)
{
	if (!x->trial_epoch)
		return;
	trial_end(x->trial, x->trial_epoch, ok);
	x->trial_epoch = 0;
}

void admit_refuse(struct exchange *x)
{
	x->service->metrics->broken++;
	if (x->service->trial)
		x->retry_after = trial_retry_after(x->service->trial, uv_now(x->proxy->loop));
	exchange_fail(x, END_BREAKER_OPEN, NULL);
}

void admit_leave(struct exchange *x)
{
	if (x->trial_epoch)
		trial_give_back(x->trial, x->trial_epoch);
	x->trial = NULL;
	x->trial_epoch = 0;
}
