/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_settings.h -- the configuration's "consul" as discovery uses it: a URL to put
 * paths behind, and the ACL token of the moment.
 * Called by: discovery/consul.  Never: reads the environment (the configuration has), or speaks to
 * Consul. */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_SETTINGS_H
#define GATEHOUSE_DISCOVERY_CONSUL_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"

struct config_consul;
struct fetch_spec;

/* Positions in the choices of "consistency". */
enum { CONSUL_STALE, CONSUL_DEFAULT, CONSUL_CONSISTENT };

struct consul_settings {
	const struct config_consul *config;
	char *base;              /* "http://127.0.0.1:8500", no slash at the end */
	const char *unix_socket; /* then base is "http://localhost"; else NULL */
};

/* The configuration must outlive it.  0, or -1 when the address makes no sense. */
int consul_settings_init(struct consul_settings *, const struct config_consul *, struct error *);
void consul_settings_fini(struct consul_settings *);
/* Fills in how the agent is reached: socket, TLS, user. */
void consul_settings_spec(const struct consul_settings *, struct fetch_spec *);
/* Whether the agent is on this machine, as its address says. */
bool consul_settings_local(const struct consul_settings *);
/* The token to use now, from its file if there is one (it wins, and is read at each call): the
 * caller's to free, NULL for none.  When the file cannot be read the error says so, else it is
 * empty. */
char *consul_settings_token(const struct consul_settings *, struct error *);

#endif
