/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hooks.c: which plugin is asked when, and what becomes of what it says. */
#include "proxy/hooks.h"

#include "proxy/host.h"
#include "proxy_rig.h"

/* Two filters "a" and "b", which leave a mark at every hook, in front of a handler that relays; b
 * has these options besides. */
#define ROUTE(options)                                                                             \
	"'access_log': '@log', 'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}, "    \
	"'t': {'endpoints': ['@1']}}, 'routes': [{'path': '/*', 'plugin': 'lab_info', 'config': "  \
	"{'service': 's'}, 'filters': [{'plugin': 'lab_trace', 'config': {'name': 'a'}}, "         \
	"{'plugin': 'lab_trace', 'config': {'name': 'b', " options "}}]}]"
#define FORWARDED                                                                                  \
	"GET / HTTP/1.1\r\nHost: h\r\n"                                                            \
	"X-Trace: a:request,b:request,a:upstream,b:upstream\r\n" RIG_ORIGIN
#define OK_200 "HTTP/1.1 200 OK\r\nX-S: 1\r\nContent-Length: 0\r\n\r\n"
/* b sees the answer first, and a what b has made of it. */
#define RELAYED(status, saw_a)                                                                     \
	"HTTP/1.1 " status "\r\nX-S: 1\r\nX-Saw-Status: 200\r\n"                                   \
	"X-Trace: b:response,a:response\r\nX-Saw-Status: " saw_a                                   \
	"\r\nContent-Length: 0\r\n" RIG_VIA
#define FAILED RIG_PROBLEM("500", "Internal Server Error", "", "plugin_failed", "")
/* An answer of b's passes a. */
#define REPLIED                                                                                    \
	"HTTP/1.1 200 OK\r\nX-Trace: a:response\r\nX-Saw-Status: 200\r\n"                          \
	"Content-Type: text/plain\r\nContent-Length: 8\r\nServer: gatehouse\r\nDate: ~\r\n\r\n"    \
	"replied\n"

static struct rig_peer *client, *origin;

static void asked(const char *options)
{
	rig_open(options);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
}

static void forwarded(const char *options)
{
	asked(options);
	rig_got(origin = rig_accepted(0, 0), FORWARDED);
}

/* How many ends lab_trace has seen; the first of its counters. */
static uint64_t ends(void)
{
	ck_assert_str_eq(rig.slab.plugin_metrics[0].name, "trace_ends");
	return rig.slab.plugin_metrics[0].value;
}

static void over(enum end_reason reason, uint64_t seen)
{
	ck_assert_uint_eq(rig_ends(reason), 1);
	ck_assert_uint_eq(ends(), seen);
	/* Nobody's code runs now. */
	ck_assert_uint_eq(rig.slab.header->running.plugin, 0);
	rig_close();
}

/* There and back, in this order and in the other. */
START_TEST(test_order)
{
	forwarded(ROUTE("'at': 'none'"));
	rig_send(origin, OK_200);
	rig_got(client, RELAYED("200 OK", "200"));
	over(END_OK, 2);
}
END_TEST

/* What a hook says of a request, and what the client gets; seen: how many see the end. */
static void request_says(const char *options, const char *answer, enum end_reason reason)
{
	asked(options);
	rig_got(client, answer);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	over(reason, 2);
}

START_TEST(test_on_request)
{
	request_says(ROUTE("'at': 'request', 'act': 'reply'"), REPLIED, END_OK);
	request_says(ROUTE("'at': 'request', 'act': 'fail'"), FAILED, END_PLUGIN_FAILED);
	request_says(ROUTE("'at': 'request', 'act': 'bogus'"), FAILED, END_PLUGIN_FAILED);
	/* Done, but nobody was chosen to answer. */
	request_says(ROUTE("'at': 'request', 'act': 'done'"), FAILED, END_PLUGIN_FAILED);
	/* A service that no option names. */
	request_says(ROUTE("'at': 'request', 'act': 'relay', 'other': 'u'"), FAILED,
		     END_PLUGIN_FAILED);
	asked(ROUTE("'at': 'request', 'act': 'drop'"));
	rig_ended(client);
	over(END_PLUGIN_DROPPED, 2);
}
END_TEST

