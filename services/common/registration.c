/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a registration:
 *
 *   REGISTER ──accepted──> HEARTBEAT ──check unknown──> REGISTER
 *    │    ^ └─refused, no answer─┐  └─accepted, refused, no answer──┐
 *    │    └──────retry_ms────────┘            (again after ttl / 3)<┘
 *    └──────────stop, in either state──────────> DEREGISTER
 *
 * The check is a TTL check that starts as passing: an instance is found 2 ms after it
 * registered, where an HTTP check would let it wait for Consul's first probe.  An agent that
 * restarted, or that dropped the instance, answers a heartbeat with "unknown check". */
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "consul.h"
#include "registration.h"
#include "service_config.h"
#include "service_log.h"

#define REGISTRATION_CALL_MS  5000
#define REGISTRATION_LEAVE_MS 2000

enum heartbeat { HEARTBEAT_OK, HEARTBEAT_FAILED, HEARTBEAT_UNKNOWN };

struct registration {
	const struct service_config *config;
	struct consul *consul;
	pthread_t thread;
	int left_fd;
	char *body;
	char *id; /* escaped for a path */
	bool failing;
};

/* Services that were started together must not come back together for ever. */
static int64_t registration_jitter(unsigned milliseconds)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return milliseconds;
	return (int64_t)milliseconds * (800 + random * 400 / UINT16_MAX) / 1000;
}

/* Returns whether Consul accepted; logs every try. */
static bool registration_register(struct registration *r, int64_t retry)
{
	struct consul_answer answer;

	consul_put(r->consul, "/v1/agent/service/register?replace-existing-checks=true", r->body,
		   consul_now() + REGISTRATION_CALL_MS, &answer);
	if (answer.status == 200) {
		service_log("registered %s at %s:%u in Consul at %s", r->config->id,
			    r->config->address, r->config->port, r->config->consul.address);
		r->failing = false;
		return true;
	}
	service_log("cannot register %s in Consul at %s: %s; next try in %.1f s", r->config->id,
		    r->config->consul.address, answer.text, (double)retry / 1000);
	return false;
}

/* Logs a change only: a heartbeat that goes on working says nothing. */
static enum heartbeat registration_heartbeat(struct registration *r)
{
	struct consul_answer answer;
	char path[1024];

	snprintf(path, sizeof(path), "/v1/agent/check/pass/service%%3A%s", r->id);
	consul_put(r->consul, path, NULL, consul_now() + REGISTRATION_CALL_MS, &answer);
	if (answer.status == 200) {
		if (r->failing)
			service_log("Consul takes heartbeats again");
		r->failing = false;
		return HEARTBEAT_OK;
	}
	if (answer.status == 404 ||
	    (answer.status == 500 && strstr(answer.text, "does not have associated TTL"))) {
		service_log("Consul no longer knows %s, registering again", r->config->id);
		return HEARTBEAT_UNKNOWN;
	}
	if (!r->failing)
		service_log("heartbeat for %s failed: %s", r->config->id, answer.text);
	r->failing = true;
	return HEARTBEAT_FAILED;
}

/* A registration whose answer never came may still have happened, so this is always sent. */
static void registration_deregister(struct registration *r)
{
	struct consul_answer answer;
	char path[1024];

	snprintf(path, sizeof(path), "/v1/agent/service/deregister/%s", r->id);
	consul_put(r->consul, path, NULL, consul_stopped_at(r->consul) + REGISTRATION_LEAVE_MS,
		   &answer);
	if (answer.status == 200 || answer.status == 404)
		service_log("deregistered %s", r->config->id);
	else
		service_log("cannot deregister %s: %s", r->config->id, answer.text);
}

static void *registration_thread(void *arg)
{
	struct registration *r = arg;
	const uint64_t one = 1;
	bool registered = false;
	int64_t pause;

	while (!consul_stopped_at(r->consul)) {
		if (registered && registration_heartbeat(r) == HEARTBEAT_UNKNOWN)
			registered = false;
		pause = r->config->ttl_ms / 3;
		if (!registered) {
			int64_t retry = registration_jitter(r->config->retry_ms);

			registered = registration_register(r, retry);
			if (!registered)
				pause = retry;
		}
		consul_sleep(r->consul, pause);
	}
	registration_deregister(r);
	if (write(r->left_fd, &one, sizeof(one)) != sizeof(one))
		service_log("eventfd: cannot be written");
	return NULL;
}

/* Returns the JSON text to register with, or NULL. */
static char *registration_body(const struct service_config *config)
{
	char ttl[32];
	json_t *body;
	char *text;

	snprintf(ttl, sizeof(ttl), "%ums", config->ttl_ms);
	body = json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:s, s:s}}", "ID", config->id, "Name",
			 config->name, "Address", config->address, "Port", (int)config->port,
			 "Check", "TTL", ttl, "Status", "passing", "DeregisterCriticalServiceAfter",
			 "1m");
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return text;
}

static void registration_release(struct registration *r)
{
	consul_free(r->consul);
	free(r->id);
	free(r->body);
	if (r->left_fd >= 0)
		close(r->left_fd);
	free(r);
}

struct registration *registration_start(const struct service_config *config)
{
	struct registration *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->config = config;
	r->left_fd = eventfd(0, EFD_CLOEXEC);
	r->body = registration_body(config);
	r->id = consul_escape(config->id);
	r->consul = consul_new(&config->consul);
	if (!r->body)
		service_log("SERVICE_ID and SERVICE_ADDRESS must be UTF-8");
	if (r->left_fd >= 0 && r->body && r->id && r->consul &&
	    !pthread_create(&r->thread, NULL, registration_thread, r))
		return r;
	service_log("cannot start the registration");
	registration_release(r);
	return NULL;
}

void registration_leave(struct registration *r)
{
	consul_stop(r->consul);
}

int registration_left_fd(const struct registration *r)
{
	return r->left_fd;
}

void registration_free(struct registration *r)
{
	pthread_join(r->thread, NULL);
	registration_release(r);
}
