/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/trial.h -- whether a request may go to a service that has a breaker, as the control
 * process judges it: all may, none may, or a few for trial.
 * Called by: proxy/pick and queue.  Never: judges; that is discovery/breaker.
 *
 * Time comes in as milliseconds of a monotonic clock that is the same in all processes. */
#ifndef GATEHOUSE_UPSTREAM_TRIAL_H
#define GATEHOUSE_UPSTREAM_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

struct crowd_cell;
struct crowd_rule;

/* A verdict that should have been renewed so long ago is nobody's any more: all may. */
enum { TRIAL_STALE_MS = 2000 };

/* One worker's view of one service's breaker. */
struct trial {
	struct crowd_rule *rule; /* of all workers */
	struct crowd_cell *own;
};

/* Whether the breaker is closed. */
bool trial_is_closed(const struct trial *, uint64_t now_ms);
/* Lets a request through or not.  *epoch: 0, or that it is a trial, of that number, which ends with
 * trial_end() or trial_give_back(). */
bool trial_enter(const struct trial *, uint64_t now_ms, uint64_t *epoch);
/* The trial has shown something. */
void trial_end(const struct trial *, uint64_t epoch, bool ok);
/* It has not, and another may be made in its place. */
void trial_give_back(const struct trial *, uint64_t epoch);
/* Seconds after which a client that was not let through should ask again: 1 or more. */
unsigned trial_retry_after(const struct trial *, uint64_t now_ms);

#endif
