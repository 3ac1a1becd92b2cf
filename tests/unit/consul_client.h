/* SPDX-License-Identifier: Apache-2.0 */
/* unit/consul_client.h -- what the tests of the Consul client share: a client on a loop, the
 * registry that it publishes to, and the agent that it asks.
 * Called by: tests/unit/test_consul_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_CONSUL_CLIENT_H
#define GATEHOUSE_TESTS_CONSUL_CLIENT_H

#include <signal.h>

#include "agent.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/consul.h"
#include "discovery/consul_private.h"
#include "discovery/discovery.h"
#include "discovery/registry.h"
#include "discovery/resolve.h"

static uv_loop_t loop;
static struct agent agent;
static struct config_consul config;
static struct registry registry;
static struct resolver resolver;
static struct consul *client;

static inline struct consul *client_new(const struct config_consul *c)
{
	struct error error = { "" };
	struct consul *made = consul_new(&loop, c, &registry, &resolver, &error);

	ck_assert_msg(made != NULL, "%s", error.text);
	return made;
}

static inline void client_setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, false, "test");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	agent_start(&agent, &loop);
	config = (struct config_consul){
		.address = agent.url, .wait = 30000, .hold = 15000, .tls_verify = 1
	};
	registry_init(&registry, NULL, NULL);
	resolver_init(&resolver, &loop);
	client = client_new(&config);
}

static inline void client_on_closed(void *arg)
{
	++*(int *)arg;
}

static inline void client_teardown(void)
{
	int closed = 0;

	if (client)
		consul_close(client, client_on_closed, &closed);
	closed += !client;
	resolver_close(&resolver, client_on_closed, &closed);
	agent_stop(&agent);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closed, 2);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	registry_fini(&registry);
}

/* Begins to follow a service: its record. */
static inline struct registry_service *client_watch(const char *name,
						    const struct config_service *declared)
{
	struct registry_service *record = registry_service(&registry, name, "consul");

	consul_watch(client, record, declared);
	return record;
}

/* What the client keeps of a service that it follows. */
static inline struct consul_service *client_service(const char *name)
{
	list_each(l, &client->services)
	{
		struct consul_service *s = container_of(l, struct consul_service, link);

		if (strcmp(s->record->name, name) == 0)
			return s;
	}
	ck_abort_msg("%s is not followed", name);
}

static inline struct discovery_stats client_stats(void)
{
	struct discovery_stats stats;

	consul_stats(client, &stats);
	return stats;
}

/* As SUITE(), each test with a client of its own. */
#define CLIENT_SUITE(name, ...) SUITE_BETWEEN(name, client_setup, client_teardown, __VA_ARGS__)

#endif
