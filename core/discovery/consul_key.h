/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_key.h -- follows one key of Consul's store: whenever its value is another one,
 * that is told.
 * Called by: control.  Never: judges a value; forgets the last one because Consul has a fault.
 *
 *	ASKING --200, 404--> ASKING, at once or after a second, for what is later than that
 *	   |  ^
 *	 fault '-- after 1 s, twice as long each time, at most 30 s
 */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_KEY_H
#define GATEHOUSE_DISCOVERY_CONSUL_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/str.h"

struct consul_key;
struct gateway_config;

/* Another value, borrowed for the call; p NULL: there is no such key now.  May close it. */
typedef void (*consul_key_cb)(void *arg, struct str value);

struct consul_key_spec {
	uv_loop_t *loop;
	const struct gateway_config *config; /* how Consul is reached; may go before the key does */
	const char *key;
	consul_key_cb cb;
	void *arg;
};

/* What is known of it, for /status. */
struct consul_key_state {
	const char *key;
	bool reachable; /* the last question was answered */
	bool exists;
	uint64_t index; /* ModifyIndex or later, as Consul gave it; 0: never answered */
};

/* Goes on asking for ever.  NULL and the reason when it cannot begin. */
struct consul_key *consul_key_start(const struct consul_key_spec *, struct error *);
struct consul_key_state consul_key_state(const struct consul_key *);
/* Sets *k to NULL; the memory goes when the loop has let go of it.  NULL is harmless. */
void consul_key_close(struct consul_key **k);

#endif
