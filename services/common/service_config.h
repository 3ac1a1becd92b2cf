/* SPDX-License-Identifier: Apache-2.0 */

/* service_config.h -- what a sample service takes from its environment.
 * Called by: sample_service.c, before any thread.   Never: opens a file or a socket. */
#ifndef SERVICES_COMMON_SERVICE_CONFIG_H
#define SERVICES_COMMON_SERVICE_CONFIG_H

#include <stdbool.h>

/* How to reach Consul.  Strings are the environment's own, NULL where not set. */
struct consul_config {
	const char *address;     /* as the operator wrote it, for the log */
	char url[512];           /* "http://127.0.0.1:8500", never with a '/' at its end */
	const char *unix_socket; /* path of the agent's socket, when the address is unix:// */
	const char *token;
	const char *token_file; /* wins over token */
	const char *cacert;
	const char *capath;
	const char *client_cert;
	const char *client_key;
	const char *server_name; /* the name in the agent's certificate, if not the host's */
	const char *auth;        /* "user:password" */
	const char *namespace;
	bool verify;
};

struct service_config {
	const char *name;
	const char *id;
	const char *address; /* registered: what the gateway connects to */
	const char *bind;    /* listened on */
	unsigned port;
	unsigned drain_ms;
	unsigned retry_ms;
	unsigned ttl_ms;
	struct consul_config consul;
};

/* Fills *c from the environment, an empty variable counting as not set.  Logs one line per
 * wrong value, all of them, and returns -1 if there was one, else 0. */
int service_config_read(struct service_config *c, const char *name, unsigned port);

/* Prints the variables, their meaning and their defaults, for --help. */
void service_config_help(const char *name, unsigned port);

#endif
