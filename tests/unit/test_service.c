/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rand.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "metrics/slab.h"
#include "suite.h"
#include "upstream/upconn.h"

static struct gateway_config *config;
static struct config_errors errors;
static struct slab slab;
static struct services all;
static uint64_t now_ms;
static const struct pick_tried nothing;
static struct rand generator;
static const struct balance_ask none = { .tried = &nothing, .rand = &generator };

static void begin(void)
{
	struct str text = STR(
		"{\"listen\": [\"127.0.0.1:1\"], \"services\": {\"slow\": {\"endpoints\": "
		"[\"127.0.0.1:1\"], \"timeout\": {\"response\": \"99s\"}}, \"s\": {\"slow_start\": "
		"\"10s\"}, \"zoned\": {\"prefer_zone\": \"balanced\", \"failover\": [\"s\", "
		"\"slow\"]}}, \"zone\": \"a\", "
		"\"routes\": []}");
	struct error e;

	config = gateway_config_load("f", &text, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
	ck_assert_int_eq(slab_create(&slab, 0, 1, 1, 8, &e), 0);
	services_init(&all, &slab, config);
	rand_seed(&generator, 1);
}

static void end(void)
{
	services_fini(&all);
	slab_close(&slab);
	gateway_config_free(config);
}

static void update_of(const char *service, const char *state, const char *endpoints)
{
	json_t *list = json_loads(endpoints, 0, NULL);
	json_t *message = json_pack("{s:s, s:s, s:o}", "service", service, "state", state,
				    "endpoints", list);

	ck_assert_ptr_nonnull(message);
	services_update(&all, message, now_ms);
	json_decref(message);
}

/* The channel's message about the service "s". */
static void update(const char *state, const char *endpoints)
{
	update_of("s", state, endpoints);
}

#define EP(id, address, port, weight)                                                              \
	"{\"id\": \"" id "\", \"address\": \"" address "\", \"port\": " #port                      \
	", \"weight\": " #weight "}"

START_TEST(settings)
{
	begin();
	struct service *s = services_get(&all, "other"), *slow = services_get(&all, "slow");
	ck_assert_ptr_eq(services_get(&all, "other"), s);
	ck_assert_uint_eq(s->response_ms, config->timeouts.response);
	ck_assert_uint_eq(s->connect_ms, config->timeouts.connect);
	ck_assert_uint_eq(slow->response_ms, 99000);
	ck_assert_int_eq(s->state, SERVICE_NEVER);
	ck_assert(!s->answered);
	ck_assert_ptr_null(service_pick(s, &none));
	ck_assert_str_eq(slab.services[0].name, "other");
	end();
}
END_TEST

START_TEST(states_and_addresses)
{
	begin();
	struct service *s = services_get(&all, "s");
	update("live", "[" EP("a", "127.0.0.1", 80, 1) ", " EP("b", "::1", 81, 1) "]");
	ck_assert(s->answered);
	ck_assert_int_eq(s->state, SERVICE_LIVE);
	ck_assert_uint_eq(s->endpoint_count, 2);
	ck_assert_str_eq(s->endpoints[0]->text, "127.0.0.1:80");
	ck_assert_str_eq(s->endpoints[1]->text, "[::1]:81");
	update("empty", "[]");
	ck_assert_int_eq(s->state, SERVICE_EMPTY);
	ck_assert_uint_eq(s->endpoint_count, 0);
	update("never", "[]");
	ck_assert_int_eq(s->state, SERVICE_NEVER);
	end();
}
END_TEST

START_TEST(what_is_not_well_formed)
{
	begin();
	struct service *s = services_get(&all, "s");
	update("live",
	       "[" EP("a", "host.name", 80, 1) ", " EP("b", "127.0.0.1", 0, 1) ", " EP(
		       "c", "127.0.0.1", 65536,
		       1) ", " EP("d", "127.0.0.1", 80,
				  0) ", " EP("e", "127.0.0.1", 80,
					     70000) ", 7, " EP("f", "127.0.0.1", 80, 1) "]");
	ck_assert_uint_eq(s->endpoint_count, 1);
	ck_assert_str_eq(s->endpoints[0]->id, "f");
	json_t *message = json_pack("{s:s}", "service", "s");
	services_update(&all, message, now_ms);
	json_decref(message);
	ck_assert_uint_eq(s->endpoint_count, 1);
	end();
}
END_TEST

/* Same id and address: the same record, with a new weight.  Another address: another record. */
START_TEST(records_are_kept)
{
	begin();
	struct service *s = services_get(&all, "s");
	update("live", "[" EP("a", "127.0.0.1", 80, 1) ", " EP("b", "127.0.0.1", 81, 1) "]");
	struct endpoint *a = s->endpoints[0], *b = s->endpoints[1];
	endpoint_ref(b);
	update("live", "[" EP("b", "127.0.0.1", 82, 1) ", " EP("a", "127.0.0.1", 80, 5) "]");
	ck_assert_ptr_eq(s->endpoints[1], a);
	ck_assert_uint_eq(a->weight, 5);
	ck_assert_ptr_ne(s->endpoints[0], b);
	/* A request that uses it keeps the old record alive. */
	ck_assert(!b->listed);
	ck_assert_str_eq(b->text, "127.0.0.1:81");
	ck_assert_uint_eq(b->refs, 1);
	endpoint_unref(b);
	end();
}
END_TEST

/* Where the control process says, and nowhere once it is dropped. */
START_TEST(counts_go_where_told)
{
	begin();
	struct service *s = services_get(&all, "s");
	update("live", "[{\"id\": \"a\", \"address\": \"127.0.0.1\", \"port\": 80, "
		       "\"weight\": 1, \"slot\": 7}, " EP("b", "127.0.0.1", 81, 1) "]");
	struct endpoint *a = s->endpoints[0], *b = s->endpoints[1];
	ck_assert_ptr_eq(a->counts, &slab.endpoints[7]);
	ck_assert_ptr_nonnull(b->counts);
	endpoint_ref(a);
	update("live", "[{\"id\": \"b\", \"address\": \"127.0.0.1\", \"port\": 81, "
		       "\"weight\": 1, \"slot\": 16384}]");
	ck_assert_ptr_ne(a->counts, &slab.endpoints[7]);
	slab_endpoint_failed(a->counts, true);
	slab_endpoint_failed(b->counts, true);
	for (int i = 0; i < SLAB_ENDPOINTS; i++)
		ck_assert_uint_eq(slab.endpoints[i].failed, 0);
	endpoint_unref(a);
	end();
}
END_TEST

START_TEST(in_turn)
{
	begin();
	struct service *s = services_get(&all, "s");
	update("live", "[" EP("a", "127.0.0.1", 1, 3) ", " EP("b", "127.0.0.1", 2, 3) ", " EP(
			       "c", "127.0.0.1", 3, 3) "]");
	ck_assert(s->all.equal);
	for (int i = 0; i < 9; i++)
		ck_assert_str_eq(service_pick(s, &none)->id, i % 3 == 0 ? "a" :
							     i % 3 == 1 ? "b" :
									  "c");
	/* Fewer than the turn had come to. */
	service_pick(s, &none);
	service_pick(s, &none);
	update("live", "[" EP("a", "127.0.0.1", 1, 3) "]");
	ck_assert_str_eq(service_pick(s, &none)->id, "a");
	end();
}
END_TEST

START_TEST(weighted)
{
	char order[16] = "";

	begin();
	struct service *s = services_get(&all, "s");
	update("live", "[" EP("a", "127.0.0.1", 1, 5) ", " EP("b", "127.0.0.1", 2, 1) ", " EP(
			       "c", "127.0.0.1", 3, 1) "]");
	ck_assert(!s->all.equal);
	for (int i = 0; i < 14; i++)
		strcat(order, service_pick(s, &none)->id);
	/* Smooth: the heavy one never runs more often in a row than it must. */
	ck_assert_str_eq(order, "aabacaaaabacaa");
	end();
}
END_TEST

static void tried(const char *endpoints)
{
	struct pick_tried t = { .count = 0 };

	struct balance_ask ask = { .tried = &t, .rand = &generator };
	struct service *s = services_get(&all, "s");
	update("live", endpoints);
	for (unsigned i = 0; i < 3; i++) {
		struct endpoint *ep = service_pick(s, &ask);
		for (unsigned k = 0; k < t.count; k++)
			ck_assert_ptr_ne(t.tried[k], ep);
		t.tried[t.count++] = ep;
	}
	/* All were tried: any is better than none. */
	ck_assert_ptr_nonnull(service_pick(s, &ask));
}

START_TEST(another_than_those_tried)
{
	begin();
	for (int i = 0; i < 5; i++) {
		tried("[" EP("a", "127.0.0.1", 1, 1) ", " EP("b", "127.0.0.1", 2, 1) ", " EP(
			"c", "127.0.0.1", 3, 1) "]");
		tried("[" EP("a", "127.0.0.1", 1, 9) ", " EP("b", "127.0.0.1", 2, 1) ", " EP(
			"c", "127.0.0.1", 3, 1) "]");
	}
	end();
}
END_TEST

/* How many of 1,000 picks of the service go to that endpoint. */
static int hits(const struct service *s, size_t at)
{
	struct balance_ask ask = { .tried = &nothing, .rand = &generator, .now_ms = now_ms };
	int n = 0;

	for (int i = 0; i < 1000; i++)
		n += service_pick((struct service *)(uintptr_t)s, &ask) == s->endpoints[at];
	return n;
}

#define ck_about(n, expected) ck_assert_int_le(abs((n) - (expected)), 2)

/* An endpoint that comes later starts slowly; those of the first message do not. */
START_TEST(slow_start)
{
	begin();
	struct service *s = services_get(&all, "s");
	now_ms = 50000;
	update("live", "[" EP("a", "127.0.0.1", 1, 2) "]");
	ck_assert_uint_eq(s->ramp_at_ms, UINT64_MAX);
	now_ms = 60000;
	update("live", "[" EP("a", "127.0.0.1", 1, 2) ", " EP("b", "127.0.0.1", 2, 2) "]");
	ck_assert_uint_eq(s->ramp_at_ms, 60100);
	ck_about(hits(s, 1), 1000 * 10 / 110);
	now_ms = 65000;
	ck_about(hits(s, 1), 1000 * 50 / 150);
	/* Another message does not begin it again. */
	update("live", "[" EP("a", "127.0.0.1", 1, 2) ", " EP("b", "127.0.0.1", 2, 2) "]");
	ck_about(hits(s, 1), 1000 * 50 / 150);
	now_ms = 70000;
	ck_about(hits(s, 1), 500);
	ck_assert_uint_eq(s->ramp_at_ms, UINT64_MAX);
	end();
}
END_TEST

#define IN(zone, id, port)                                                                         \
	"{\"id\": \"" id "\", \"address\": \"127.0.0.1\", \"port\": " #port                        \
	", \"weight\": 1, \"zone\": \"" zone "\"}"

START_TEST(zones)
{
	begin();
	struct service *s = services_get(&all, "zoned");
	update_of("zoned", "live", "[" IN("a", "1", 1) ", " IN("b", "2", 2) "]");
	ck_assert_int_eq(hits(s, 0), 1000);
	/* A retry goes to the other zone when there is no other here. */
	struct pick_tried t = { .tried = { s->endpoints[0] }, .count = 1 };
	struct balance_ask ask = { .tried = &t, .rand = &generator };
	ck_assert_ptr_eq(service_pick(s, &ask), s->endpoints[1]);
	/* A quarter of the capacity where a half was due: half of the traffic spills over. */
	update_of("zoned", "live",
		  "[" IN("a", "1", 1) ", " IN("b", "2", 2) ", " IN("b", "3", 3) ", " IN("b", "4",
											4) "]");
	int local = hits(s, 0);
	ck_assert_msg(local > 450 && local < 550, "%d", local);
	update_of("zoned", "live", "[" IN("b", "2", 2) "]");
	ck_assert_int_eq(hits(s, 0), 1000);
	update_of("zoned", "empty", "[]");
	ck_assert_ptr_null(service_pick(s, &ask));
	end();
}
END_TEST

START_TEST(stand_ins)
{
	begin();
	struct service *s = services_get(&all, "zoned");
	ck_assert_uint_eq(s->failover_count, 2);
	ck_assert_ptr_eq(s->failover[0], services_get(&all, "s"));
	ck_assert_ptr_eq(s->failover[1], services_get(&all, "slow"));
	end();
}
END_TEST

START_TEST(retry_budget)
{
	begin();
	struct service *s = services_get(&all, "s");
	int taken = 0;
	while (service_retry_take(s))
		taken++;
	ck_assert_int_eq(taken, 10);
	for (int i = 0; i < 9; i++)
		service_retry_earn(s, 0.1);
	ck_assert(!service_retry_take(s));
	service_retry_earn(s, 0.11);
	ck_assert(service_retry_take(s));
	ck_assert(!service_retry_take(s));
	for (int i = 0; i < 100000; i++)
		service_retry_earn(s, 0.1);
	for (taken = 0; service_retry_take(s);)
		taken++;
	ck_assert_int_eq(taken, 100);
	end();
}
END_TEST

/* Idle connections: kept while the endpoint is listed, closed when it goes. */

static int connected, ended;

static void on_connect(void *owner, int status)
{
	(void)owner;
	ck_assert_int_eq(status, 0);
	connected++;
}

static void on_end(void *owner, int status)
{
	(void)owner;
	ended = status;
}

static size_t heard;

static void on_data(void *owner, char *p, size_t n)
{
	(void)owner;
	(void)p;
	heard += n;
}

static const struct upconn_events events = { .on_connect = on_connect,
					     .on_data = on_data,
					     .on_end = on_end };

struct asking {
	uv_poll_t poll;
	int ends[2];
	struct endpoint *endpoint;
	struct upconn *uc;
};

/* A client's request, as it were: takes the kept connection and asks. */
static void on_asked(uv_poll_t *poll, int status, int what)
{
	struct asking *a = poll->data;

	(void)status;
	(void)what;
	uv_poll_stop(poll);
	a->uc = upconn_take(a->endpoint, &events, NULL);
	ck_assert_ptr_nonnull(a->uc);
	ck_assert(upconn_can_tell(a->uc));
	upconn_asks(a->uc);
}

/* Lets the request come first and then, in the same turn, what the service says unasked. */
static void ask(struct asking *a, uv_loop_t *loop, int service, bool unasked)
{
	ended = 0;
	heard = 0;
	a->uc = NULL;
	uv_poll_start(&a->poll, UV_READABLE, on_asked);
	uv_run(loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(write(a->ends[1], "x", 1), 1);
	if (unasked)
		ck_assert_int_eq(write(service, "HTTP", 4), 4);
	while (!a->uc)
		uv_run(loop, UV_RUN_ONCE);
	if (!unasked)
		ck_assert_int_eq(write(service, "HTTP", 4), 4);
	while (!ended && !heard)
		uv_run(loop, UV_RUN_ONCE);
	ck_assert_int_eq(read(a->ends[0], &(char){ 0 }, 1), 1);
}

static void check_asking(uv_loop_t *loop, struct endpoint *ep, int service)
{
	struct asking a = { .endpoint = ep };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, a.ends), 0);
	uv_poll_init(loop, &a.poll, a.ends[0]);
	a.poll.data = &a;
	ask(&a, loop, service, false);
	ck_assert_int_eq(ended, 0);
	ck_assert_uint_eq(heard, 4);
	upconn_release(&a.uc);
	ask(&a, loop, service, true);
	ck_assert_int_eq(ended, UPCONN_UNASKED);
	ck_assert_uint_eq(heard, 0);
	upconn_release(&a.uc);
	uv_close((uv_handle_t *)&a.poll, NULL);
	close(a.ends[0]);
	close(a.ends[1]);
}

