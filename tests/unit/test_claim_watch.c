/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim_watch.h"

#include <signal.h>

#include "agent.h"
#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "discovery/claim_set.h"

#define LIST "/v1/catalog/services"
#define META "/v1/catalog/service/"

static uv_loop_t loop;
static struct agent agent;
static struct claim_set set;
static struct claim_watch *watch;
static unsigned told;

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	told++;
}

static void setup(void)
{
	struct config_errors errors = { 0 };
	struct error e = { "" };
	char text[512];

	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, false, "test");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	agent_start(&agent, &loop);
	snprintf(text, sizeof(text),
		 "{\"listen\": [\"127.0.0.1:1\"], \"routes\": [], \"discovery\": {\"consul\": "
		 "{\"address\": \"%s\", \"wait\": \"20s\", \"token\": \"secret\", \"routes\": "
		 "{\"paths\": [\"/*\"]}}}}",
		 agent.url);
	struct str s = str_from(text);
	struct gateway_config *config = gateway_config_load("f", &s, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
	watch = claim_watch_start(&(struct claim_watch_spec){ .loop = &loop,
							      .config = config,
							      .set = &set,
							      .cb = on_change,
							      .arg = &told },
				  &e);
	ck_assert_msg(watch != NULL, "%s", e.text);
	gateway_config_free(config);
}

static void teardown(void)
{
	claim_watch_close(&watch);
	claim_watch_close(&watch);
	agent_stop(&agent);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	claim_set_fini(&set);
}

/* Everything that is in the set, as text. */
static const char *all(void)
{
	static char text[512];

	text[0] = '\0';
	for (size_t i = 0; i < set.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s%s", i ? " " : "",
			 set.items[i].missing ? "-" : "", set.items[i].absent ? "~" : "",
			 json_string_value(json_object_get(set.items[i].json, "path")));
	return text;
}

START_TEST(tags_and_metadata)
{
	struct agent_conn *c = agent_wait(&agent, LIST);

	ck_assert_ptr_null(strstr(c->target, "index="));
	ck_assert_str_eq(c->token, "secret");
	ck_assert(!claim_watch_answered(watch));
	agent_answer(c, 7, "{\"consul\": [], \"a\": [\"x\", \"urlprefix-/a/\"], \"b\": []}");
	c = agent_wait(&agent, META "b");
	ck_assert_ptr_nonnull(strstr(c->target, "filter=%22gatehouse-path%22%20in%20ServiceMeta"));
	agent_answer(c, 7,
		     "[{\"ServiceMeta\": {\"gatehouse-path\": \"/b\"}}, "
		     "{\"ServiceMeta\": {\"gatehouse-path\": \"/b\"}}]");
	agent_answer(agent_wait(&agent, META "a"), 7, "[]");
	agent_answer(agent_wait(&agent, META "consul"), 7, "[]");
	agent_until(&agent, told == 1);
	ck_assert(claim_watch_answered(watch) && claim_watch_reachable(watch));
	ck_assert_str_eq(all(), "/a/* /b");
	/* What is later: one has no instance, the other says nothing any more. */
	c = agent_wait(&agent, "index=7&wait=20000ms");
	agent_answer(c, 8, "{\"b\": []}");
	agent_answer(agent_wait(&agent, META "b"), 8, "[]");
	agent_until(&agent, told == 2);
	ck_assert_str_eq(all(), "~/a/* -/b");
}
END_TEST

/* No fault takes anything away. */
START_TEST(faults)
{
	agent_answer(agent_wait(&agent, LIST), 7, "{\"a\": [\"urlprefix-/a/\"]}");
	agent_answer(agent_wait(&agent, META "a"), 7,
		     "[{\"ServiceMeta\": {\"gatehouse-path\": \"/b\"}}]");
	agent_until(&agent, told == 1);
	/* One that is not to be trusted, and metadata that nobody tells. */
	agent_reply(agent_wait(&agent, "index=7&"), 200,
		    "X-Consul-Index: 8\r\nX-Consul-Knownleader: false\r\n", "{\"a\": []}");
	agent_reply(agent_wait(&agent, META "a"), 403, "", "");
	agent_until(&agent, told == 2);
	ck_assert_str_eq(all(), "/a/* /b");
	/* An index that goes back: what is there now is asked for. */
	agent_answer(agent_wait(&agent, "index=8&"), 3, "{\"a\": [\"urlprefix-/a/\"]}");
	agent_answer(agent_wait(&agent, META "a"), 7, "{");
	agent_until(&agent, told == 3);
	ck_assert_ptr_null(strstr(agent_wait(&agent, LIST)->target, "index="));
	agent_reply(agent_wait(&agent, LIST), 500, "", "");
	agent_until(&agent, !claim_watch_reachable(watch));
	agent_answer(agent_wait(&agent, LIST), 9, "[]");
	agent_answer(agent_wait(&agent, LIST), 9, "{\"a\": [\"urlprefix-/a/\"]}");
	agent_answer(agent_wait(&agent, META "a"), 9,
		     "[{\"ServiceMeta\": {\"gatehouse-path\": \"/b\"}}]");
	agent_until(&agent, told == 4);
	ck_assert(claim_watch_reachable(watch));
	ck_assert_str_eq(all(), "/a/* /b");
}
END_TEST

START_TEST(closed_while_it_asks)
{
	agent_answer(agent_wait(&agent, LIST), 7, "{\"a\": [], \"b\": []}");
	agent_wait(&agent, META "a");
	ck_assert_uint_eq(told, 0);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("claim_watch", setup, teardown, tags_and_metadata, faults,
			     closed_while_it_asks);
}