START_TEST(test_goes_on_later)
{
	forwarded(ROUTE("'at': 'request', 'act': 'wait'"));
	rig_send(origin, OK_200);
	rig_got(client, RELAYED("200 OK", "200"));
	over(END_OK, 2);
}
END_TEST

/* Who relays ends the hooks of the request: those behind are not asked, then or later. */
START_TEST(test_done_skips_the_rest)
{
	asked(ROUTE("'at': 'request', 'act': 'relay', 'service': 't'"));
	rig_got(origin = rig_accepted(1, 0), FORWARDED);
	rig_send(origin, OK_200);
	rig_got(client, RELAYED("200 OK", "200"));
	ck_assert_ptr_nonnull(strstr(rig_log_text(), "\"service\":\"t\""));
	over(END_OK, 2);

	asked("'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': "
	      "[{'path': '/*', 'plugin': 'lab_trace', 'filters': [{'plugin': 'lab_trace', "
	      "'config': {'name': 'b', 'at': 'request', 'act': 'relay', 'service': 's'}}]}]");
	rig_got(origin = rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n"
					     "X-Trace: b:request,b:upstream\r\n" RIG_ORIGIN);
	rig_send(origin, OK_200);
	rig_got(client, "HTTP/1.1 200 OK\r\nX-S: 1\r\nX-Trace: b:response\r\n"
			"X-Saw-Status: 200\r\nContent-Length: 0\r\n" RIG_VIA);
	over(END_OK, 1);
}
END_TEST

/* All said that others should answer, and there are no others. */
START_TEST(test_nobody_answers)
{
	asked("'plugin_dir': '@lab', 'routes': [{'path': '/*', 'plugin': 'lab_trace'}]");
	rig_got(client, FAILED);
	over(END_PLUGIN_FAILED, 1);
}
END_TEST

/* A connection is there, and the request not yet sent on it. */
static void upstream_says(const char *options, const char *answer, enum end_reason reason)
{
	asked(options);
	rig_got(client, answer);
	rig_ended(rig_accepted(0, 0));
	over(reason, 2);
}

START_TEST(test_on_upstream)
{
	upstream_says(ROUTE("'at': 'upstream', 'act': 'reply'"), REPLIED, END_OK);
	upstream_says(ROUTE("'at': 'upstream', 'act': 'fail'"), FAILED, END_PLUGIN_FAILED);
	/* It is too late for another service. */
	upstream_says(ROUTE("'at': 'upstream', 'act': 'relay', 'service': 't'"), FAILED,
		      END_PLUGIN_FAILED);
	forwarded(ROUTE("'at': 'upstream', 'act': 'wait'"));
	rig_send(origin, OK_200);
	rig_got(client, RELAYED("200 OK", "200"));
	over(END_OK, 2);
}
END_TEST

/* What a service says while a plugin still waits is no answer to what it was not asked. */
START_TEST(test_service_speaks_first)
{
	asked(ROUTE("'at': 'upstream', 'act': 'hang'"));
	origin = rig_accepted(0, 0);
	rig_until(rig_conn()->x->waiting);
	rig_send(origin, OK_200);
	rig_got(client, RIG_PROBLEM("502", "Bad Gateway", "", "response_unrequested", ""));
	over(END_RESPONSE_UNREQUESTED, 2);
}
END_TEST

static void response_says(const char *options, const char *answer, enum end_reason reason)
{
	forwarded(options);
	rig_send(origin, OK_200);
	rig_got(client, answer);
	over(reason, 2);
}

