/* SPDX-License-Identifier: Apache-2.0 */
/* cli/explain.c: which route a request takes, with the place in the file and why not another. */
#include "cli.h"

static const char text[] =
	"{\n"
	"  \"listen\": [\":1\"],\n"
	"  \"plugin_dir\": \"%s\",\n"
	"  \"services\": {\"own\": {\"endpoints\": [\"127.0.0.1:9000\", \"127.0.0.1:9001\"]},\n"
	"               \"named\": {\"consul_name\": \"other-name\"}},\n"
	"  \"routes\": [\n"
	"    {\"path\": \"/items/{id}\", \"methods\": [\"GET\", \"PUT\"],\n"
	"     \"plugin\": \"lab_info\", \"config\": {\"service\": \"own\"},\n"
	"     \"filters\": [{\"plugin\": \"lab_trace\"}]},\n"
	"    {\"path\": \"/items/{id}\", \"methods\": [\"GET\"], \"headers\": {\"X-V\": \"2\"},\n"
	"     \"plugin\": \"lab_info\", \"config\": {\"service\": \"consuls\"}},\n"
	"    {\"path\": \"/*\", \"host\": \"*.example.com\", \"plugin\": \"lab_info\"},\n"
	"    {\"path\": \"/n\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"named\"}}\n"
	"  ]\n"
	"}\n";

static const char *file(void)
{
	char all[PATH_MAX + sizeof(text)];

	snprintf(all, sizeof(all), text, scratch_plugins_built());
	return scratch_write("gateway.json", all);
}

#define explain(...) cli("explain", "-c", file(), __VA_ARGS__)

/* The pointer of the route that these words come to, "" for none. */
#define route(...)                                                                                 \
	route_of((const char *const[]){ "gatehouse", "explain", "--json", "-c", file(),            \
					__VA_ARGS__, NULL })

static const char *route_of(const char *const *words)
{
	static char out[64];
	int status = cli_words(words);

	ck_assert_str_eq(cli_err.text, "");
	json_t *report = cli_json();
	snprintf(out, sizeof(out), "%s", json_text(report, "route"));
	ck_assert_int_eq(status, out[0] ? CLI_OK : CLI_FAILED);
	json_decref(report);
	return out;
}

START_TEST(test_text_of_a_route)
{
	char place[600];

	ck_assert_int_eq(explain("GET", "/items/7?x=1"), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_contains(cli_out.text, "request   GET /items/7\n");
	snprintf(place, sizeof(place), "route     /items/{id}  (/routes/0, %s:7:5)\n", file());
	ck_contains(cli_out.text, place);
	ck_contains(cli_out.text, "\nwhy       ");
	ck_contains(cli_out.text, "\nparams    id = 7\n");
	ck_contains(cli_out.text, "\nplugins   lab_trace, then lab_info\n");
	ck_contains(cli_out.text, "\nservice   own (endpoints: 127.0.0.1:9000, 127.0.0.1:9001)\n");
	/* Each of the others, with a reason. */
	ck_contains(cli_out.text, "\nnot       /items/{id}: ");
	ck_contains(cli_out.text, "\n          *.example.com/*: ");
	ck_contains(cli_out.text, "\n          /n: ");
}
END_TEST

START_TEST(test_services_in_dns)
{
	static const char dns[] =
		"{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"services\": {\"srv\": {\"dns\": "
		"{\"name\": \"_a._tcp.b\"}}, \"a\": {\"dns\": {\"name\": \"a.b\", \"port\": 80}}},"
		" \"routes\": [{\"path\": \"/srv\", \"plugin\": \"lab_info\", \"config\": "
		"{\"service\": \"srv\"}}, {\"path\": \"/a\", \"plugin\": \"lab_info\", \"config\": "
		"{\"service\": \"a\"}}]}";
	char all[PATH_MAX + sizeof(dns)];
	const char *path;

	snprintf(all, sizeof(all), dns, scratch_plugins_built());
	path = scratch_write("dns.json", all);
	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/srv"), CLI_OK);
	ck_contains(cli_out.text, "\nservice   srv (DNS: _a._tcp.b)\n");
	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/a"), CLI_OK);
	ck_contains(cli_out.text, "\nservice   a (DNS: a.b, port 80)\n");
}
END_TEST

START_TEST(test_services)
{
	ck_assert_int_eq(explain("GET", "/items/7", "X-V: 2"), CLI_OK);
	ck_contains(cli_out.text, "\nservice   consuls (Consul: consuls)\n");
	ck_assert_int_eq(explain("GET", "/n"), CLI_OK);
	ck_contains(cli_out.text, "\nservice   named (Consul: other-name)\n");
	ck_assert_int_eq(explain("GET", "http://a.example.com/x"), CLI_OK);
	ck_assert_ptr_null(strstr(cli_out.text, "\nservice "));
}
END_TEST

START_TEST(test_no_route)
{
	ck_assert_int_eq(explain("GET", "/nothing"), CLI_FAILED);
	ck_contains(cli_out.text, "\nroute     none: 404 no_route\nnot       ");
	ck_assert_int_eq(explain("POST", "/items/7"), CLI_FAILED);
	ck_contains(cli_out.text, "\nroute     none: 405 method_not_allowed, Allow: GET");
	/* Methods are told apart by case. */
	ck_assert_int_eq(explain("get", "/items/7"), CLI_FAILED);
	ck_contains(cli_out.text, "405 method_not_allowed");
}
END_TEST

START_TEST(test_urls)
{
	ck_assert_str_eq(route("GET", "http://h/items/7"), "/routes/0");
	ck_assert_str_eq(route("GET", "https://h:8080/items/7?a=/b#c"), "/routes/0");
	ck_assert_str_eq(route("GET", "/items/7?u=http://a.example.com/"), "/routes/0");
	ck_assert_str_eq(route("GET", "/items/7#f"), "/routes/0");
	/* The path is what a request's becomes. */
	ck_assert_str_eq(route("GET", "/x/..//items/%37"), "/routes/0");
	/* No path at all is "/". */
	ck_assert_str_eq(route("GET", "http://a.example.com"), "/routes/2");
	ck_assert_str_eq(route("GET", "http://a.example.com?x"), "/routes/2");
	ck_assert_str_eq(route("GET", "http://A.Example.COM:80/x"), "/routes/2");
	ck_assert_str_eq(route("GET", "http://example.com/x"), "");
}
END_TEST

START_TEST(test_headers)
{
	ck_assert_str_eq(route("GET", "/items/7", "x-v:2"), "/routes/1");
	ck_assert_str_eq(route("GET", "/items/7", "A: b", "X-V:   2  "), "/routes/1");
	ck_assert_str_eq(route("GET", "/items/7", "X-V: 3"), "/routes/0");
	ck_assert_str_eq(route("GET", "/items/7", "X-V"), "/routes/0");
	ck_assert_str_eq(route("GET", "/any", "Host: A.example.com:5000"), "/routes/2");
	/* The URL's is the one that is sent. */
	ck_assert_str_eq(route("GET", "http://h/any", "Host: a.example.com"), "");
}
END_TEST

START_TEST(test_json)
{
	ck_assert_int_eq(explain("--json", "PUT", "http://h/items/a%20b"), CLI_OK);
	json_t *report = cli_json(), *routes = json_object_get(report, "routes"), *item;
	size_t chosen = 0, i;

	ck_assert_str_eq(json_text(report, "outcome"), "found");
	ck_assert_str_eq(json_text(report, "host"), "h");
	ck_assert_str_eq(json_text(report, "pattern"), "/items/{id}");
	ck_assert_str_eq(json_text(report, "plugin"), "lab_info");
	ck_assert_str_eq(json_text(report, "service"), "own");
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(report, "filters"), 0)),
			 "lab_trace");
	ck_assert_uint_eq(json_object_size(json_object_get(report, "params")), 1);
	ck_assert_uint_eq(json_array_size(routes), 4);
	json_array_foreach(routes, i, item)
	{
		ck_assert_str_ne(json_text(item, "why"), "");
		if (json_is_true(json_object_get(item, "chosen")))
			chosen += strcmp(json_text(item, "pointer"), "/routes/0") == 0 ? 1 : 10;
	}
	ck_assert_uint_eq(chosen, 1);
	json_decref(report);
}
END_TEST

