/* SPDX-License-Identifier: Apache-2.0 */
/* cli/live.c: what is printed of a running gateway's word. */
#include "cli/live.h"

#include "gateway.h"
#include "peer.h"

/* An answer with ' for ", and what /status says of a service. */
static char quoted[4096];

static const char *const web =
	"{'name': 'web', 'source': 'consul', 'state': 'live', 'restored': false, 'index': 77,"
	" 'age_ms': 1500, 'note': 'holding 1',"
	" 'limits': {'requests': 3, 'requests_max': 40, 'connections': 4,"
	"  'connections_max': null, 'pending': 0, 'pending_max': 100},"
	" 'breaker': {'state': 'open', 'why': '6 of 10 requests failed'},"
	" 'endpoints': [{'id': 'n/a', 'address': '10.0.0.1', 'port': 80, 'weight': 2,"
	"  'zone': 'eu', 'usable': true, 'why': 'passing', 'check': 'passing',"
	"  'since': 1767225600000, 'checks': [{'id': 'c1', 'name': 'http', 'status': 'passing',"
	"   'output': '200\\u001b[1m\\u0085OK'}]},"
	"  {'id': 'n/b', 'address': '::1', 'port': 81, 'weight': 1, 'usable': false,"
	"  'why': 'critical: x', 'check': 'off', 'since': 0}]}";

static const char *services(const char *list)
{
	snprintf(quoted, sizeof(quoted), "{'services': [%s], 'registry_routes': {}}", list);
	return quoted;
}

/* The command, to somebody who answers so. */
#define ask(body, ...) (begin(body), end(cli(__VA_ARGS__)))
#define ADMIN          "--admin", peer_address("127.0.0.1")

static void begin(const char *body)
{
	char text[sizeof(quoted)];

	snprintf(text, sizeof(text), "%s", body);
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", text);
}

static int end(int status)
{
	ck_assert_int_eq(strncmp(peer_end(), "GET /status HTTP/1.1\r\n", 22), 0);
	return status;
}

START_TEST(test_service)
{
	ck_assert_int_eq(ask(services(web), "explain", "--live", "web", ADMIN), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(cli_out.text,
			 "service   web\n"
			 "state     live\n"
			 "source    consul, index 77, confirmed 1.5 s ago\n"
			 "note      holding 1\n"
			 "limits    requests 3 of 40, connections 4, waiting 0 of 100\n"
			 "breaker   open: 6 of 10 requests failed\n"
			 "instances 2\n"
			 "  in  n/a  10.0.0.1:80, weight 2, zone eu\n"
			 "            since 2026-01-01T00:00:00Z: passing\n"
			 "            check c1 (http): passing: 200?[1m?OK\n"
			 "            check by the gateway: passing\n"
			 "  out n/b  [::1]:81, weight 1\n"
			 "            since : critical: x\n");
}
END_TEST

START_TEST(test_json)
{
	ck_assert_int_eq(ask(services(web), "explain", "--json", "--live", "web", ADMIN), CLI_OK);
	json_t *report = cli_json();
	ck_assert_str_eq(json_text(report, "name"), "web");
	json_decref(report);
}
END_TEST

START_TEST(test_unknown)
{
	ck_assert_int_eq(ask(services(web), "explain", "--live", "wep", ADMIN), CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse explain: the gateway follows no service \"wep\" "
				       "(did you mean \"web\"?)\n");
	ck_assert_int_eq(ask(services(""), "explain", "--live", "web", ADMIN), CLI_FAILED);
	ck_contains(cli_err.text, "a service is followed when a route's plugin names it");
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

/* A problem of the admin listener itself (RFC 9457), and another program. */
START_TEST(test_no_status)
{
	ck_assert_int_eq(ask("{'status': 403, 'detail': 'not from here'}", "explain", "--live",
			     "web", ADMIN),
			 CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse explain: not from here\n");
	ck_assert_int_eq(ask("{}", "routes", "--json", "--live", ADMIN), CLI_FAILED);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse routes: what answers there is not a gateway of this "
			 "version\n");
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_operands)
{
	ck_assert_int_eq(cli("explain", "--live", "a", "b"), CLI_USAGE);
	ck_contains(cli_err.text, "--live takes one operand");
	ck_assert_int_eq(cli("explain", "GET"), CLI_USAGE);
	ck_contains(cli_err.text, "METHOD URL [HEADER...]: missing");
	ck_assert_int_eq(cli("explain", "--live"), CLI_USAGE);
	ck_assert_int_eq(cli("explain", "--live", "web", "-c", gateway_write("")), CLI_FAILED);
	ck_contains(cli_err.text, "gatehouse explain: no gateway answers at unix:/tmp/");
}
END_TEST

START_TEST(test_routes)
{
	ck_assert_int_eq(ask("{'services': [], 'registry_routes': {'on': true, 'routes': ["
			     "{'service': 'web', 'path': '/a', 'state': 'served'},"
			     "{'service': 'x', 'host': 'h', 'path': '/b', 'state': 'refused',"
			     " 'why': 'taken'}]}}",
			     "routes", "--live", ADMIN),
			 CLI_OK);
	ck_assert_str_eq(cli_out.text, "HOST  PATH  SERVICE  STATE    WHY\n"
				       "*     /a    web      served   -\n"
				       "h     /b    x        refused  taken\n");
	ck_assert_int_eq(ask("{'services': [], 'registry_routes': {'on': false, 'routes': []}}",
			     "routes", "--live", ADMIN),
			 CLI_OK);
	ck_contains(cli_err.text, "services may ask for no routes");
}
END_TEST

int main(void)
{
	return SUITE("live", test_service, test_json, test_unknown, test_no_status, test_operands,
		     test_routes);
}
