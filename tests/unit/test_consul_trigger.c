/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_trigger.c: over a hundred services, of which only those are asked about that the
 * agent says have changed. */
#include "consul_client.h"

enum { MANY = 101 };

#define CATALOG "/v1/catalog/services"
#define CHECKS  "/v1/health/state/any"
#define SERVICE "/v1/health/service/"

/* A check as the agent lists it. */
#define CHECK(node, id, status, service, index)                                                    \
	"{\"Node\":\"" node "\",\"CheckID\":\"" id "\",\"Status\":\"" status                       \
	"\",\"ServiceName\":\"" service "\",\"ModifyIndex\":" index "}"
#define SERF     CHECK("n1", "serf", "passing", "", "1")
#define SERF_OUT CHECK("n1", "serf", "critical", "", "30")
#define S5       CHECK("n1", "a", "passing", "s5", "5")
#define S5_OUT   CHECK("n1", "a", "critical", "s5", "20")

/* Answers the questions about services, until so many were asked in all. */
static void answer_until(unsigned asked)
{
	struct agent_conn *c;

	for (uint64_t limit = agent_deadline();
	     agent.asked < asked || agent_find(&agent, SERVICE);) {
		ck_assert_uint_lt(clock_mono_ns(), limit);
		while ((c = agent_find(&agent, SERVICE)))
			agent_answer(
				c, 10,
				strstr(c->target, "/s7?") ?
					"[" AGENT_INSTANCE("n1", "x", "10.0.0.1", "passing") "]" :
					"[]");
		uv_run(&loop, UV_RUN_ONCE);
	}
}

/* All are known, and both triggers block with index 10. */
static void watch_many(void)
{
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		client_watch(name, NULL);
	}
	agent_wait(&agent, CATALOG "?stale");
	agent_wait(&agent, CHECKS "?stale");
	answer_until(2 + MANY);
	agent_answer(agent_wait(&agent, CATALOG), 10, "{}");
	agent_answer(agent_wait(&agent, CHECKS), 10, "[" SERF "," S5 "]");
	/* The first answer about all checks has nothing to be compared to: all are asked about. */
	answer_until(4 + 2 * MANY);
	agent_wait(&agent, CATALOG "?index=10&wait=30000ms");
	agent_wait(&agent, CHECKS "?index=10&wait=30000ms");
	ck_assert_uint_eq(agent.asked, 4 + 2 * MANY);
	agent.asked = 0;
}

START_TEST(one_has_changed)
{
	struct agent_conn *c;

	watch_many();
	agent_answer(agent_wait(&agent, CHECKS), 20, "[" SERF "," S5_OUT "]");
	c = agent_wait(&agent, SERVICE);
	ck_assert_str_eq(c->target, SERVICE "s5?stale");
	/* An answer from before the change, as another server may give: once more. */
	agent_answer(c, 19, "[]");
	c = agent_wait(&agent, SERVICE);
	ck_assert_str_eq(c->target, SERVICE "s5?stale");
	agent_answer(c, 20, "[]");
	agent_wait(&agent, CHECKS "?index=20");
	/* The next time it is compared with the last time. */
	agent_answer(agent_find(&agent, CHECKS), 21, "[" SERF "," S5_OUT "]");
	agent_wait(&agent, CHECKS "?index=21");
	ck_assert_uint_eq(agent.asked, 4);
	ck_assert_ptr_null(agent_find(&agent, SERVICE));
}
END_TEST

START_TEST(a_node_has_changed)
{
	struct agent_conn *c;

	watch_many();
	agent_answer(agent_wait(&agent, CHECKS), 30, "[" SERF_OUT "," S5 "]");
	c = agent_wait(&agent, SERVICE);
	ck_assert_str_eq(c->target, SERVICE "s7?stale");
	agent_answer(c, 30, "[]");
	agent_wait(&agent, CHECKS "?index=30");
	ck_assert_uint_eq(agent.asked, 2);
}
END_TEST

