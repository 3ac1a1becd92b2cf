/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_memory.c: what a client begins with of what another one knew. */
#include "consul_client.h"

#define WEB "/v1/health/service/web"
#define TWO                                                                                        \
	"[" AGENT_INSTANCE("n1", "a", "10.0.0.1",                                                  \
			   "passing") "," AGENT_INSTANCE("n2", "b", "10.0.0.2", "critical") "]"

static char *key(const char *name, const char *dc, const char *ns, const struct health_rules *rules)
{
	struct consul_scope scope = { dc, ns, CONSUL_STALE };
	static const struct health_rules none;

	return consul_key(name, &scope, rules ? rules : &none);
}

START_TEST(keys_tell_all_settings_apart)
{
	const char *a = "a", *b = "b", *both[] = { "a", "b" }, *odd = "a\" \"b";
	struct config_match_header meta[] = { { "a", "b" }, { "a", NULL }, { "a b", NULL } };
	struct health_rules rules[] = {
		{ .default_port = 80 },
		{ .tags = { &a, 1 } },
		{ .tags = { &b, 1 } },
		{ .tags = { both, 2 } },
		{ .tags = { &odd, 1 } },
		{ .require_checks = { &a, 1 } },
		{ .meta = &meta[0], .meta_count = 1 },
		{ .meta = &meta[1], .meta_count = 1 },
		{ .meta = &meta[2], .meta_count = 1 },
		{ .meta = meta, .meta_count = 2 },
	};
	enum { RULES = sizeof(rules) / sizeof(rules[0]) };
	char *keys[RULES + 5] = { key("web", NULL, NULL, NULL), key("db", NULL, NULL, NULL),
				  key("web", "dc", NULL, NULL), key("web", NULL, "dc", NULL),
				  key("web", "-", NULL, NULL) };

	for (size_t i = 0; i < RULES; i++)
		keys[5 + i] = key("web", NULL, NULL, &rules[i]);
	for (size_t i = 0; i < RULES + 5; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(keys[i], keys[k]);
	for (size_t i = 0; i < RULES + 5; i++)
		free(keys[i]);
}
END_TEST

START_TEST(equal_settings_have_equal_keys)
{
	const char *one[] = { "x", "y" }, *other[] = { "x", "y" };
	struct health_rules a = { .tags = { one, 2 } }, b = { .tags = { other, 2 } };
	char *p = key("web", "dc", NULL, &a), *q = key("web", "dc", NULL, &b);

	ck_assert_str_eq(p, q);
	free(p);
	free(q);
}
END_TEST

/* The client knows two instances; what it knows is inherited by one with the given settings, whose
 * question about "web" is not answered. */
static struct consul *inherit(const struct config_consul *settings)
{
	struct consul *first = client;

	client_watch("web", NULL);
	agent_answer(agent_wait(&agent, WEB), 7, TWO);
	agent_wait(&agent, "index=7");
	client = client_new(settings);
	consul_inherit(client, first);
	return first;
}

static void end(struct consul *first)
{
	int closed = 0;

	consul_close(first, client_on_closed, &closed);
	agent_until(&agent, closed == 1);
}

/* What "web" is for the client that inherits, in a registry of its own. */
static struct registry_service *watch_anew(struct registry *second,
					   const struct config_service *declared)
{
	struct registry_service *web;

	registry_init(second, NULL, NULL);
	client->registry = second;
	web = registry_service(second, "web", "consul");
	consul_watch(client, web, declared);
	agent_wait(&agent, WEB "?stale");
	return web;
}

static void end_anew(struct registry *second)
{
	end(client);
	client = NULL;
	registry_fini(second);
}

START_TEST(begins_with_what_the_other_knew)
{
	struct config_service fail = { .name = "web",
				       .consistency = -1,
				       .on_all_critical = CONFIG_CRITICAL_FAIL };
	struct consul *first = inherit(&config);
	struct registry_service *was = registry_service(&registry, "web", "consul"), *web;
	struct registry second;

	/* Nothing is shared: the other may go. */
	end(first);
	/* How instances are judged may differ. */
	web = watch_anew(&second, &fail);
	ck_assert(web->answered && !web->restored);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert_uint_eq(web->endpoint_count, 2);
	ck_assert_str_eq(web->endpoints[0].id, "n1/a");
	ck_assert(web->endpoints[0].usable && !web->endpoints[1].usable);
	ck_assert_uint_eq(web->confirmed_ms, was->confirmed_ms);
	ck_assert(list_empty(&client->inherited));
	/* Then it is as any other. */
	agent_answer(agent_wait(&agent, WEB "?stale"), 8,
		     "[" AGENT_INSTANCE("n2", "b", "10.0.0.2", "passing") "]");
	agent_until(&agent, web->index == 8);
	ck_assert_uint_eq(web->endpoint_count, 1);
	ck_assert_str_eq(web->endpoints[0].id, "n2/b");
	end_anew(&second);
}
END_TEST

START_TEST(other_rules_are_another_service)
{
	struct config_service other = { .name = "web", .consistency = -1, .datacenter = "dc2" };
	struct consul *first = inherit(&config);
	struct registry_service *web;
	struct registry second;

	web = watch_anew(&second, &other);
	ck_assert(!web->answered && web->endpoint_count == 0);
	/* It stays for who reads by the same rules. */
	ck_assert(!list_empty(&client->inherited));
	end(first);
	end_anew(&second);
}
END_TEST

START_TEST(another_agent_knows_other_instances)
{
	struct config_consul other = config;
	struct consul *first;

	other.address = "http://127.0.0.1:1";
	first = inherit(&other);
	ck_assert(list_empty(&client->inherited));
	end(first);
}
END_TEST

START_TEST(memories)
{
	struct memory *m = memory_new(&client->inherited, "some");

	ck_assert_str_eq(m->key, "some");
	ck_assert(!m->watch.answered);
	memory_new(&client->inherited, "other");
	memory_forget(&client->inherited);
	ck_assert(list_empty(&client->inherited));
}
END_TEST

/* One that was never answered for: there is nothing to publish. */
START_TEST(a_memory_of_nothing)
{
	struct registry_service *web;
	char *same = key("web", NULL, NULL, NULL);

	memory_new(&client->inherited, same);
	web = client_watch("web", NULL);
	ck_assert(list_empty(&client->inherited));
	agent_wait(&agent, WEB);
	ck_assert(!web->answered);
	free(same);
}
END_TEST

int main(void)
{
	return CLIENT_SUITE("consul_memory", keys_tell_all_settings_apart,
			    equal_settings_have_equal_keys, begins_with_what_the_other_knew,
			    other_rules_are_another_service, another_agent_knows_other_instances,
			    memories, a_memory_of_nothing);
}
