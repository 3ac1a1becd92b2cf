/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_settings.h -- where Consul is and how to speak to it: the configuration's
 * "consul", and Consul's own environment variables where it is silent.
 * Called by: discovery/consul.  Never: speaks to Consul. */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_SETTINGS_H
#define GATEHOUSE_DISCOVERY_CONSUL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct config_consul;

/* Positions in the choices of "consistency". */
enum { CONSUL_STALE, CONSUL_DEFAULT, CONSUL_CONSISTENT };

/* Texts are NULL where nothing was said. */
struct consul_settings {
	struct arena arena;
	const char *base;        /* "http://127.0.0.1:8500", no slash at the end */
	const char *unix_socket; /* then base is "http://localhost" */
	const char *token, *token_file;
	const char *datacenter, *ns;
	const char *ca_file, *ca_path, *client_cert, *client_key, *tls_server_name, *http_auth;
	bool tls_insecure;
	int consistency;
	uint64_t wait_ms, hold_ms;
};

typedef char *(*consul_env)(const char *name);

/* Copies all texts; env is getenv() but for tests.  0, or -1 when a value makes no sense. */
int consul_settings_init(struct consul_settings *, const struct config_consul *, consul_env env,
			 struct error *);
void consul_settings_fini(struct consul_settings *);
/* The token to use now, read again from its file if it has one: the caller's to free, NULL for none.
 * On a file that cannot be read the error says so. */
char *consul_settings_token(const struct consul_settings *, struct error *);

#endif
