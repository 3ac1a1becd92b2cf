/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"

#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/source.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

static struct gateway_config *load(const char *text)
{
	struct str s = str_from(text);

	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

/* The example of the design, the least that is needed, and their defaults. */
START_TEST(test_example)
{
	struct gateway_config *c = load(
		"{\"$schema\": \"gateway.schema.json\", \"listen\": [\"0.0.0.0:5000\"],"
		" \"admin\": \"127.0.0.1:5080\", \"workers\": \"auto\", \"plugin_dir\": "
		"\"plugins\","
		" \"access_log\": \"stdout\","
		" \"discovery\": {\"consul\": {\"address\": \"${GH_NONE:-127.0.0.1:8500}\"}},"
		" \"defaults\": {\"timeout\": {\"connect\": \"1s\", \"response\": \"15s\"}},"
		" \"services\": {\"user-service\": {\"balance\": \"round_robin\"},"
		"  \"legacy\": {\"endpoints\": [\"127.0.0.1:9000\","
		"   {\"address\": \"127.0.0.1:9001\", \"weight\": 3}]}},"
		" \"routes\": [{\"path\": \"/users\", \"plugin\": \"users\"},"
		"  {\"path\": \"/legacy/*\", \"plugin\": \"relay\", \"config\": {\"service\": "
		"\"legacy\"},"
		"   \"filters\": [{\"plugin\": \"request_id\"}]}]}");
	const struct config_service *s;

	ck_errors(&errors, "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->file, "/dir/gateway.json");
	ck_assert_uint_eq(c->listen_count, 1);
	ck_assert_str_eq(c->plugin_dir, "/dir/plugins");
	ck_assert_str_eq(c->access_log, "stdout");
	ck_assert_str_eq(c->consul.address, "http://127.0.0.1:8500");
	ck_assert_uint_ge(c->workers, 1);
	ck_assert_uint_eq(c->timeouts.connect, 1000);
	ck_assert_ptr_null(gateway_config_service(c, "none"));
	s = gateway_config_service(c, "legacy");
	ck_assert(s && s->discovery == CONFIG_STATIC && s->endpoint_count == 2);
	ck_assert_str_eq(s->endpoints[1].host, "127.0.0.1");
	ck_assert(s->endpoints[1].port == 9001 && s->endpoints[1].weight == 3);
	ck_assert(s->endpoints[0].weight == 1);
	s = gateway_config_service(c, "user-service");
	ck_assert(s && s->discovery == CONFIG_CONSUL);
	ck_assert_str_eq(s->consul_name, "user-service");
	ck_assert_uint_eq(c->route_count, 2);
	ck_assert_str_eq(c->routes[1].pointer, "/routes/1");
	ck_assert_str_eq(c->routes[1].handler.config, "{\"service\":\"legacy\"}");
	ck_assert_str_eq(c->routes[1].filters[0].pointer, "/routes/1/filters/0");
	ck_assert_str_eq(c->routes[1].filters[0].config, "{}");
	ck_assert_uint_eq(c->routes[0].body_limit, UINT64_MAX);
	gateway_config_free(c);
}
END_TEST

START_TEST(test_defaults)
{
	struct gateway_config *c = load("{\"listen\": [\":1\"]}");

	ck_errors(&errors, "");
	ck_assert_ptr_nonnull(c);
	ck_assert(c->admin_on && c->admin.port == 5080);
	ck_assert_uint_eq(c->timeouts.header, 10000);
	ck_assert_uint_eq(c->timeouts.request, 0);
	ck_assert_uint_eq(c->timeouts.tunnel, 3600000);
	ck_assert_uint_eq(c->limits.head, 16384);
	ck_assert_uint_eq(c->limits.body, 0);
	ck_assert_int_eq(c->limits.retries, 1);
	ck_assert_int_eq(c->limits.connections_per_client, 0);
	ck_assert_int_eq(c->http.underscore_headers, 0);
	ck_assert(c->http.via && c->http.server_header && c->consul.tls_verify);
	ck_assert_uint_eq(c->consul.wait, 30000);
	ck_assert_int_eq(c->log_level, LOG_INFO);
	ck_assert_int_eq(c->log_format, CONFIG_LOG_JSON);
	ck_assert_uint_eq(c->route_count, 0);
	gateway_config_free(c);
}
END_TEST

START_TEST(test_whole_text)
{
	ck_assert_ptr_null(load("[]"));
	ck_errors(&errors, "f:1:1: must be an object, not an array\n");
	ck_assert_ptr_null(load("{\"listen\": [\":1\"],}"));
	ck_errors(&errors, "f:1:18: a comma before \"}\"; remove it\n");
	ck_assert_ptr_null(load("{}"));
	ck_errors(&errors, "f:1:1: /listen: missing; it must be a string or an array of strings\n");
	ck_assert_ptr_null(gateway_config_load("/no/such/file.json", NULL, &errors));
	ck_errors(&errors,
		  "f: cannot read it: No such file or directory; name another file with -c "
		  "FILE\n");
	ck_assert_ptr_null(gateway_config_load("/", NULL, &errors));
	ck_errors(&errors, "f: cannot read it: Is a directory\n");
}
END_TEST

/* A value whose reference failed is named once, and the rest is checked all the same. */
START_TEST(test_references)
{
	struct gateway_config *c;

	unsetenv("GH_NONE");
	ck_assert_ptr_null(load("{\"listen\": [\"${GH_NONE}\"], \"workers\": 0}"));
	ck_errors(&errors,
		  "f:1:13: /listen/0: the environment variable GH_NONE is not set; set it, or "
		  "give a default: ${GH_NONE:-default}\n"
		  "f:1:39: /workers: 0 is out of range; it must be \"auto\" or 1 to 256\n");
	setenv("GH_WORKERS", "3", 1);
	c = load("{\"listen\": [\":1\"], \"workers\": \"${GH_WORKERS}\","
		 " \"http\": {\"via\": \"${GH_NONE:-false}\"}}");
	ck_errors(&errors, "");
	ck_assert(c && c->workers == 3 && c->http.via == 0);
	gateway_config_free(c);
	/* Text without a reference is no number. */
	ck_assert_ptr_null(load("{\"listen\": [\":1\"], \"workers\": \"3\"}"));
	ck_errors(&errors, "f:1:31: /workers: must be \"auto\" or a whole number, not \"3\"\n");
}
END_TEST

/* After errors, what is right can still be had, without the routes that are wrong. */
START_TEST(test_read)
{
	struct str text = STR("{\"listen\": [\":1\"], \"x\": 1, \"routes\": ["
			      "{\"path\": \"/a\", \"plugin\": \"a\"}, {\"path\": \"/b\"},"
			      "{\"path\": \"/c\", \"plugin\": \"c\", \"config\": []},"
			      "{\"path\": \"/d\", \"plugin\": \"d\"}]}");
	struct gateway_config *c = gateway_config_read("gateway.json", &text, &errors);

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(config_errors_total(&errors), 3);
	config_errors_fini(&errors);
	ck_assert_uint_eq(c->route_count, 2);
	ck_assert_str_eq(c->routes[1].path, "/d");
	ck_assert_str_eq(c->routes[1].pointer, "/routes/3");
	gateway_config_free(c);
}
END_TEST

/* With more errors than are kept, no route is known to be right. */
START_TEST(test_read_many)
{
	size_t size = 64 * 1024, n;
	char *text = malloc(size);
	struct gateway_config *c;
	struct str s = { text, 0 };

	ck_assert_ptr_nonnull(text);
	n = (size_t)snprintf(text, size, "{\"listen\": [\":1\"], \"routes\": [");
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(text + n, size - n,
				      "%s{\"path\": 1, \"plugin\": \"p\", "
				      "\"methods\": [1]}",
				      i ? "," : "");
	n += (size_t)snprintf(text + n, size - n, "]}");
	s.n = n;
	c = gateway_config_read("f", &s, &errors);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->route_count, 0);
	ck_assert_uint_eq(config_errors_total(&errors), 400);
	config_errors_fini(&errors);
	gateway_config_free(c);
	free(text);
}
END_TEST

/* The file is read, and relative paths start from where it is, links resolved. */
START_TEST(test_file)
{
	char dir[] = "/tmp/gatehouse-test-XXXXXX", file[64], link[64], expected[64];
	struct gateway_config *c;
	FILE *out;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/g.json", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(expected, sizeof(expected), "%s/logs/a", dir);
	ck_assert_int_eq(symlink(dir, link), 0);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	fputs("{\"listen\": [\":1\"], \"access_log\": \"logs/a\"}", out);
	fclose(out);
	snprintf(link, sizeof(link), "%s/link/g.json", dir);
	c = gateway_config_load(link, NULL, &errors);
	ck_errors(&errors, "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->access_log, expected);
	ck_assert_str_eq(c->file, link);
	gateway_config_free(c);
	snprintf(link, sizeof(link), "%s/link", dir);
	unlink(link);
	unlink(file);
	rmdir(dir);
}
END_TEST

int main(void)
{
	return SUITE("gateway", test_example, test_defaults, test_whole_text, test_references,
		     test_read, test_read_many, test_file);
}
