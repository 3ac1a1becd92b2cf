/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul_key.h"

#include <signal.h>

#include "agent.h"
#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"

#define KEY "/v1/kv/gatehouse%2Fedge%201"

static uv_loop_t loop;
static struct agent agent;
static struct consul_key *key;
static unsigned told;
static bool told_none;
static char told_text[64];

static void on_value(void *arg, struct str value)
{
	ck_assert_ptr_eq(arg, &told);
	told++;
	told_none = !value.p;
	snprintf(told_text, sizeof(told_text), "%.*s", STR_ARGS(value));
}

/* Follows the key of a configuration with these further members of discovery.consul. */
static void begin(const char *more)
{
	struct config_errors errors = { 0 };
	struct error e = { "" };
	char text[512];

	told = 0;
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, false, "test");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	agent_start(&agent, &loop);
	snprintf(text, sizeof(text),
		 "{\"listen\": [\"127.0.0.1:1\"], \"routes\": [], \"discovery\": {\"consul\": "
		 "{\"address\": \"%s\", \"wait\": \"20s\"%s}}}",
		 agent.url, more);
	struct str s = str_from(text);
	struct gateway_config *config = gateway_config_load("f", &s, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
	key = consul_key_start(&(struct consul_key_spec){ .loop = &loop,
							  .config = config,
							  .key = "gatehouse/edge 1",
							  .cb = on_value,
							  .arg = &told },
			       &e);
	ck_assert_msg(key != NULL, "%s", e.text);
	/* How Consul is reached is the key's own by now. */
	gateway_config_free(config);
}

static void end(void)
{
	consul_key_close(&key);
	ck_assert_ptr_null(key);
	consul_key_close(&key);
	agent_stop(&agent);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void answer(int status, unsigned index, const char *body)
{
	char header[48];

	snprintf(header, sizeof(header), "X-Consul-Index: %u\r\n", index);
	agent_reply(agent_wait(&agent, KEY), status, header, body);
}

START_TEST(each_value_is_told_once)
{
	begin(", \"token\": \"secret\", \"datacenter\": \"dc 2\"");
	struct agent_conn *c = agent_wait(&agent, KEY);
	ck_assert_str_eq(c->target, KEY "?dc=dc%202&raw");
	ck_assert_str_eq(c->token, "secret");
	ck_assert(!consul_key_state(key).reachable);
	answer(200, 7, "one");
	agent_until(&agent, told == 1);
	ck_assert_str_eq(told_text, "one");
	/* The next question waits for what is later. */
	c = agent_wait(&agent, KEY "?index=7&wait=20000ms&");
	answer(200, 8, "one");
	c = agent_wait(&agent, "index=8&");
	ck_assert_uint_eq(told, 1);
	answer(200, 9, "two");
	agent_until(&agent, told == 2);
	ck_assert_str_eq(told_text, "two");
	struct consul_key_state s = consul_key_state(key);
	ck_assert_str_eq(s.key, "gatehouse/edge 1");
	ck_assert(s.reachable && s.exists);
	ck_assert_uint_eq(s.index, 9);
	end();
}
END_TEST

START_TEST(a_key_that_is_not_there)
{
	begin("");
	answer(404, 3, "");
	agent_until(&agent, told == 1);
	ck_assert(told_none);
	ck_assert(consul_key_state(key).reachable && !consul_key_state(key).exists);
	answer(200, 4, "");
	agent_until(&agent, told == 2);
	/* There, and empty. */
	ck_assert(!told_none);
	ck_assert_str_eq(told_text, "");
	end();
}
END_TEST

START_TEST(an_index_that_goes_back)
{
	begin("");
	answer(200, 70, "one");
	agent_wait(&agent, "index=70&");
	answer(200, 5, "two");
	agent_until(&agent, told == 2);
	/* What is there now, without waiting. */
	agent_until(&agent, agent_find(&agent, KEY "?raw"));
	end();
}
END_TEST

START_TEST(faults_change_nothing)
{
	begin("");
	answer(200, 7, "one");
	agent_until(&agent, told == 1);
	agent_reply(agent_wait(&agent, "index=7&"), 500, "", "No cluster leader");
	agent_until(&agent, !consul_key_state(key).reachable);
	ck_assert(consul_key_state(key).exists);
	/* It is asked anew, after a while: an answer without an index is none. */
	agent_reply(agent_wait(&agent, KEY "?raw"), 200, "", "<html>");
	agent_wait(&agent, KEY "?raw");
	ck_assert_uint_eq(told, 1);
	answer(200, 2, "one");
	agent_until(&agent, consul_key_state(key).reachable);
	ck_assert_uint_eq(told, 1);
	end();
}
END_TEST

int main(void)
{
	return SUITE("consul_key", each_value_is_told_once, a_key_that_is_not_there,
		     an_index_that_goes_back, faults_change_nothing);
}
