/* SPDX-License-Identifier: Apache-2.0 */
/* control/generation.c: a configuration and real workers, from start to end. */
#include "agent.h"
#include "control/handed_set.h"
#include "discovery/discovery.h"
#include "discovery/guard.h"
#include "plane.h"
#include "said.h"

#define SECOND UINT64_C(1000000000)

/* What the owner was told. */
static struct {
	int ready, ended, held;
	bool failed;
	char *errors; /* in lines */
} told;

static void on_ready(void *arg, struct generation *g)
{
	ck_assert_ptr_eq(arg, &told);
	ck_assert_int_eq(g->state, GENERATION_LIVE);
	told.ready++;
}

static void on_end(void *arg, struct generation *g)
{
	size_t size;
	FILE *out;

	free(told.errors);
	out = open_memstream(&told.errors, &size);
	ck_assert_ptr_eq(arg, &told);
	ck_assert_int_eq(g->state, GENERATION_ENDED);
	for (size_t i = 0; i < g->error_count; i++)
		fprintf(out, "%s\n", g->errors[i]);
	fclose(out);
	told.failed = g->failed;
	told.ended++;
	list_remove(&g->link);
	generation_free(g);
}

static void on_hold(void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	told.held++;
}

static const struct generation_events events = { on_ready, on_end, on_hold };

static struct generation *start_after(struct generation *before)
{
	struct generation_spec spec = { .loop = &plane.loop,
					.number = 5,
					.config = plane_load(),
					.handed = handed_set_new(),
					.listen_set = &plane.listen_set,
					.quarantine = &plane.quarantine,
					.log_level = -1,
					.log_format = -1,
					.before = before,
					.events = &events,
					.arg = &told };
	struct error e = { "" };
	struct generation *g = generation_start(&spec, &e);

	ck_assert_msg(g != NULL, "%s", e.text);
	list_push(&plane.generations, &g->link);
	return g;
}

/* A generation of that many workers that is ready. */
static struct generation *start(int workers, const char *members)
{
	plane_open();
	plane_write(workers, members);
	struct generation *g = start_after(NULL);
	ck_assert_int_eq(told.ready, 0);
	plane_until(told.ready == 1);
	return g;
}

static void end(void)
{
	int before = told.ended, n = 0;

	list_each(l, &plane.generations) n++;
	list_each_safe(l, &plane.generations)
		generation_drain(container_of(l, struct generation, link), 0, 0, false);
	plane_until(told.ended == before + n);
	plane_close();
	free(told.errors);
}

START_TEST(from_start_to_end)
{
	struct generation *g = start(2, "\"routes\": []");

	ck_assert_uint_eq(g->number, 5);
	ck_assert_uint_eq(g->slot_count, 2);
	ck_assert_uint_eq(generation_ready_count(g), 2);
	ck_assert_uint_eq(strlen(g->config_hash), 16);
	ck_assert_ptr_nonnull(strstr(plane_get("/x"), " 404 "));
	generation_drain(g, 5000, 5000, false);
	ck_assert_int_eq(g->state, GENERATION_DRAINING);
	ck_assert_int_eq(told.ended, 0);
	/* Once more is harmless. */
	generation_drain(g, 5000, 5000, false);
	plane_until(told.ended == 1);
	ck_assert(!told.failed);
	ck_assert_int_eq(told.ready, 1);
	/* The file of the socket goes with the last who uses it. */
	ck_assert_int_eq(access(scratch_path("gw"), F_OK), -1);
	end();
}
END_TEST

