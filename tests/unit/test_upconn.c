/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/upconn.c: connections to an endpoint, as whoever borrows one sees them. */
#include "upstream/upconn.h"

#include <sys/socket.h>

#include "proxy_rig.h"

/* What a borrower has heard. */
static struct heard {
	bool connected, ended, sent, readable;
	int status; /* of the last of these */
	struct buf data;
} heard;

static bool splices;
static struct endpoint *endpoint;
static struct rig_peer *origin;
static unsigned count; /* of connections that were opened */

static void on_connect(void *owner, int status)
{
	struct heard *h = owner;
	h->connected = true;
	h->status = status;
}

static void on_data(void *owner, char *p, size_t n)
{
	struct heard *h = owner;
	buf_append(&h->data, p, n);
}

static void on_end(void *owner, int status)
{
	struct heard *h = owner;
	h->ended = true;
	h->status = status;
}

static void on_sent(void *owner, int status)
{
	struct heard *h = owner;
	h->sent = true;
	h->status = status;
}

static bool wants_splice(void *owner)
{
	(void)owner;
	return splices;
}

static void on_readable(void *owner)
{
	struct heard *h = owner;
	h->readable = true;
}

static const struct upconn_events events = { .on_connect = on_connect,
					     .on_data = on_data,
					     .on_end = on_end,
					     .on_sent = on_sent,
					     .wants_splice = wants_splice,
					     .on_readable = on_readable };

static void begin(const char *members)
{
	rig_open(members);
	endpoint = rig_service("s")->endpoints[0];
	heard = (struct heard){ 0 };
	splices = false;
}

static void end(void)
{
	buf_fini(&heard.data);
	rig_close();
}

static void data(const char *expected)
{
	rig_until(heard.data.n >= strlen(expected));
	ck_assert(str_eq(buf_str(&heard.data), str_from(expected)));
	buf_clear(&heard.data);
}

static void say(struct upconn *uc, const char *text)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
	ck_assert_int_eq(upconn_send(uc, &buf, 1), 1);
}

static struct upconn *opened(void)
{
	int status = -1;
	struct upconn *uc = upconn_open(&rig.proxy.upstream, endpoint, &events, &heard, &status);

	ck_assert_ptr_nonnull(uc);
	ck_assert(!heard.connected);
	rig_until(heard.connected);
	ck_assert_int_eq(heard.status, 0);
	heard.connected = false;
	origin = rig_accepted(0, count++);
	return uc;
}

static struct upconn *taken(void)
{
	struct upconn *uc = upconn_take(endpoint, &events, &heard);

	ck_assert_ptr_nonnull(uc);
	ck_assert(uc->reused);
	return uc;
}

START_TEST(test_bytes_and_end)
{
	begin(RIG_RELAY);
	const struct slab_service *m = rig_service("s")->metrics;
	unsigned refs = endpoint->refs;
	struct upconn *uc = opened();
	ck_assert(!uc->reused);
	ck_assert_uint_eq(endpoint->refs, refs + 1);
	ck_assert_int_eq(m->connections, 1);
	ck_assert_uint_eq(m->connects, 1);
	say(uc, "to there");
	rig_got(origin, "to there");
	rig_send(origin, "and back");
	data("and back");
	/* Paused, nothing is heard; what came meanwhile is not lost. */
	upconn_pause(uc);
	upconn_pause(uc);
	rig_send(origin, "later");
	rig_turns(5);
	ck_assert_uint_eq(heard.data.n, 0);
	upconn_resume(uc);
	upconn_resume(uc);
	data("later");
	upconn_shutdown(uc);
	rig_ended(origin);
	rig_send(origin, "the last");
	rig_end(origin);
	data("the last");
	rig_until(heard.ended);
	ck_assert_int_eq(heard.status, UV_EOF);
	upconn_close(&uc, false);
	ck_assert_ptr_null(uc);
	upconn_close(&uc, false);
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert_int_eq(m->connections, 0);
	ck_assert_uint_eq(endpoint->refs, refs);
	end();
}
END_TEST

START_TEST(test_refused)
{
	int status = 0;

	begin(RIG_TO("'@none'"));
	struct upconn *uc = upconn_open(&rig.proxy.upstream, endpoint, &events, &heard, &status);
	if (uc) {
		rig_until(heard.connected);
		status = heard.status;
		upconn_close(&uc, true);
	}
	ck_assert_int_eq(status, UV_ECONNREFUSED);
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert_int_eq(rig_service("s")->metrics->connections, 0);
	end();
}
END_TEST

