/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_run.c: probes and checks of endpoints, with sockets of this process. */
#include "agent.h"
#include "guarded.h"

START_TEST(probed_until_it_accepts)
{
	unsigned ports[2];
	int fds[] = { listen_on(&ports[0], false), listen_on(&ports[1], true) };
	struct registry_service *s = publish(&registry, 2, ports);

	slab_endpoint_failed(counts(0, s, 0), true);
	turn_until(s, 0, "refused", "off");
	ck_assert_int_eq(listen(fds[0], 16), 0);
	turn_until(s, 0, "in", "off");
	ck_assert(s->endpoints[0].usable);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(checked_by_connections)
{
	unsigned ports[2];
	int fds[] = { listen_on(&ports[0], false), listen_on(&ports[1], true) };
	struct registry_service *s;

	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP,
					       .interval = 10,
					       .timeout = 5000,
					       .healthy = 2,
					       .unhealthy = 2 };
	s = publish(&registry, 2, ports);
	ck_assert_str_eq(s->endpoints[0].check, "unknown");
	ck_assert(s->endpoints[0].usable);
	turn_until(s, 0, "failing", "failing");
	turn_until(s, 1, "in", "passing");
	ck_assert(!s->endpoints[0].usable);
	ck_assert_str_eq(s->endpoints[0].out, "check fails: connection refused");
	ck_assert_int_eq(listen(fds[0], 16), 0);
	turn_until(s, 0, "in", "passing");
	/* One that has gone is checked no more, with checks on their way. */
	guard_tick(g);
	s = publish(&registry, 1, &ports[1]);
	guard_tick(g);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(so_many_at_a_time)
{
	unsigned ports[3];
	int fds[3];
	struct registry_service *s;

	for (int i = 0; i < 3; i++)
		fds[i] = listen_on(&ports[i], true);
	config.limits.checks = 1;
	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP,
					       .interval = 60000,
					       .timeout = 5000,
					       .healthy = 1,
					       .unhealthy = 1 };
	s = publish(&registry, 3, ports);
	guard_run_due(guarded_service(), guard_now() + 60000);
	guard_run_waiting(g);
	ck_assert_uint_eq(g->running, 1);
	ck_assert(!list_empty(&g->waiting));
	/* Whose turn it is not yet is not asked twice. */
	guard_run_due(guarded_service(), guard_now() + 60000);
	for (int i = 0; i < 3; i++)
		turn_until(s, i, "in", "passing");
	ck_assert_uint_eq(g->running, 0);
	ck_assert(list_empty(&g->waiting));
	ck_assert_uint_eq(guarded_service()->checks_passed, 3);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(nothing_begins_after_the_stop)
{
	unsigned port;
	int fd = listen_on(&port, true);

	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP, .timeout = 5000 };
	publish(&registry, 1, &port);
	guard_run_due(guarded_service(), guard_now() + 60000);
	guard_stop(g);
	guard_run_waiting(g);
	ck_assert_uint_eq(g->running, 0);
	ck_assert(list_empty(&g->waiting));
	close(fd);
}
END_TEST

START_TEST(cancelled)
{
	unsigned port;
	int fd = listen_on(&port, true);
	struct guard_member *m;

	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP, .timeout = 5000 };
	publish(&registry, 1, &port);
	m = guarded_member("a");
	guard_run_due(guarded_service(), guard_now() + 60000);
	guard_run_waiting(g);
	ck_assert_uint_eq(g->running, 1);
	guard_run_cancel(m);
	ck_assert_uint_eq(g->running, 0);
	ck_assert(!m->check.running);
	guard_run_cancel(m);
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(m->check.verdict, PROBE_UNKNOWN);
	ck_assert_uint_eq(guarded_service()->checks_passed, 0);
	close(fd);
}
END_TEST

START_TEST(checked_by_requests)
{
	struct registry_service *s;
	static struct agent agent;
	unsigned port;

	agent_start(&agent, &loop);
	port = agent.port;
	service.check = (struct config_check){ .type = CONFIG_CHECK_HTTP,
					       .path = "/health?full",
					       .interval = 1,
					       .timeout = 5000,
					       .status_min = 200,
					       .status_max = 299,
					       .healthy = 1,
					       .unhealthy = 1 };
	s = publish(&registry, 1, &port);
	guard_run_due(guarded_service(), guard_now() + 60000);
	guard_run_waiting(g);
	agent_reply(agent_wait(&agent, "/health?full"), 503, "", "");
	agent_until(&agent, strcmp(s->endpoints[0].check, "failing") == 0);
	ck_assert_str_eq(s->endpoints[0].out, "check fails: HTTP 503");
	ck_assert_uint_eq(guarded_service()->checks_failed, 1);
	guard_run_due(guarded_service(), guard_now() + 60000);
	guard_run_waiting(g);
	agent_reply(agent_wait(&agent, "/health?full"), 204, "", "");
	agent_until(&agent, strcmp(s->endpoints[0].check, "passing") == 0);
	ck_assert_str_eq(s->endpoints[0].out, "");
	agent_stop(&agent);
}
END_TEST

int main(void)
{
	return GUARDED_SUITE("guard_run", probed_until_it_accepts, checked_by_connections,
			     so_many_at_a_time, nothing_begins_after_the_stop, cancelled,
			     checked_by_requests);
}