START_TEST(test_json_without_a_route)
{
	static const char *const nothing[] = { "route", "pattern", "plugin", "service" };

	ck_assert_int_eq(explain("--json", "POST", "/items/7"), CLI_FAILED);
	json_t *report = cli_json();
	ck_assert_str_eq(json_text(report, "outcome"), "method_not_allowed");
	ck_assert_str_eq(json_text(report, "host"), "");
	ck_assert_str_eq(json_text(report, "path"), "/items/7");
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		ck_assert(json_is_null(json_object_get(report, nothing[i])));
	json_decref(report);
	ck_assert_int_eq(explain("--json", "POST", "/nothing"), CLI_FAILED);
	report = cli_json();
	ck_assert_str_eq(json_text(report, "outcome"), "no_route");
	json_decref(report);
}
END_TEST

START_TEST(test_requests_that_are_none)
{
	ck_assert_int_eq(explain("GET", "items"), CLI_FAILED);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse explain: \"items\": write a path that begins with \"/\", or a "
			 "URL that begins with http://\n");
	ck_assert_int_eq(explain("GET", "/a%00b"), CLI_FAILED);
	ck_contains(cli_err.text, "gatehouse explain: the request would get 400: ");
	ck_assert_int_eq(explain("GET", "/%zz"), CLI_FAILED);
	ck_contains(cli_err.text, "the request would get 400: ");
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_int_eq(explain("GET"), CLI_USAGE);
	ck_contains(cli_err.text, "METHOD URL [HEADER...]: missing");
}
END_TEST

/* With many routes the rest is only counted. */
START_TEST(test_many_routes)
{
	enum { ROUTES = 60 };
	size_t size = PATH_MAX + ROUTES * 64, n;
	char *all = malloc(size);

	n = (size_t)snprintf(all, size,
			     "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [",
			     scratch_plugins_built());
	for (int i = 0; i < ROUTES; i++)
		n += (size_t)snprintf(all + n, size - n,
				      "%s{\"path\": \"/r%02d\", \"plugin\": "
				      "\"lab_info\"}",
				      i ? "," : "", i);
	snprintf(all + n, size - n, "]}");
	const char *path = scratch_write("many.json", all);
	free(all);
	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/nothing"), CLI_FAILED);
	ck_contains(cli_out.text, "\n          and 10 more\n");
	/* The one that is taken is not among the others, wherever it stands. */
	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/r00"), CLI_OK);
	ck_contains(cli_out.text, "\n          and 9 more\n");
	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/r59"), CLI_OK);
	ck_contains(cli_out.text, "\n          and 9 more\n");
}
END_TEST

START_TEST(test_wrong_configuration)
{
	const char *path = scratch_write("wrong.json", "{\"listen\": [\":1\"], \"workers\": 0}");

	ck_assert_int_eq(cli("explain", "-c", path, "GET", "/"), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "/workers: 0 is out of range");
}
END_TEST

CLI_SUITE("explain", test_text_of_a_route, test_services, test_services_in_dns, test_no_route,
	  test_urls, test_headers, test_json, test_json_without_a_route,
	  test_requests_that_are_none, test_many_routes, test_wrong_configuration)
