/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/exchange.c: a request's states from its first byte to its end, and what is counted then. */
#include "proxy/exchange.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy_rig.h"

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN

static struct rig_peer *client, *origin;

/* A request that the origin has. */
static struct exchange *asked(void)
{
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	origin = rig_accepted(0, rig.origins[0].count ? rig.origins[0].count - 1 : 0);
	rig_got(origin, HEAD);
	return rig_conn()->x;
}

START_TEST(test_states)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_until(rig.slab.header->connections_open);
	ck_assert_ptr_null(rig_conn()->x);
	rig_send(client, "G");
	rig_until(rig_conn()->x);
	struct exchange *x = rig_conn()->x;
	ck_assert_int_eq(x->state, EXCHANGE_HEAD);
	ck_assert(exchange_has_begun(x));
	ck_assert_int_eq(rig.slab.header->requests_active, 0);
	rig_send(client, "ET / HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_got(origin = rig_accepted(0, 0), HEAD);
	ck_assert_int_eq(x->state, EXCHANGE_RELAY);
	ck_assert_int_eq(rig.slab.header->requests_active, 1);
	ck_assert_uint_eq(x->endpoint->active, 1);
	rig_answer(origin, client);
	rig_until(rig.proxy.spare_count == 1);
	ck_assert_ptr_eq(rig.proxy.spare, x);
	ck_assert_int_eq(x->state, EXCHANGE_DONE);
	ck_assert(!exchange_has_begun(x));
	ck_assert_int_eq(rig.slab.header->requests_active, 0);
	rig_close();
}
END_TEST

/* A move that is not in the table is a fault of ours, and ends the process. */
static bool may_move(struct exchange *x, enum exchange_state from, enum exchange_state to)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		x->state = from;
		exchange_enter(x, to);
		_exit(x->state == to ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == 0);
	return !WIFSIGNALED(status);
}

START_TEST(test_moves)
{
	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	/* In order, no step left out; an answer of our own from anywhere; and never back. */
	for (int s = EXCHANGE_HEAD; s < EXCHANGE_DONE; s++)
		ck_assert(may_move(x, (enum exchange_state)s, (enum exchange_state)(s + 1)));
	ck_assert(may_move(x, EXCHANGE_HEAD, EXCHANGE_RELAY));
	ck_assert(may_move(x, EXCHANGE_RELAY, EXCHANGE_PICK));
	ck_assert(!may_move(x, EXCHANGE_HEAD, EXCHANGE_PLUGIN));
	ck_assert(!may_move(x, EXCHANGE_RELAY, EXCHANGE_PLUGIN));
	ck_assert(!may_move(x, EXCHANGE_RELAY, EXCHANGE_DONE));
	ck_assert(!may_move(x, EXCHANGE_LOG, EXCHANGE_RELAY));
	ck_assert(!may_move(x, EXCHANGE_DONE, EXCHANGE_LOG));
	rig_answer(origin, client);
	rig_close();
}
END_TEST

/* The next request on it finds nothing of the last one. */
START_TEST(test_used_again)
{
	rig_open("'access_log': '@log', 'limits': {'body': '9'}, " RIG_RELAY);
	client = rig_connect();
	rig_send(client, RIG_ASK("POST", "/first?q") "X-A: 1\r\nContent-Length: 3\r\n\r\nabc");
	rig_got(origin = rig_accepted(0, 0), "POST /first?q HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"
					     "Content-Length: 3\r\n" RIG_ORIGIN "abc");
	const struct exchange *x = rig_conn()->x;
	rig_send(origin, "HTTP/1.1 404 No\r\nX-B: 2\r\nContent-Length: 2\r\n\r\nno");
	rig_got(client, "HTTP/1.1 404 No\r\nX-B: 2\r\nContent-Length: 2\r\n" RIG_VIA "no");
	rig_send(client, RIG_GET("/"));
	rig_got(origin, HEAD);
	ck_assert_ptr_eq(rig_conn()->x, x);
	rig_answer(origin, client);
	rig_send(client, RIG_ASK("PUT", "/{"));
	rig_send(client, "\r\n");
	rig_got(client, RIG_PROBLEM("400", "Bad Request", "", "bad_path", "Connection: close\r\n"));
	rig_like(rig_log_text(),
		 "{'time':'~','request_id':'~','client':'127.0.0.1','method':'POST','host':'h',"
		 "'path':'/first','route':'/*','plugin':'relay','service':'s','endpoint':'@0',"
		 "'status':404,'reason':'ok','bytes_in':3,'bytes_out':2,'duration_ms':~,"
		 "'upstream_ms':~}\n"
		 "{'time':'~','request_id':'~','client':'127.0.0.1','method':'GET','host':'h',"
		 "'path':'/','route':'/*','plugin':'relay','service':'s','endpoint':'@0',"
		 "'status':204,'reason':'ok','bytes_in':0,'bytes_out':0,'duration_ms':~,"
		 "'upstream_ms':~}\n"
		 "{'time':'~','request_id':'~','client':'127.0.0.1','method':'PUT','host':'h',"
		 "'path':'/{','status':400,'reason':'bad_path','why':'~','bytes_in':0,"
		 "'bytes_out':~,'duration_ms':~}\n");
	rig_close();
}
END_TEST

START_TEST(test_ids)
{
	char before[33] = "";

	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	for (int i = 0; i < 100; i++) {
		exchange_make_id(x);
		ck_assert_uint_eq(exchange_id(x).n, 32);
		ck_assert_uint_eq(strspn(x->request_id, "0123456789abcdef"), 32);
		ck_assert_uint_eq(strlen(x->request_id), 32);
		ck_assert_str_ne(x->request_id, before);
		memcpy(before, x->request_id, sizeof(before));
	}
	rig_answer(origin, client);
	rig_close();
}
END_TEST

