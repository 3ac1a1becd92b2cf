/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_service.c: what is asked about one service, and what each kind of answer does to
 * what is known of it. */
#include "consul_client.h"

#define WEB "/v1/health/service/web"
#define A   AGENT_INSTANCE("n1", "a", "10.0.0.1", "passing")
#define B   AGENT_INSTANCE("n2", "b", "10.0.0.2", "passing")

/* The first question is answered with both instances: then the next one waits at index 7. */
static struct registry_service *watch_two(void)
{
	struct registry_service *web = client_watch("web", NULL);

	agent_answer(agent_wait(&agent, WEB), 7, "[" A "," B "]");
	agent_wait(&agent, "index=7");
	ck_assert_uint_eq(web->endpoint_count, 2);
	return web;
}

START_TEST(asked_as_it_is_declared)
{
	const char *tag = "blue";
	struct config_service declared = { .name = "web",
					   .consul_name = "web-prod",
					   .datacenter = "dc2",
					   .ns = "team",
					   .consistency = CONSUL_CONSISTENT,
					   .default_port = 99,
					   .tags = { &tag, 1 } };
	struct registry_service *web = client_watch("web", &declared);
	struct agent_conn *c = agent_wait(&agent, "/v1/health/service/");

	ck_assert_str_eq(c->target, WEB "-prod?consistent&dc=dc2&ns=team");
	agent_answer(c, 1,
		     "[" A ",{\"Node\":{\"Node\":\"n3\",\"Address\":\"10.0.0.3\"},\"Service\":"
		     "{\"ID\":\"c\",\"Tags\":[\"blue\"]},\"Checks\":[]}]");
	agent_until(&agent, web->answered);
	ck_assert_uint_eq(web->endpoint_count, 1);
	ck_assert_str_eq(web->endpoints[0].id, "n3/c");
	ck_assert_uint_eq(web->endpoints[0].port, 99);
}
END_TEST

START_TEST(declared_with_nothing_of_its_own)
{
	struct config_service declared = { .name = "web", .consistency = -1 };

	config.datacenter = "dc9";
	config.consistency = CONSUL_DEFAULT;
	client_watch("web", &declared);
	ck_assert_str_eq(agent_wait(&agent, WEB)->target, WEB "?dc=dc9");
}
END_TEST

/* Each fault leaves what is known, is counted as what it is, and says so in the note. */
static void fault(int status, const char *headers, const char *body, const char *note)
{
	struct registry_service *web = watch_two();
	uint64_t confirmed = web->confirmed_ms;

	agent_reply(agent_wait(&agent, WEB), status, headers, body);
	agent_until(&agent, web->note[0]);
	ck_assert_str_eq(web->note, note);
	ck_assert_uint_eq(web->endpoint_count, 2);
	ck_assert(web->endpoints[0].usable && web->endpoints[1].usable);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert_uint_eq(web->index, 7);
	ck_assert_uint_eq(web->confirmed_ms, confirmed);
	/* It is not asked again at once. */
	ck_assert_uint_eq(agent.asked, 2);
	ck_assert_int_eq(client_service("web")->watch.state, WATCH_BACKOFF);
}

#define INDEX "X-Consul-Index: 9\r\n"

START_TEST(an_error)
{
	fault(500, INDEX, "[]", "Consul answers with an error");
	ck_assert_uint_eq(client_stats().answers_5xx, 1);
}
END_TEST

START_TEST(another_status)
{
	fault(302, "Location: /\r\n" INDEX, "[]", "Consul answers with an error");
	ck_assert_uint_eq(client_stats().answers_other, 1);
	ck_assert_uint_eq(client_stats().answers_2xx, 1);
}
END_TEST

START_TEST(denied)
{
	fault(403, INDEX, "", "Consul denies access, check the ACL token");
	ck_assert_uint_eq(client_stats().answers_4xx, 1);
}
END_TEST

START_TEST(limited)
{
	fault(429, INDEX, "", "Consul refuses more connections (limits.http_max_conns_per_client)");
	ck_assert_uint_eq(client_stats().limited, 1);
}
END_TEST

START_TEST(without_an_index)
{
	fault(200, "", "[]", "Consul's answer cannot be understood");
	ck_assert_uint_eq(client_stats().bad_answers, 1);
	ck_assert_uint_eq(client_stats().answers_2xx, 2);
}
END_TEST

START_TEST(not_json)
{
	fault(200, INDEX, "<html>", "Consul's answer cannot be understood");
	ck_assert_uint_eq(client_stats().bad_answers, 1);
}
END_TEST

/* A new connection that is cut at once says that the agent allows no more of them. */
START_TEST(cut_at_once)
{
	struct registry_service *web = client_watch("web", NULL);

	agent_cut(agent_wait(&agent, WEB));
	agent_until(&agent, web->note[0]);
	ck_assert_str_eq(web->note,
			 "Consul refuses more connections (limits.http_max_conns_per_client)");
	ck_assert_uint_eq(client_stats().limited, 1);
	ck_assert(!web->answered);
}
END_TEST

START_TEST(nobody_listens)
{
	struct registry_service *web = client_watch("web", NULL);

	agent_leave(&agent);
	agent_until(&agent, web->note[0]);
	ck_assert_str_eq(web->note, "Consul cannot be reached");
	ck_assert_uint_eq(client_stats().unreachable, 1);
}
END_TEST