START_TEST(what_is_idle_is_kept_for_one_request)
{
	struct generation *g = start(1, "\"routes\": []");
	static const char request[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = plane_connect("gw");

	plane_send(fd, request);
	ck_assert_ptr_nonnull(strstr(plane_receive(fd, "}"), " 404 "));
	generation_drain(g, 60000, 60000, true);
	/* The worker may hear of the request first: then the next one is the last. */
	plane_send(fd, request);
	if (!strstr(plane_receive(fd, "}"), "Connection: close")) {
		plane_send(fd, request);
		ck_assert_ptr_nonnull(strstr(plane_receive(fd, "}"), "Connection: close"));
	}
	ck_assert_str_eq(plane_receive(fd, NULL), "");
	close(fd);
	plane_until(told.ended == 1);
	end();
}
END_TEST

START_TEST(a_second_drain_keeps_nothing)
{
	struct generation *g = start(1, "\"routes\": []");
	int fd = plane_connect("gw");

	plane_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	plane_receive(fd, "}");
	generation_drain(g, 60000, 60000, true);
	uint64_t until = g->drain_until_ns;
	/* A shorter limit counts, a longer one does not. */
	generation_drain(g, 100000, 100000, false);
	ck_assert_uint_eq(g->drain_until_ns, until);
	ck_assert_str_eq(plane_receive(fd, NULL), "");
	close(fd);
	plane_until(told.ended == 1);
	end();
}
END_TEST

START_TEST(a_plugin_that_crashes_at_the_start)
{
	plane_open();
	plane_write(2, "\"routes\": [{\"path\": \"/f\", \"plugin\": \"faults\","
		       "\"config\": {\"load\": true}}]");
	start_after(NULL);
	plane_until(told.ended == 1);
	ck_assert_int_eq(told.ready, 0);
	ck_assert(told.failed);
	ck_assert_ptr_nonnull(strstr(told.errors, " was killed by SIGABRT before it was ready, "
						  "in plugin "));
	ck_assert_ptr_nonnull(strstr(told.errors, ", hook route_open, route /f\n"));
	/* It was not tried again, and nobody's crash counts. */
	ck_assert_uint_eq(plane.quarantine.count, 0);
	end();
}
END_TEST

START_TEST(a_plugin_that_is_not_there)
{
	plane_open();
	plane_write(2, "\"routes\": [{\"path\": \"/f\", \"plugin\": \"nobody\"}]");
	start_after(NULL);
	plane_until(told.ended == 1);
	ck_assert(told.failed);
	ck_assert_ptr_nonnull(strstr(told.errors, "/routes/0/plugin: no plugin \"nobody\""));
	/* Both workers would say so: it is told once. */
	ck_assert_ptr_null(strstr(strchr(told.errors, '\n'), "nobody"));
	end();
}
END_TEST

START_TEST(an_address_that_cannot_be)
{
	struct generation_spec spec = { .loop = &plane.loop,
					.listen_set = &plane.listen_set,
					.quarantine = &plane.quarantine,
					.events = &events,
					.arg = &told };
	struct error e = { "" };

	plane_open();
	plane_write(2, "\"routes\": []");
	ck_assert_int_eq(mkdir(scratch_path("gw"), 0700), 0);
	/* Both are taken all the same. */
	spec.config = plane_load();
	spec.handed = handed_set_new();
	ck_assert_ptr_null(generation_start(&spec, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "/gw"));
	end();
	ck_assert(!told.ready && !told.ended);
}
END_TEST

START_TEST(killed)
{
	struct generation *g = start(2, "\"routes\": []");

	generation_kill(g);
	ck_assert_int_eq(g->state, GENERATION_DRAINING);
	plane_until(told.ended == 1);
	ck_assert(!told.failed);
	end();
}
END_TEST

/* The process of a worker, which does nothing any more. */
static int stop_worker(const struct generation *g, int i)
{
	int pid = proc_pid(g->slots[i].proc);

	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	return pid;
}

START_TEST(the_limit_of_a_drain)
{
	struct generation *g = start(1, "\"routes\": []");

	plane_still = true;
	said_begin();
	stop_worker(g, 0);
	generation_drain(g, 2000, 2000, false);
	/* A second more for workers that keep to it themselves. */
	generation_tick(g, g->drain_until_ns - 1, true);
	ck_assert(!g->slots[0].killed);
	generation_tick(g, g->drain_until_ns, true);
	ck_assert(g->slots[0].killed);
	ck_said("worker did not finish within the drain limit: killed");
	plane_until(told.ended == 1);
	end();
}
END_TEST

/* A worker that has tunnels is waited for longer, and for a moment after its last one. */
START_TEST(the_limit_of_tunnels)
{
	struct generation *g = start(3, "\"routes\": []");

	plane_still = true;
	for (int i = 0; i < 3; i++)
		stop_worker(g, i);
	g->slots[0].slab.header->tunnels_open = 1;
	g->slots[1].slab.header->tunnels_open = 1;
	generation_drain(g, 2000, 9000, true);
	generation_tick(g, g->drain_until_ns, true);
	ck_assert(!g->slots[0].killed && !g->slots[1].killed && g->slots[2].killed);
	g->slots[1].slab.header->tunnels_open = 0;
	generation_tick(g, g->drain_until_ns + 900 * 1000000, true);
	ck_assert(!g->slots[1].killed);
	generation_tick(g, g->drain_until_ns + UINT64_C(1000) * 1000000, true);
	ck_assert(!g->slots[0].killed && g->slots[1].killed);
	generation_tick(g, g->tunnel_until_ns - 1, true);
	ck_assert(!g->slots[0].killed);
	generation_tick(g, g->tunnel_until_ns, true);
	ck_assert(g->slots[0].killed);
	plane_until(told.ended == 1);
	end();
}
END_TEST

START_TEST(not_ready_in_time)
{
	struct generation *g;

	plane_open();
	plane_write(2, "\"routes\": []");
	plane_still = true;
	g = start_after(NULL);
	stop_worker(g, 0);
	stop_worker(g, 1);
	generation_tick(g, g->started_ns + 30 * SECOND, true);
	ck_assert_int_eq(g->state, GENERATION_STARTING);
	generation_tick(g, g->started_ns + 30 * SECOND + 1, true);
	plane_until(told.ended == 1);
	ck_assert(told.failed && !told.ready);
	ck_assert_str_eq(told.errors, "0 of 2 workers ready after 30 s\n");
	end();
}
END_TEST

/* A route to a service with one address, on which nobody listens: port 1 is privileged. */
#define RELAY                                                                                      \
	"\"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:1\"]}}, \"routes\": ["                 \
	"{\"path\": \"/s\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"s\"}}]"

static const struct registry_service *service(const struct generation *g)
{
	return map_get(&discovery_registry(g->discovery)->services, STR("s"));
}

START_TEST(endpoints_reach_workers_and_their_refusals_come_back)
{
	struct generation *first = start(1, RELAY), *second;

	ck_assert_ptr_nonnull(map_get(&first->needs, STR("s")));
	plane_until(service(first)->answered);
	generation_serve(first, NULL);
	ck_assert_ptr_nonnull(strstr(plane_get("/s"), " 502 "));
	/* The worker asks for a look at once. */
	plane_until(strcmp(service(first)->endpoints[0].health, "refused") == 0);
	/* The next generation knows before it serves. */
	second = start_after(first);
	plane_until(told.ready == 2);
	plane_until(service(second)->answered);
	ck_assert_str_eq(service(second)->endpoints[0].health, "refused");
	generation_serve(second, first);
	generation_drain(first, 5000, 5000, true);
	plane_until(told.ended == 1);
	ck_assert_ptr_nonnull(strstr(plane_get("/s"), " 502 "));
	end();
}
END_TEST

/* A reload at a moment when Consul is down loses nothing. */
START_TEST(what_consul_said_is_inherited)
{
	struct generation *first, *second;
	const struct registry_service *s;
	static struct agent agent;
	char members[400];

	plane_open();
	said_begin();
	log_threshold = LOG_ERROR;
	agent_start(&agent, &plane.loop);
	snprintf(members, sizeof(members),
		 "\"discovery\": {\"consul\": {\"address\": \"%s\"}}, \"routes\": ["
		 "{\"path\": \"/s\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"s\"}}]",
		 agent.url);
	plane_write(1, members);
	first = start_after(NULL);
	agent_answer(agent_wait(&agent, "/v1/health/service/s"), 7,
		     "[" AGENT_INSTANCE("n", "a", "127.0.0.9", "passing") "]");
	plane_until(told.ready == 1 && service(first) && service(first)->answered);
	agent_leave(&agent);
	second = start_after(first);
	plane_until(told.ready == 2);
	s = service(second);
	ck_assert_ptr_nonnull(s);
	plane_until(s->answered);
	ck_assert_uint_eq(s->endpoint_count, 1);
	ck_assert_str_eq(s->endpoints[0].address, "127.0.0.9");
	agent_stop(&agent);
	end();
}
END_TEST

/* A worker's memory may be anything after a plugin gone wild; so may be what it sends. */
START_TEST(odd_messages)
{
	static const char *const texts[] = {
		"{}",
		"{\"type\": 7}",
		"{\"type\": \"needs\"}",
		"{\"type\": \"needs\", \"services\": [\"\", 7, null]}",
		"{\"type\": \"look\"}",
		"{\"type\": \"look\", \"service\": \"nobody\"}",
		"{\"type\": \"failed\"}",
		"{\"type\": \"failed\", \"errors\": [7, \"some reason\"]}",
		"{\"type\": \"ready\"}",
		"{\"type\": \"drained\"}",
	};
	struct generation *g = start(1, "\"routes\": []");

	said_begin();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *message = json_loads(texts[i], 0, NULL);

		ck_assert_ptr_nonnull(message);
		generation_message(&g->slots[0], message);
		json_decref(message);
	}
	ck_said("message of an unknown type");
	ck_said("some reason");
	ck_assert_int_eq(g->state, GENERATION_LIVE);
	ck_assert_int_eq(told.ready, 1);
	ck_assert_uint_eq(g->needs.count, 0);
	ck_assert_ptr_nonnull(strstr(plane_get("/x"), " 404 "));
	end();
}
END_TEST