START_TEST(test_counts)
{
	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	x->started_ns -= 3000000; /* so that it took some time */
	rig_send(origin, "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhello");
	rig_got(client, "HTTP/1.1 500 No\r\nContent-Length: 5\r\n" RIG_VIA "hello");
	const struct slab_route *route = &rig.slab.routes[0];
	ck_assert_uint_eq(route->requests[5], 1);
	ck_assert_uint_eq(route->bytes_out, 5);
	ck_assert_uint_ge(route->duration.sum_us, 3000);
	ck_assert_uint_eq(rig_ends(END_OK), 1);
	ck_assert_uint_eq(rig.slab.header->requests, 1);
	rig_close();
}
END_TEST

/* An answer of ours while nothing was sent; afterwards only a cut, which the client can see. */
START_TEST(test_fail)
{
	rig_open(RIG_RELAY);
	exchange_fail(asked(), END_REQUEST_DEADLINE, "so");
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "request_deadline", ""));
	rig_was_reset(origin);
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	rig_close();

	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	rig_send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" RIG_VIA "he");
	exchange_fail(x, END_INTERNAL, "so");
	ck_assert_int_eq(x->state, EXCHANGE_DONE);
	exchange_fail(x, END_BAD_REQUEST, "too late");
	rig_ended(client);
	ck_assert_uint_eq(rig_ends(END_INTERNAL), 1);
	ck_assert_uint_eq(rig_ends(END_BAD_REQUEST), 0);
	rig_close();
}
END_TEST

START_TEST(test_drop)
{
	rig_open(RIG_RELAY);
	exchange_drop(asked(), END_PLUGIN_DROPPED);
	rig_ended(client);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_PLUGIN_DROPPED), 1);
	ck_assert_uint_eq(rig.slab.routes[0].requests[0], 1);
	rig_close();
}
END_TEST

/* The total time rules over every other: the deadline is never later than what is left. */
START_TEST(test_wait)
{
	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	uint64_t now = uv_now(&rig.loop);
	exchange_wait(x, WAIT_RESPONSE, 5000);
	ck_assert_uint_eq(x->deadline.at_ms, now + 5000);
	x->total_at_ms = now + 1000;
	exchange_wait(x, WAIT_RESPONSE, 5000);
	ck_assert_int_eq(x->wait, WAIT_TOTAL);
	ck_assert_uint_eq(x->deadline.at_ms, now + 1000);
	exchange_wait(x, WAIT_RESPONSE, 500);
	ck_assert_int_eq(x->wait, WAIT_RESPONSE);
	exchange_wait(x, WAIT_NONE, 0);
	ck_assert_int_eq(x->wait, WAIT_TOTAL);
	x->total_at_ms = 0;
	exchange_wait(x, WAIT_NONE, 0);
	ck_assert_int_eq(x->wait, WAIT_NONE);
	ck_assert_uint_eq(x->deadline.at_ms, UINT64_MAX);
	rig_answer(origin, client);
	rig_close();
}
END_TEST

/* Bytes are kept up to a bound; what plugins may hold slices of stays where it was. */
START_TEST(test_room)
{
	static char bytes[256 * 1024];
	size_t room;

	rig_open(RIG_RELAY);
	struct exchange *x = asked();
	const char *path = x->path.p;
	while (exchange_in_append(x, bytes, 1000) == 0)
		ck_assert_uint_lt(x->in_end, sizeof(bytes));
	ck_assert_uint_ge(x->in_end, RBUF_SIZE);
	ck_assert_ptr_nonnull(x->in_old);
	ck_assert_ptr_ne(x->path.p, path);
	ck_assert_mem_eq(path, "/", 1);
	ck_assert_mem_eq(x->path.p, "/", 1);
	exchange_in_append(x, bytes, x->in_cap - x->in_end);
	ck_assert_ptr_null(exchange_in_room(x, &room));
	ck_assert_uint_eq(room, 0);
	x->in_end = x->in_pos;
	rig_answer(origin, client);
	rig_close();
}
END_TEST

/* Spare ones are kept for later, those that have grown large are not. */
START_TEST(test_spare)
{
	struct exchange *x[EXCHANGE_SPARE_MAX + 1];

	rig_open(RIG_RELAY);
	for (int i = 0; i <= EXCHANGE_SPARE_MAX; i++)
		ck_assert_ptr_nonnull(x[i] = exchange_take(&rig.proxy, NULL));
	for (int i = 0; i <= EXCHANGE_SPARE_MAX; i++)
		exchange_give_back(x[i]);
	ck_assert_uint_eq(rig.proxy.spare_count, EXCHANGE_SPARE_MAX);
	x[0] = exchange_take(&rig.proxy, NULL);
	ck_assert_uint_eq(rig.proxy.spare_count, EXCHANGE_SPARE_MAX - 1);
	ck_assert_int_eq(exchange_in_append(x[0], "x", 1), 0);
	x[0]->in_end = x[0]->in_cap;
	while (x[0]->in_cap <= 16 * 1024) {
		size_t room;
		ck_assert_ptr_nonnull(exchange_in_room(x[0], &room));
		x[0]->in_end = x[0]->in_cap;
	}
	exchange_give_back(x[0]);
	ck_assert_uint_eq(rig.proxy.spare_count, EXCHANGE_SPARE_MAX - 1);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("exchange", test_states, test_moves, test_used_again, test_ids, test_counts,
		     test_fail, test_drop, test_wait, test_room, test_spare);
}