START_TEST(the_same_answer_again_confirms_it)
{
	struct registry_service *web = watch_two();
	uint64_t version = web->version;

	web->confirmed_ms = 1;
	agent_answer(agent_wait(&agent, "index=7"), 8, "[" A "," B "]");
	agent_wait(&agent, "index=8");
	ck_assert_uint_gt(web->confirmed_ms, 1);
	ck_assert_uint_eq(web->version, version);
	ck_assert_uint_eq(web->endpoint_count, 2);
	/* A body that could not be understood is not "the last one" when it comes again. */
	for (unsigned i = 1; i <= 2; i++) {
		consul_service_renew(client_service("web"), 0);
		agent_answer(agent_wait(&agent, "?stale"), 9, "{}");
		agent_until(&agent, client_stats().bad_answers == i);
	}
}
END_TEST

START_TEST(an_answer_takes_a_fault_back)
{
	struct registry_service *web = watch_two();

	agent_reply(agent_wait(&agent, WEB), 500, "", "");
	agent_until(&agent, web->note[0]);
	/* After a fault it asks for what there is now. */
	agent_answer(agent_wait(&agent, WEB "?stale"), 9, "[" B "]");
	agent_until(&agent, web->index == 9);
	ck_assert_str_eq(web->note, "");
}
END_TEST

START_TEST(a_leaderless_agent_adds_and_takes_nothing_away)
{
	struct registry_service *web = watch_two();

	agent_reply(agent_wait(&agent, WEB), 200,
		    "X-Consul-Index: 8\r\nX-Consul-Knownleader: false\r\n", "[" A "]");
	agent_until(&agent, web->index == 8);
	ck_assert_uint_eq(web->endpoint_count, 2);
	ck_assert_str_eq(web->note, "Consul has no leader; holding 1 missing instances");
}
END_TEST

START_TEST(what_cannot_be_used_is_left_out)
{
	struct registry_service *web = client_watch("web", NULL);
	static const char odd[] = "[" A ",{\"Node\":{},\"Service\":{}},{\"Node\":7}]";

	agent_answer(agent_wait(&agent, WEB), 7, odd);
	agent_wait(&agent, "index=7");
	ck_assert_uint_eq(web->endpoint_count, 1);
	ck_assert_uint_eq(client_stats().skipped, 2);
	ck_assert_uint_eq(client_stats().bad_answers, 0);
}
END_TEST

START_TEST(renewed)
{
	struct agent_conn *c;

	watch_two();
	c = agent_find(&agent, "index=7");
	ck_assert_ptr_nonnull(c);
	consul_service_renew(client_service("web"), 0);
	agent_wait(&agent, WEB "?stale");
	agent_until(&agent, !agent_find(&agent, "index=7"));
	ck_assert_uint_eq(agent.asked, 3);
	/* Giving one up is no fault. */
	ck_assert_str_eq(client_service("web")->record->note, "");
	ck_assert_uint_eq(client_stats().unreachable, 0);
}
END_TEST

/* The hold ends by the service's own timer, without another answer. */
START_TEST(a_hold_ends_by_itself)
{
	struct registry_service *web;

	config.hold = 50;
	web = watch_two();
	agent_answer(agent_wait(&agent, "index=7"), 8, "[]");
	agent_until(&agent, web->index == 8);
	ck_assert_uint_eq(web->endpoint_count, 2);
	ck_assert_str_eq(web->note, "holding 2 missing instances");
	agent_until(&agent, web->state == REGISTRY_EMPTY);
	ck_assert_uint_eq(web->endpoint_count, 0);
	ck_assert_uint_eq(client_stats().holding, 0);
	ck_assert_uint_eq(agent.asked, 3);
}
END_TEST

START_TEST(all_are_critical)
{
	struct config_service fail = { .name = "db",
				       .consistency = -1,
				       .on_all_critical = CONFIG_CRITICAL_FAIL };
	struct registry_service *web = client_watch("web", NULL), *db = client_watch("db", &fail);
	static const char body[] = "[" AGENT_INSTANCE("n1", "a", "10.0.0.1", "critical") "]";

	agent_answer(agent_wait(&agent, WEB), 7, body);
	agent_answer(agent_wait(&agent, "/db"), 7, body);
	agent_until(&agent, web->answered && db->answered);
	ck_assert(web->endpoints[0].usable && !db->endpoints[0].usable);
	ck_assert_str_eq(web->note, "none is passing, trying 1 critical ones");
	ck_assert_int_eq(db->state, REGISTRY_EMPTY);
	ck_assert_uint_eq(client_stats().panicking, 1);
}
END_TEST

int main(void)
{
	return CLIENT_SUITE(
		"consul_service", asked_as_it_is_declared, declared_with_nothing_of_its_own,
		an_error, another_status, denied, limited, without_an_index, not_json, cut_at_once,
		nobody_listens, the_same_answer_again_confirms_it, an_answer_takes_a_fault_back,
		a_leaderless_agent_adds_and_takes_nothing_away, what_cannot_be_used_is_left_out,
		renewed, a_hold_ends_by_itself, all_are_critical);
}
