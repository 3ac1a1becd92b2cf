/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/registration.h -- the gateway itself as a service in Consul: registered with a TTL
 * check that it keeps alive, and taken out before it stops.
 * Called by: control.  Never: has a say in whether the gateway serves. */
#ifndef GATEHOUSE_DISCOVERY_REGISTRATION_H
#define GATEHOUSE_DISCOVERY_REGISTRATION_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

struct gateway_config;
struct registration;

typedef void (*registration_cb)(void *arg);

/* Begins to register, and goes on trying for ever.  NULL when the configuration asks for none, or
 * (then the error is set) when it cannot be.  The configuration may go before it does. */
struct registration *registration_start(uv_loop_t *, const struct gateway_config *, struct error *);
/* Takes it out of Consul; gone comes when that is done or two seconds have passed, never before
 * this returns.  Once. */
void registration_leave(struct registration *, registration_cb gone, void *arg);
/* Whether both register the same instance at the same agent. */
bool registration_same(const struct registration *, const struct registration *);
/* Ends it without a word to Consul; sets *r to NULL.  NULL is nothing. */
void registration_close(struct registration **r);

#endif
