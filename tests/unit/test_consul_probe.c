/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_probe.c: whether the agent is there, and what happens when it is back. */
#include "consul_client.h"

#define WEB "/v1/health/service/web"
#define ONE "[" AGENT_INSTANCE("n1", "a", "10.0.0.1", "passing") "]"

START_TEST(begins_with_the_first_service)
{
	ck_assert(!uv_is_active((uv_handle_t *)&client->probe_timer));
	client_watch("web", NULL);
	client_watch("db", NULL);
	agent_until(&agent, agent.probes == 1);
	agent_until(&agent, client_stats().consul_reachable);
	/* The next one is seconds away. */
	ck_assert(uv_is_active((uv_handle_t *)&client->probe_timer));
	ck_assert_uint_gt(uv_timer_get_due_in(&client->probe_timer), 3000);
}
END_TEST

START_TEST(nothing_was_heard_yet)
{
	agent.deaf = true;
	client_watch("web", NULL);
	agent_wait(&agent, "/v1/status/leader");
	ck_assert(!client_stats().consul_reachable);
	agent_reply(agent_wait(&agent, "/v1/status/leader"), 200, "", "");
	agent_until(&agent, client_stats().consul_reachable);
}
END_TEST

START_TEST(any_status_will_do)
{
	agent.deaf = true;
	client_watch("web", NULL);
	agent_reply(agent_wait(&agent, "/v1/status/leader"), 500, "", "no leader");
	agent_until(&agent, !client->probe);
	ck_assert(!client->down);
}
END_TEST

START_TEST(one_at_a_time)
{
	struct fetch *probe;

	agent.deaf = true;
	consul_probe(client);
	probe = client->probe;
	ck_assert_ptr_nonnull(probe);
	consul_probe(client);
	ck_assert_ptr_eq(client->probe, probe);
	agent_reply(agent_wait(&agent, "/v1/status/leader"), 200, "", "");
	agent_until(&agent, !client->probe);
	ck_assert_uint_eq(agent.probes, 1);
}
END_TEST

/* A fault of a question soon after a probe says nothing new. */
START_TEST(suspicion)
{
	consul_probe(client);
	agent_until(&agent, !client->probe);
	consul_suspect(client);
	ck_assert_ptr_null(client->probe);
	ck_assert_uint_ge(uv_now(&loop), 2000);
	client->probed_ms = uv_now(&loop) - 2000;
	consul_suspect(client);
	ck_assert_ptr_nonnull(client->probe);
	agent_until(&agent, !client->probe);
	/* One that is known to be down is asked by the timer. */
	client->down = true;
	client->probed_ms = uv_now(&loop) - 2000;
	consul_suspect(client);
	ck_assert_ptr_null(client->probe);
}
END_TEST

START_TEST(gone_and_back)
{
	struct registry_service *web = client_watch("web", NULL);
	uint16_t port = agent.port;

	agent_answer(agent_wait(&agent, WEB), 7, ONE);
	agent_wait(&agent, "index=7");
	agent_leave(&agent);
	/* The question that blocked has failed too; it is asked again after seconds. */
	agent_until(&agent, client_service("web")->watch.faulty);
	consul_probe(client);
	agent_until(&agent, client->down);
	ck_assert(!client_stats().consul_reachable);
	ck_assert_uint_le(uv_timer_get_due_in(&client->probe_timer), 1100);
	ck_assert_uint_eq(web->endpoint_count, 1);
	agent_listen(&agent, port);
	consul_probe(client);
	agent_until(&agent, client_stats().consul_reachable);
	ck_assert_ptr_nonnull(agent_wait(&agent, WEB));
}
END_TEST

/* What an agent said before it went may be nothing to it now: questions that still wait are given
 * up for new ones. */
START_TEST(every_watch_begins_anew)
{
	agent.deaf = true;
	client_watch("web", NULL);
	client_watch("db", NULL);
	agent_answer(agent_wait(&agent, WEB), 7, ONE);
	agent_answer(agent_wait(&agent, "/db"), 8, ONE);
	agent_wait(&agent, "/web?index=7");
	agent_wait(&agent, "/db?index=8");
	agent_cut(agent_wait(&agent, "/v1/status/leader"));
	agent_until(&agent, client->down);
	ck_assert_ptr_nonnull(agent_find(&agent, "/web?index=7"));
	agent.deaf = false;
	consul_probe(client);
	agent_wait(&agent, WEB "?stale");
	agent_wait(&agent, "/db?stale");
	ck_assert(!client->down);
}
END_TEST

/* An answer about a service from an agent that was taken to be down. */
START_TEST(an_answer_has_it_probed)
{
	agent.deaf = true;
	client_watch("web", NULL);
	agent_cut(agent_wait(&agent, "/v1/status/leader"));
	agent_until(&agent, client->down);
	agent.deaf = false;
	agent_answer(agent_wait(&agent, WEB), 7, ONE);
	agent_until(&agent, !client->down);
	ck_assert_uint_eq(agent.probes, 2);
}
END_TEST

int main(void)
{
	return CLIENT_SUITE("consul_probe", begins_with_the_first_service, nothing_was_heard_yet,
			    any_status_will_do, one_at_a_time, suspicion, gone_and_back,
			    every_watch_begins_anew, an_answer_has_it_probed);
}