START_TEST(plugin_files_are_held)
{
	struct generation *g = start(1, PLANE_FAULTS);
	json_t *none = json_array();

	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	/* What a worker says that it loaded is what it can be told to hold. */
	generation_hold(g, g->slots[0].plugins);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
	generation_hold(g, none);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	json_decref(none);
	end();
}
END_TEST

START_TEST(failed_by_its_owner)
{
	struct generation *g;

	plane_open();
	plane_write(1, "\"routes\": []");
	g = start_after(NULL);
	generation_fail(g, "reason %d", 1);
	for (int i = 0; i < 300; i++)
		generation_fail(g, "another");
	plane_until(told.ended == 1);
	ck_assert_int_eq(strncmp(told.errors, "reason 1\nanother\n", 17), 0);
	/* Not without a limit. */
	ck_assert_uint_eq(strlen(told.errors), 9 + 199 * 8);
	end();
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(generation_state_name(GENERATION_STARTING), "starting");
	ck_assert_str_eq(generation_state_name(GENERATION_LIVE), "live");
	ck_assert_str_eq(generation_state_name(GENERATION_DRAINING), "draining");
	ck_assert_str_eq(generation_state_name(GENERATION_ENDED), "ended");
	ck_assert_str_eq(slot_state_name(SLOT_STARTING), "starting");
	ck_assert_str_eq(slot_state_name(SLOT_READY), "ready");
	ck_assert_str_eq(slot_state_name(SLOT_WAITING), "waiting");
	ck_assert_str_eq(slot_state_name(SLOT_ENDED), "ended");
}
END_TEST

PLANE_SUITE("generation", from_start_to_end, what_is_idle_is_kept_for_one_request,
	    a_second_drain_keeps_nothing, a_plugin_that_crashes_at_the_start,
	    a_plugin_that_is_not_there, an_address_that_cannot_be, killed, the_limit_of_a_drain,
	    the_limit_of_tunnels, not_ready_in_time,
	    endpoints_reach_workers_and_their_refusals_come_back, what_consul_said_is_inherited,
	    odd_messages, plugin_files_are_held, failed_by_its_owner, names)