START_TEST(test_on_response)
{
	response_says(ROUTE("'at': 'response', 'act': 'wait'"), RELAYED("200 OK", "200"), END_OK);
	response_says(ROUTE("'at': 'response', 'act': 'status', 'status': 404"),
		      RELAYED("404 ", "404"), END_OK);
	response_says(ROUTE("'at': 'response', 'act': 'fail'"), FAILED, END_PLUGIN_FAILED);
	/* Between a status with a body and one without there is no way. */
	response_says(ROUTE("'at': 'response', 'act': 'status', 'status': 204"), FAILED,
		      END_PLUGIN_FAILED);
	/* Instead of the service's answer; of its fields none is left, of b's own all are. */
	response_says(ROUTE("'at': 'response', 'act': 'reply'"),
		      "HTTP/1.1 200 OK\r\nX-Saw-Status: 200\r\nX-Trace: b:response,a:response\r\n"
		      "X-Saw-Status: 200\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n"
		      "Server: gatehouse\r\nDate: ~\r\n\r\nreplied\n",
		      END_OK);
	forwarded(ROUTE("'at': 'response', 'act': 'drop'"));
	rig_send(origin, OK_200);
	rig_ended(client);
	over(END_PLUGIN_DROPPED, 2);
}
END_TEST

#define POST RIG_ASK("POST", "/") "Content-Length: 1\r\n\r\na"

static void body_says(const char *options, const char *answer, enum end_reason reason)
{
	rig_open(options);
	client = rig_connect();
	rig_send(client, POST);
	if (answer)
		rig_got(client, answer);
	else
		rig_ended(client);
	over(reason, 2);
}

START_TEST(test_on_bodies)
{
	body_says(ROUTE("'at': 'request_body', 'act': 'fail'"), FAILED, END_PLUGIN_FAILED);
	body_says(ROUTE("'at': 'request_body', 'act': 'drop'"), NULL, END_PLUGIN_DROPPED);
	/* A hook of bodies cannot wait. */
	body_says(ROUTE("'at': 'request_body', 'act': 'hang'"), FAILED, END_PLUGIN_FAILED);
	/* Behind a head that has gone only a cut is left. */
	forwarded(ROUTE("'at': 'response_body', 'act': 'fail'"));
	rig_send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	rig_got(client, "HTTP/1.1 200 OK\r\nX-Saw-Status: 200\r\nX-Trace: b:response,a:response\r\n"
			"X-Saw-Status: 200\r\nTransfer-Encoding: chunked\r\n" RIG_VIA);
	rig_send(origin, "ab");
	rig_ended(client);
	over(END_PLUGIN_FAILED, 2);
}
END_TEST

/* The end of a request that waits is told to all that were asked, and nothing wakes it again. */
START_TEST(test_client_leaves)
{
	asked(ROUTE("'at': 'request', 'act': 'wait'"));
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	struct exchange *x = rig_conn()->x;
	ck_assert_uint_eq(x->timer_count, 1);
	ck_assert_str_eq(x->use->state, "state-of-b");
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	ck_assert_uint_eq(x->timer_count, 0);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	over(END_CLIENT_GONE, 2);
}
END_TEST

/* Waked in the very turn in which the client leaves: the request is over, and that is all. */
START_TEST(test_resumed_too_late)
{
	asked(ROUTE("'at': 'request', 'act': 'hang'"));
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	struct exchange *x = rig_conn()->x;
	host_table(&rig.proxy)->resume(exchange_request(x), GH_NEXT);
	ck_assert(list_linked(&x->later));
	exchange_drop(x, END_CLIENT_GONE);
	ck_assert(!list_linked(&x->later));
	rig_ended(client);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	over(END_CLIENT_GONE, 2);
}
END_TEST

int main(void)
{
	return SUITE("hooks", test_order, test_on_request, test_goes_on_later,
		     test_done_skips_the_rest, test_nobody_answers, test_on_upstream,
		     test_service_speaks_first, test_on_response, test_on_bodies,
		     test_client_leaves, test_resumed_too_late);
}
