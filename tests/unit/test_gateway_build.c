/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

static struct config_errors errors;

/* Loads {"listen": [":1"], MEMBERS}. */
static struct gateway_config *load(const char *members)
{
	char text[2048];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(text, sizeof(text), "{\"listen\": [\":1\"],\n%s}", members);
	return gateway_config_load("/dir/gateway.json", &s, &errors);
}

static void refused(const char *members, const char *expected)
{
	struct gateway_config *c = load(members);

	ck_assert_msg(!c, "%s", members);
	ck_errors(&errors, expected);
}

static void clear_environment(void)
{
	static const char *const names[] = { "ADDR",       "SSL",        "TOKEN",
					     "TOKEN_FILE", "SSL_VERIFY", "AUTH" };
	char name[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "CONSUL_HTTP_%s", names[i]);
		unsetenv(name);
	}
	unsetenv("CONSUL_CACERT");
	unsetenv("CONSUL_CLIENT_CERT");
	unsetenv("CONSUL_CLIENT_KEY");
	unsetenv("CONSUL_NAMESPACE");
}

START_TEST(test_addresses)
{
	struct gateway_config *c;

	refused("\"admin\": \"0.0.0.0:1\"",
		"f:2:10: /admin: \"0.0.0.0:1\" is in listen too; give it another address\n");
	refused("\"admin\": \"none\"",
		"f:2:10: /admin: \"none\" has no port; write it behind a colon: "
		"\"none:5000\"; or write \"off\"\n");
	c = load("\"admin\": \"off\"");
	ck_assert(c && !c->admin_on);
	gateway_config_free(c);
	c = load("\"admin\": \"unix:run/admin\"");
	ck_assert(c && c->admin_on);
	ck_assert_str_eq(c->admin.path, "/dir/run/admin");
	gateway_config_free(c);
	struct str text = STR("{\"listen\": [\"[::1]:1\", \":2\", \"[::1]:1\", \"0.0.0.0:2\", "
			      "\"unix:a\", \"unix:/dir/a\"]}");
	ck_assert_ptr_null(gateway_config_load("/dir/f", &text, &errors));
	ck_errors(&errors, "f:1:30: /listen/2: \"[::1]:1\" is listened on twice; remove one\n"
			   "f:1:41: /listen/3: \"0.0.0.0:2\" is listened on twice; remove one\n"
			   "f:1:64: /listen/5: \"unix:/dir/a\" is listened on twice; remove one\n");
	text = STR("{\"listen\": []}");
	ck_assert_ptr_null(gateway_config_load("/dir/f", &text, &errors));
	ck_errors(&errors, "f:1:12: /listen: empty; write at least one address, such as "
			   "\"0.0.0.0:5000\"\n");
}
END_TEST

START_TEST(test_process)
{
	struct gateway_config *c = load(
		"\"access_log\": \"off\", \"plugin_dir\": \"/p\", \"workers\": 7,"
		" \"log\": {\"level\": \"error\", \"format\": \"text\"}");

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->access_log, "off");
	ck_assert_str_eq(c->plugin_dir, "/p");
	ck_assert_uint_eq(c->workers, 7);
	ck_assert(c->log_level == 3 && c->log_format == CONFIG_LOG_TEXT);
	gateway_config_free(c);
	c = load("\"limits\": {\"head\": \"4KiB\"}");
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->limits.uri, 4096);
	gateway_config_free(c);
	refused("\"limits\": {\"uri\": \"32KiB\"}",
		"f:2:19: /limits/uri: larger than limits.head, which holds the target too; make it "
		"smaller or head larger\n");
	refused("\"access_log\": \"\"",
		"f:2:15: /access_log: empty; write \"stdout\", \"off\" or a path\n");
}
END_TEST

START_TEST(test_services)
{
	refused("\"services\": {\"a\": {\"endpoints\": []}}",
		"f:2:19: /services/a: \"endpoints\" is empty; write at least one, or remove it "
		"to look "
		"the service up in Consul\n");
	refused("\"services\": {\"a\": {\"endpoints\": [\"h:1\", {\"address\": \"h:1\"}]}}",
		"f:2:41: /services/a/endpoints/1: \"h:1\" is there twice; remove one, or give it a "
		"weight\n");
	refused("\"services\": {\"a\": {\"endpoints\": [\"h:0\"]}}",
		"f:2:34: /services/a/endpoints/0: \"h:0\": the port must be a number from 1 to "
		"65535\n");
	refused("\"services\": {\"a\": {\"endpoints\": [\"h:1\"], \"consul_name\": \"b\"}}",
		"f:2:19: /services/a: \"endpoints\" and \"consul_name\" exclude each other; "
		"remove one "
		"of them\n");
	refused("\"services\": {\"\": {}, \"a/b\": {}}",
		"f:2:18: /services/: \"\" is not a service's name; write 1 to 255 characters, no "
		"space "
		"and no \"/\"\n"
		"f:2:29: /services/a~1b: \"a/b\" is not a service's name; write 1 to 255 "
		"characters, no "
		"space and no \"/\"\n");
}
END_TEST