/* Closed while it connects, it tells nobody. */
START_TEST(test_closed_early)
{
	int status = -1;

	begin(RIG_RELAY);
	struct upconn *uc = upconn_open(&rig.proxy.upstream, endpoint, &events, &heard, &status);
	upconn_close(&uc, true);
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert(!heard.connected && !heard.ended);
	end();
}
END_TEST

/* An end that was a reset is told as one. */
START_TEST(test_ends_apart)
{
	begin(RIG_RELAY);
	struct upconn *uc = opened();
	rig_send(origin, "cut");
	rig_reset(origin);
	rig_until(heard.ended);
	ck_assert_int_eq(heard.status, UV_ECONNRESET);
	upconn_close(&uc, false);
	/* And so is ours. */
	uc = opened();
	upconn_close(&uc, true);
	rig_was_reset(origin);
	uc = opened();
	upconn_close(&uc, false);
	rig_ended(origin);
	end();
}
END_TEST

START_TEST(test_kept)
{
	begin(RIG_RELAY);
	const struct slab_service *m = rig_service("s")->metrics;
	ck_assert_ptr_null(upconn_take(endpoint, &events, &heard));
	struct upconn *first = opened(), *one = first, *second = opened(), *two = second;
	upconn_release(&first);
	upconn_release(&second);
	ck_assert_ptr_null(first);
	ck_assert_ptr_null(second);
	ck_assert_uint_eq(endpoint->idle_count, 2);
	ck_assert_int_eq(m->idle, 2);
	/* The one used last is the next. */
	second = taken();
	ck_assert_ptr_eq(second, two);
	first = taken();
	ck_assert_ptr_eq(first, one);
	ck_assert_ptr_null(upconn_take(endpoint, &events, &heard));
	ck_assert_uint_eq(m->reused, 2);
	ck_assert_int_eq(m->idle, 0);
	ck_assert_uint_eq(endpoint->idle_count, 0);
	say(first, "again");
	rig_got(rig_accepted(0, 0), "again");
	upconn_release(&first);
	upconn_close(&second, false);
	upconn_close_idle(endpoint);
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert_int_eq(m->idle, 0);
	end();
}
END_TEST

START_TEST(test_pool_is_full)
{
	begin("'limits': {'pool': 1}, " RIG_RELAY);
	struct upconn *first = opened(), *second = opened();
	upconn_release(&first);
	upconn_release(&second);
	ck_assert_ptr_null(second);
	rig_ended(rig_accepted(0, 1));
	ck_assert_uint_eq(endpoint->idle_count, 1);
	end();
}
END_TEST

/* Of an endpoint that discovery has dropped nothing is kept, nor lent. */
START_TEST(test_dropped_endpoint)
{
	begin(RIG_RELAY);
	struct upconn *idle = opened(), *used = opened();
	upconn_release(&idle);
	endpoint_ref(endpoint);
	rig_endpoints("s", "empty", "[]");
	rig_ended(rig_accepted(0, 0));
	ck_assert_ptr_null(upconn_take(endpoint, &events, &heard));
	rig_send(rig_accepted(0, 1), "to the end");
	data("to the end");
	upconn_release(&used);
	rig_ended(rig_accepted(0, 1));
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert_uint_eq(endpoint->refs, 1);
	endpoint_unref(endpoint);
	end();
}
END_TEST

START_TEST(test_age)
{
	begin("'defaults': {'timeout': {'upstream_idle': '50ms'}}, " RIG_RELAY);
	struct upconn *uc = opened();
	upconn_release(&uc);
	rig_ended(origin);
	ck_assert_uint_eq(endpoint->idle_count, 0);
	/* In use it has no age. */
	uc = opened();
	upconn_release(&uc);
	uc = taken();
	uint64_t from = uv_now(&rig.loop);
	rig_until(uv_now(&rig.loop) > from + 250);
	ck_assert(!origin->ended);
	upconn_close(&uc, false);
	end();
}
END_TEST

/* A kept connection that ends, or speaks, is kept no longer; its last borrower hears nothing. */
START_TEST(test_idle_closes)
{
	begin(RIG_RELAY);
	struct upconn *uc = opened();
	upconn_release(&uc);
	rig_end(origin);
	rig_until(endpoint->idle_count == 0 && rig.proxy.upstream.open == 0);
	uc = opened();
	upconn_release(&uc);
	rig_send(origin, "HTTP/1.1 200 OK\r\n\r\n");
	rig_until(endpoint->idle_count == 0 && rig.proxy.upstream.open == 0);
	ck_assert(!heard.ended);
	ck_assert_uint_eq(heard.data.n, 0);
	end();
}
END_TEST

