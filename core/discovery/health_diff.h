/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/health_diff.h -- which services two answers to /v1/health/state/any differ in, without
 * reading what is the same in both.
 * Called by: discovery/consul_trigger.  Never: judges a check. */
#ifndef GATEHOUSE_DISCOVERY_HEALTH_DIFF_H
#define GATEHOUSE_DISCOVERY_HEALTH_DIFF_H

#include <stdint.h>

#include "base/str.h"

/* A check has come, gone or changed; both texts are gone when it returns.  service is "" for a
 * check of the node, which is one of all its services.  index: its ModifyIndex, 0 for one that was
 * in the answer before. */
typedef void (*health_diff_cb)(void *arg, const char *node, const char *service, uint64_t index);

/* Calls back for each check that differs; for one that changed, twice.  0; or -1 when it cannot be
 * told, then anything may have changed (and some callbacks may have come). */
int health_diff(struct str before, struct str now, health_diff_cb, void *arg);

#endif
