/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul.c: a client, from its settings to its close, and the agent it asks. */
#include <unistd.h>

#include "consul_client.h"

#define WEB "/v1/health/service/web"
#define ONE "[" AGENT_INSTANCE("n1", "a", "10.0.0.1", "passing") "]"

START_TEST(asks_what_is_watched_and_publishes_the_answer)
{
	struct registry_service *web = client_watch("web", NULL);
	struct agent_conn *c;

	ck_assert(!web->answered && web->endpoint_count == 0);
	c = agent_wait(&agent, WEB);
	ck_assert_str_eq(c->target, WEB "?stale");
	ck_assert_str_eq(c->token, "");
	agent_answer(c, 7, ONE);
	c = agent_wait(&agent, WEB);
	ck_assert_str_eq(c->target, WEB "?index=7&wait=30000ms&stale");
	ck_assert(web->answered);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert_uint_eq(web->endpoint_count, 1);
	ck_assert_str_eq(web->endpoints[0].id, "n1/a");
	ck_assert_str_eq(web->endpoints[0].address, "10.0.0.1");
	ck_assert(web->endpoints[0].usable);
	ck_assert_uint_eq(web->index, 7);
	ck_assert_str_eq(web->note, "");
}
END_TEST

START_TEST(settings_without_sense)
{
	struct config_consul bad = config;
	struct error error = { "" };

	bad.address = "http://a b";
	ck_assert_ptr_null(consul_new(&loop, &bad, &registry, &resolver, &error));
	ck_assert_str_ne(error.text, "");
}
END_TEST

START_TEST(figures)
{
	struct discovery_stats stats = client_stats();

	ck_assert(!stats.consul_used && !stats.consul_reachable);
	ck_assert_uint_eq(stats.watches, 0);
	client_watch("web", NULL);
	client_watch("db", NULL);
	stats = client_stats();
	/* Nothing was asked yet. */
	ck_assert(stats.consul_used && !stats.consul_reachable);
	ck_assert_uint_eq(stats.watches, 2);
	agent_answer(agent_wait(&agent, WEB), 7,
		     "[" AGENT_INSTANCE("n1", "a", "10.0.0.1", "critical") "]");
	agent_until(&agent, client_stats().panicking == 1);
	agent_until(&agent, client_stats().consul_reachable);
	/* An index that goes back, and a loss that is not believed yet. */
	agent_answer(agent_wait(&agent, "index=7"), 3, "[]");
	agent_until(&agent, client_stats().holding == 1);
	stats = client_stats();
	ck_assert(stats.consul_reachable);
	ck_assert_uint_eq(stats.index_resets, 1);
	ck_assert_uint_eq(stats.answers_2xx, 2);
	ck_assert_uint_eq(stats.restored, 0);
}
END_TEST

static void write_token(const char *path, const char *token)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s\n", token);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(the_token_is_read_again_when_it_is_denied)
{
	char path[] = "/tmp/gatehouse-token-XXXXXX";
	struct agent_conn *web, *db;
	int fd = mkstemp(path), closed = 0;

	ck_assert_int_ge(fd, 0);
	close(fd);
	write_token(path, "one");
	config.token_file = path;
	consul_close(client, client_on_closed, &closed);
	client = client_new(&config);
	client_watch("web", NULL);
	client_watch("db", NULL);
	web = agent_wait(&agent, WEB);
	db = agent_wait(&agent, "/v1/health/service/db");
	ck_assert_str_eq(web->token, "one");
	ck_assert_str_eq(db->token, "one");
	/* The same token: nobody asks again soon. */
	agent_reply(web, 403, "", "Permission denied");
	agent_until(&agent, client_stats().answers_4xx == 1);
	ck_assert(!consul_reload_token(client));
	ck_assert_ptr_eq(agent_find(&agent, "/v1/health/service/db"), db);
	/* Another one: all ask with it, at once. */
	write_token(path, "two");
	agent_reply(db, 403, "", "Permission denied");
	ck_assert_str_eq(agent_wait(&agent, WEB)->token, "two");
	ck_assert_str_eq(agent_wait(&agent, "/v1/health/service/db")->token, "two");
	/* A file that has gone takes nothing back. */
	unlink(path);
	ck_assert(!consul_reload_token(client));
	agent_until(&agent, closed == 1);
}
END_TEST

static void ask_many(int n)
{
	char name[16];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		client_watch(name, NULL);
	}
}

static unsigned count_waiting(void)
{
	unsigned n = 0;

	list_each(l, &agent.conns) n += container_of(l, struct agent_conn, link)->waiting;
	return n;
}

START_TEST(a_hundred_services_have_a_connection_each)
{
	struct agent_conn *c;

	ask_many(100);
	agent_until(&agent, count_waiting() == 100);
	while ((c = agent_find(&agent, "?stale")))
		agent_answer(c, 5, "[]");
	agent_until(&agent, count_waiting() == 100);
	ck_assert_ptr_nonnull(agent_find(&agent, "/s99?index=5&wait=30000ms"));
	ck_assert_ptr_null(agent_find(&agent, "/v1/catalog/services"));
}
END_TEST

START_TEST(more_are_polled_over_a_few)
{
	unsigned open = 0;
	struct agent_conn *c;

	ask_many(101);
	agent_wait(&agent, "/v1/catalog/services");
	agent_wait(&agent, "/v1/health/state/any");
	agent_until(&agent, count_waiting() == 32);
	for (uint64_t limit = agent_deadline(); agent.asked < 103;) {
		ck_assert_uint_lt(clock_mono_ns(), limit);
		while ((c = agent_find(&agent, "/v1/health/service/")))
			agent_answer(c, 5, "[]");
		uv_run(&loop, UV_RUN_ONCE);
		ck_assert_ptr_null(agent_find(&agent, "/v1/health/service/s1?index"));
	}
	list_each(l, &agent.conns) open++;
	ck_assert_uint_le(open, 33);
	ck_assert_uint_eq(client_stats().watches, 101);
}
END_TEST

START_TEST(closes_with_questions_on_their_way)
{
	struct registry_service *web = client_watch("web", NULL);
	struct agent_conn *c = agent_wait(&agent, WEB);
	int closed = 0;

	consul_close(client, client_on_closed, &closed);
	client = NULL;
	ck_assert_int_eq(closed, 0);
	agent_answer(c, 7, ONE);
	agent_until(&agent, closed == 1);
	ck_assert(!web->answered);
	agent_until(&agent, list_empty(&agent.conns));
}
END_TEST

int main(void)
{
	return CLIENT_SUITE("consul", asks_what_is_watched_and_publishes_the_answer,
			    settings_without_sense, figures,
			    the_token_is_read_again_when_it_is_denied,
			    a_hundred_services_have_a_connection_each, more_are_polled_over_a_few,
			    closes_with_questions_on_their_way);
}