/* One system call tells what the loop has not told yet. */
START_TEST(test_looks)
{
	begin(RIG_RELAY);
	struct upconn *uc = opened();
	ck_assert(upconn_is_quiet(uc));
	ck_assert(!upconn_has_spoken(uc));
	upconn_pause(uc);
	rig_send(origin, "x");
	rig_until(origin->writes == 0);
	ck_assert(!upconn_is_quiet(uc));
	ck_assert(upconn_has_spoken(uc));
	upconn_resume(uc);
	data("x");
	upconn_pause(uc);
	rig_end(origin);
	rig_until(!upconn_is_quiet(uc));
	ck_assert(!upconn_has_spoken(uc));
	upconn_close(&uc, false);
	end();
}
END_TEST

static void on_turn(uv_async_t *async)
{
	struct upconn **uc = async->data;

	*uc = taken();
	ck_assert(upconn_can_tell(*uc));
	upconn_asks(*uc);
	say(*uc, "a question");
	uv_close((uv_handle_t *)async, NULL);
}

/* Bytes that the loop brings in the turn of the question were there before it. */
START_TEST(test_unasked)
{
	struct upconn *uc;
	uv_async_t async = { .data = &uc };

	begin(RIG_RELAY);
	uc = opened();
	upconn_release(&uc);
	uv_async_init(&rig.loop, &async, on_turn);
	rig_turns(1);
	uv_async_send(&async);
	rig_send(origin, "no answer");
	rig_until(heard.ended);
	ck_assert_int_eq(heard.status, UPCONN_UNASKED);
	ck_assert_uint_eq(heard.data.n, 0);
	rig_got(origin, "a question");
	upconn_close(&uc, true);
	/* An answer in a later turn is one, and on a new connection nothing is suspected. */
	heard.ended = false;
	uc = opened();
	upconn_asks(uc);
	ck_assert_uint_eq(uc->asked_turn, 0);
	upconn_release(&uc);
	uc = taken();
	upconn_asks(uc);
	rig_turns(1);
	rig_send(origin, "an answer");
	data("an answer");
	ck_assert(!heard.ended);
	/* Of a turn with very many events nothing is known. */
	rig.proxy.upstream.heard = 100000;
	ck_assert(!upconn_can_tell(uc));
	upconn_close(&uc, false);
	end();
}
END_TEST

/* An owner that takes the bytes itself is told of them, and they are left where they are. */
START_TEST(test_splice)
{
	char got[16];

	begin(RIG_RELAY);
	struct upconn *uc = opened();
	splices = true;
	rig_send(origin, "raw");
	rig_until(heard.readable);
	ck_assert_uint_eq(heard.data.n, 0);
	ck_assert_int_eq(recv(upconn_fd(uc), got, sizeof(got), MSG_DONTWAIT), 3);
	splices = false;
	rig_send(origin, "read");
	data("read");
	upconn_close(&uc, false);
	end();
}
END_TEST

/* What is not taken at once is held, and told of when it is; meanwhile it cannot be kept. */
START_TEST(test_held)
{
	enum { MUCH = 16 * 1024 * 1024 };

	begin(RIG_RELAY);
	struct upconn *uc = opened();
	char *bytes = calloc(1, MUCH);
	uv_buf_t buf = uv_buf_init(bytes, MUCH);
	rig_pause(origin);
	ck_assert_int_eq(upconn_send(uc, &buf, 1), 0);
	free(bytes);
	rig_turns(3);
	ck_assert(!heard.sent);
	rig_resume(origin);
	rig_until(heard.sent);
	ck_assert_int_eq(heard.status, 0);
	rig_until(origin->got.n == MUCH);
	buf_clear(&origin->got);
	upconn_release(&uc);
	ck_assert_uint_eq(endpoint->idle_count, 1);
	/* Nor is one that is closed while it holds bytes: nobody hears of them. */
	heard.sent = false;
	uc = taken();
	bytes = calloc(1, MUCH);
	buf = uv_buf_init(bytes, MUCH);
	rig_pause(origin);
	ck_assert_int_eq(upconn_send(uc, &buf, 1), 0);
	free(bytes);
	upconn_release(&uc);
	ck_assert_uint_eq(endpoint->idle_count, 0);
	rig_until(rig.proxy.upstream.open == 0);
	ck_assert(!heard.sent);
	end();
}
END_TEST

int main(void)
{
	return SUITE("upconn", test_bytes_and_end, test_refused, test_closed_early, test_ends_apart,
		     test_kept, test_pool_is_full, test_dropped_endpoint, test_age,
		     test_idle_closes, test_looks, test_unasked, test_splice, test_held);
}