START_TEST(connections_are_kept)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t n = sizeof(address);
	struct deadlines deadlines;
	struct rbufs rbufs;
	uv_loop_t loop;
	int64_t bytes = 0;
	int status, fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, n), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	begin();
	uv_loop_init(&loop);
	deadlines_init(&deadlines, &loop);
	rbufs_init(&rbufs, &bytes);
	struct upstream up = { .loop = &loop, .deadlines = &deadlines, .rbufs = &rbufs };
	struct service *s = services_get(&all, "s");
	json_t *list = json_pack("[{s:s, s:s, s:i, s:i}]", "id", "a", "address", "127.0.0.1",
				 "port", (int)ntohs(address.sin_port), "weight", 1);
	char *text = json_dumps(list, 0);
	update("live", text);
	struct endpoint *ep = s->endpoints[0];
	upstream_start(&up);
	struct upconn *uc = upconn_open(&up, ep, &events, NULL, &status);
	ck_assert_ptr_nonnull(uc);
	while (!connected)
		uv_run(&loop, UV_RUN_ONCE);
	upconn_release(&uc);
	int service = accept(fd, NULL, NULL);
	check_asking(&loop, ep, service);
	ck_assert_uint_eq(ep->idle_count, 1);
	update("live", text);
	ck_assert_ptr_eq(s->endpoints[0], ep);
	ck_assert_uint_eq(ep->idle_count, 1);
	ck_assert_uint_eq(up.open, 1);
	update("empty", "[]");
	upstream_close(&up);
	deadlines_close(&deadlines);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_uint_eq(up.open, 0);
	ck_assert_int_eq(slab.services[0].idle, 0);
	ck_assert_int_eq(slab.services[0].connections, 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	rbufs_fini(&rbufs);
	free(text);
	json_decref(list);
	close(service);
	close(fd);
	end();
}
END_TEST

int main(void)
{
	return SUITE("service", settings, states_and_addresses, what_is_not_well_formed,
		     records_are_kept, counts_go_where_told, in_turn, weighted,
		     another_than_those_tried, slow_start, zones, stand_ins, retry_budget,
		     connections_are_kept);
}
