/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/admit.c: requests and the breaker of their service, to the byte. */
#include "proxy/admit.h"

#include "metrics/crowd.h"
#include "proxy_rig.h"
#include "upstream/trial.h"

#define HEAD(path) "GET " path " HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN
#define REFUSED(after)                                                                             \
	RIG_PROBLEM("503", "Service Unavailable", "Retry-After: " after "\r\n", "breaker_open", "")
#define TO(members)                                                                                \
	"'plugin_dir': '@plugins', 'services': {'s': {" members "'endpoints': ['@0']}, "           \
	"'t': {'endpoints': ['@1']}}, "                                                            \
	"'routes': [{'path': '/*', 'plugin': 'relay', 'config': {'service': 's'}}]"

static struct crowd_rule rule;
static struct crowd_cell cell;
static struct rig_peer *client;

static void open_rig(const char *members)
{
	struct service *s;

	rig_open(members);
	rule = (struct crowd_rule){ .trials = 1 };
	cell = (struct crowd_cell){ 0 };
	s = rig_service("s");
	ck_assert_ptr_null(s->trial);
	s->trial = calloc(1, sizeof(*s->trial));
	*s->trial = (struct trial){ &rule, &cell };
	client = rig_connect();
}

/* What the control process would say, for so long from now. */
static void say(enum crowd_breaker state, uint64_t ms, uint32_t left)
{
	rule.until_ms = uv_now(rig.proxy.loop) + ms;
	rule.tickets = crowd_tickets(1, left);
	rule.breaker = state;
}

START_TEST(test_open)
{
	open_rig(TO(""));
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_answer(rig_accepted(0, 0), client);
	say(CROWD_OPEN, 3600 * 1000, 0);
	rig_send(client, RIG_GET("/1"));
	rig_got(client, REFUSED("3600"));
	ck_assert_uint_eq(rig_service("s")->metrics->broken, 1);
	ck_assert_uint_eq(rig_ends(END_BREAKER_OPEN), 1);
	rig_close();
}
END_TEST

START_TEST(test_trial)
{
	struct rig_peer *other;

	open_rig(TO(""));
	say(CROWD_HALF_OPEN, 3600 * 1000, 1);
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	other = rig_connect();
	rig_send(other, RIG_GET("/1"));
	rig_got(other, REFUSED("1"));
	rig_answer(rig_accepted(0, 0), client);
	ck_assert_uint_eq(cell.trial_ok, 1);
	ck_assert_uint_eq(cell.trial_failed, 0);
	/* One that fails is not tried again. */
	say(CROWD_HALF_OPEN, 3600 * 1000, 1);
	rig_send(client, RIG_GET("/2"));
	rig_got(rig_accepted(0, 0), HEAD("/2"));
	rig_send(rig_accepted(0, 0), "HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n");
	rig_until(cell.trial_failed == 1);
	ck_assert_uint_eq(crowd_tickets_left(rule.tickets), 0);
	rig_close();
}
END_TEST

/* A trial whose client leaves has shown nothing: another may be made. */
START_TEST(test_client_leaves)
{
	open_rig(TO(""));
	say(CROWD_HALF_OPEN, 3600 * 1000, 1);
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	ck_assert_uint_eq(crowd_tickets_left(rule.tickets), 0);
	rig_reset(client);
	rig_until(crowd_tickets_left(rule.tickets) == 1);
	ck_assert_uint_eq(cell.trial_failed, 0);
	rig_close();
}
END_TEST

START_TEST(test_no_further_try)
{
	open_rig(TO(""));
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	say(CROWD_OPEN, 3600 * 1000, 0);
	rig_end(rig_accepted(0, 0));
	rig_got(client, RIG_PROBLEM("502", "Bad Gateway", "", "upstream_closed", ""));
	ck_assert_uint_eq(rig.origins[0].count, 1);
	ck_assert_uint_eq(rig_service("s")->metrics->retries, 0);
	rig_close();
}
END_TEST

START_TEST(test_failover)
{
	open_rig(TO("'failover': 't', "));
	say(CROWD_OPEN, 3600 * 1000, 0);
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(1, 0), HEAD("/0"));
	rig_answer(rig_accepted(1, 0), client);
	ck_assert_uint_eq(rig_service("s")->metrics->failovers, 1);
	ck_assert_uint_eq(rig_service("s")->metrics->broken, 0);
	rig_close();
}
END_TEST

/* Those that wait for their turn when it opens are told at once; who is in hand goes on. */
START_TEST(test_queue)
{
	struct rig_peer *second, *third;

	open_rig(TO("'limits': {'requests': 1, 'queue_timeout': '1h'}, "));
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	second = rig_connect();
	rig_send(second, RIG_GET("/1"));
	rig_until(rig_service("s")->metrics->pending == 1);
	third = rig_connect();
	rig_send(third, RIG_GET("/2"));
	rig_until(rig_service("s")->metrics->pending == 2);
	say(CROWD_OPEN, 3600 * 1000, 0);
	rig_got(second, REFUSED("3600"));
	rig_got(third, REFUSED("3600"));
	ck_assert_int_eq(rig_service("s")->metrics->pending, 0);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("admit", test_open, test_trial, test_client_leaves, test_no_further_try,
		     test_failover, test_queue);
}