/* Which has changed is not told: all are asked about, though not more often than at a pace. */
START_TEST(the_catalogue_has_changed)
{
	watch_many();
	client->swept_ms = 0;
	agent_answer(agent_wait(&agent, CATALOG), 11, "{}");
	agent_wait(&agent, CATALOG "?index=11");
	answer_until(1 + MANY);
	agent_answer(agent_wait(&agent, CATALOG), 12, "{}");
	agent_wait(&agent, CATALOG "?index=12");
	ck_assert(uv_is_active((uv_handle_t *)&client->sweep));
	ck_assert_uint_gt(uv_timer_get_due_in(&client->sweep), 100);
	ck_assert_uint_eq(agent.asked, 2 + MANY);
}
END_TEST

START_TEST(what_cannot_be_compared_may_be_anything)
{
	watch_many();
	client->swept_ms = 0;
	agent_answer(agent_wait(&agent, CHECKS), 11, "nothing");
	answer_until(MANY);
	agent_wait(&agent, CHECKS "?index=11");
}
END_TEST

/* The agent has another past than before: a question with the index could miss changes. */
START_TEST(an_index_that_goes_back)
{
	watch_many();
	client->swept_ms = 0;
	agent_answer(agent_wait(&agent, CATALOG), 3, "{}");
	agent_wait(&agent, CATALOG "?stale");
	answer_until(1 + MANY);
}
END_TEST

START_TEST(without_an_answer)
{
	struct consul_trigger *t = &client->triggers[0];

	watch_many();
	agent_reply(agent_wait(&agent, CATALOG), 500, "X-Consul-Index: 11\r\n", "");
	agent_until(&agent, t->faults == 1);
	ck_assert_uint_ge(uv_timer_get_due_in(&t->timer), 400);
	ck_assert_uint_le(uv_timer_get_due_in(&t->timer), 1500);
	ck_assert_uint_eq(t->index, 0);
	ck_assert(!uv_is_active((uv_handle_t *)&client->sweep));
}
END_TEST

/* A service that never rests has its triggers wait in the end. */
START_TEST(answers_that_come_too_fast)
{
	struct consul_trigger *t = &client->triggers[0];
	char part[40];

	watch_many();
	for (unsigned i = 11; i < 40 && !uv_is_active((uv_handle_t *)&t->timer); i++) {
		agent_answer(agent_wait(&agent, CATALOG), i, "{}");
		agent_until(&agent, !t->fetch || t->index == i);
		snprintf(part, sizeof(part), "index=%u", i);
		agent_until(&agent,
			    agent_find(&agent, part) || uv_timer_get_due_in(&t->timer) > 10);
	}
	ck_assert(uv_is_active((uv_handle_t *)&t->timer));
	ck_assert_uint_le(uv_timer_get_due_in(&t->timer), 126);
}
END_TEST

/* Triggers ask in the client's own scope. */
START_TEST(covers_its_own_scope)
{
	struct config_service other = { .name = "db", .consistency = -1, .datacenter = "dc2" };
	struct config_service ns = { .name = "x", .consistency = -1, .ns = "team" };
	struct config_service own = { .name = "y", .consistency = -1, .datacenter = "" };

	client_watch("web", NULL);
	client_watch("db", &other);
	client_watch("x", &ns);
	client_watch("y", &own);
	ck_assert(consul_triggers_cover(client_service("web")));
	ck_assert(consul_triggers_cover(client_service("y")));
	ck_assert(!consul_triggers_cover(client_service("db")));
	ck_assert(!consul_triggers_cover(client_service("x")));
	/* What no trigger tells of is asked about the more often. */
	ck_assert_uint_eq(client_service("web")->watch.rules.sweep_ms, WATCH_SWEEP_MS);
	ck_assert_uint_eq(client_service("db")->watch.rules.sweep_ms, WATCH_SWEEP_ALONE_MS);
}
END_TEST

START_TEST(closed_without_triggers)
{
	consul_triggers_close(client);
	ck_assert_uint_eq(client->handles, 1);
}
END_TEST

int main(void)
{
	return CLIENT_SUITE("consul_trigger", one_has_changed, a_node_has_changed,
			    the_catalogue_has_changed, what_cannot_be_compared_may_be_anything,
			    an_index_that_goes_back, without_an_answer, answers_that_come_too_fast,
			    covers_its_own_scope, closed_without_triggers);
}