START_TEST(test_register)
{
	struct gateway_config *c;
	const struct config_register *r;

	c = load("\"discovery\": {\"consul\": {\"register\": {\"name\": \"edge\"}}}");
	r = &c->consul.self;
	ck_assert_str_eq(r->name, "edge");
	ck_assert_ptr_null(r->id);
	ck_assert_ptr_null(r->address);
	ck_assert_uint_eq(r->port, c->listen[0].port);
	ck_assert_uint_eq(r->linger, 5000);
	gateway_config_free(c);
	c = load("\"discovery\": {\"consul\": {\"register\": {\"name\": \"edge\", \"port\": 443,"
		 "\"tags\": \"public\", \"meta\": {\"zone\": \"a\"}}}}");
	r = &c->consul.self;
	ck_assert_uint_eq(r->port, 443);
	ck_assert_str_eq(r->tags.items[0], "public");
	ck_assert_uint_eq(r->meta_count, 1);
	ck_assert_str_eq(r->meta[0].value, "a");
	gateway_config_free(c);
	refused("\"discovery\": {\"consul\": {\"register\": {\"port\": 1}}}",
		"f:2:38: /discovery/consul/register: \"name\" is missing; write the service's "
		"name, or remove register\n");
}
END_TEST

/* What the file says, else the environment, else the default. */
START_TEST(test_consul)
{
	struct gateway_config *c;

	clear_environment();
	setenv("CONSUL_HTTP_ADDR", "consul.example:8501", 1);
	setenv("CONSUL_HTTP_SSL", "1", 1);
	setenv("CONSUL_HTTP_SSL_VERIFY", "F", 1);
	setenv("CONSUL_HTTP_TOKEN_FILE", "token", 1);
	setenv("CONSUL_CACERT", "ca.pem", 1);
	c = load("\"admin\": \"off\"");
	ck_errors(&errors, "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->consul.address, "https://consul.example:8501");
	ck_assert_int_eq(c->consul.tls_verify, 0);
	/* A path of the environment is the shell's, not relative to the file. */
	ck_assert_str_eq(c->consul.token_file, "token");
	ck_assert_str_eq(c->consul.ca_file, "ca.pem");
	ck_assert_ptr_null(c->consul.token);
	gateway_config_free(c);
	c = load("\"discovery\": {\"consul\": {\"address\": \"http://h:1\", \"token\": \"t\","
		 " \"ca_file\": \"certs/ca.pem\"}}");
	ck_errors(&errors, "");
	ck_assert_str_eq(c->consul.address, "http://h:1");
	ck_assert_str_eq(c->consul.token, "t");
	ck_assert_ptr_null(c->consul.token_file);
	ck_assert_str_eq(c->consul.ca_file, "/dir/certs/ca.pem");
	gateway_config_free(c);
	clear_environment();
	c = load("\"discovery\": {\"consul\": {\"address\": \"unix:///run/consul.sock\"}}");
	ck_assert_str_eq(c->consul.address, "unix:///run/consul.sock");
	gateway_config_free(c);
}
END_TEST

START_TEST(test_consul_wrong)
{
	clear_environment();
	setenv("CONSUL_HTTP_SSL_VERIFY", "maybe", 1);
	refused("\"admin\": \"off\"",
		"f:1:1: /discovery/consul/tls_verify: must be true or false, not \"maybe\" (it is "
		"absent, and its default is ${CONSUL_HTTP_SSL_VERIFY:-true})\n");
	clear_environment();
	setenv("CONSUL_CLIENT_CERT", "cert.pem", 1);
	refused("\"admin\": \"off\"",
		"f:1:1: /discovery/consul/client_key: missing, and client_cert is "
		"there; write both or neither (CONSUL_CLIENT_KEY)\n");
	clear_environment();
	refused("\"discovery\": {\"consul\": {\"client_key\": \"k\"}}",
		"f:2:25: /discovery/consul/client_cert: missing, and client_key is there; write "
		"both or "
		"neither (CONSUL_CLIENT_CERT)\n");
	refused("\"discovery\": {\"consul\": {\"address\": \"ftp://h\"}}",
		"f:2:37: /discovery/consul/address: \"ftp://h\" does not begin with http://, "
		"https:// "
		"or unix://; write one of them, or host:port alone\n");
	refused("\"discovery\": {\"consul\": {\"address\": \"h 1\"}}",
		"f:2:37: /discovery/consul/address: not an address; write \"127.0.0.1:8500\", a "
		"URL, or "
		"\"unix:///path\"\n");
}
END_TEST

int main(void)
{
	return SUITE("gateway_build", test_addresses, test_process, test_services, test_register,
		     test_consul, test_consul_wrong);
}
