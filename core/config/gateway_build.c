/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_build.h"

#include <sched.h>

#include "base/syscalls.h"
#include "config/address.h"
#include "config/source.h"

void build_error(const struct gateway_build *b, const char *pointer, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	config_errors_add(b->errors, b->config->source, pointer, "%s", text);
}

const char *build_optional(const char *text)
{
	return text && *text ? text : NULL;
}

bool build_is_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n <= 64 && text[n] == '\0';
}

static bool build_same_address(const struct config_listen *a, const struct config_listen *b)
{
	if (a->path || b->path)
		return a->path && b->path && strcmp(a->path, b->path) == 0;
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void build_listen(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;
	const struct gh_strings *texts = &b->raw->listen;
	struct error e;

	if (json_is_array(json_object_get(config_source_root(c->source), "listen")) &&
	    texts->n == 0)
		build_error(b, "/listen",
			    "empty; write at least one address, such as \"0.0.0.0:5000\"");
	c->listen = arena_alloc(&c->arena, (texts->n + 1) * sizeof(*c->listen));
	must(c->listen);
	for (size_t i = 0; i < texts->n; i++) {
		struct config_listen *l = &c->listen[c->listen_count];
		char pointer[32];
		snprintf(pointer, sizeof(pointer), "/listen/%zu", i);
		if (!texts->items[i])
			continue;
		if (address_listen(&c->arena, texts->items[i], b->base, l, &e) < 0) {
			build_error(b, pointer, "%s", e.text);
			continue;
		}
		for (size_t k = 0; k < c->listen_count; k++)
			if (build_same_address(l, &c->listen[k]))
				build_error(b, pointer, "\"%s\" is listened on twice; remove one",
					    l->text);
		c->listen_count++;
	}
}

static void build_admin(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;
	struct error e;

	c->admin_on = strcmp(b->raw->admin, "off") != 0;
	if (!c->admin_on)
		return;
	if (address_listen(&c->arena, b->raw->admin, b->base, &c->admin, &e) < 0) {
		build_error(b, "/admin", "%s%s", e.text,
			    build_is_name(b->raw->admin) ? "; or write \"off\"" : "");
		return;
	}
	for (size_t k = 0; k < c->listen_count; k++)
		if (build_same_address(&c->admin, &c->listen[k]))
			build_error(b, "/admin", "\"%s\" is in listen too; give it another address",
				    c->admin.text);
}

/* Cores that this process may run on. */
static uint32_t build_cores(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > 256 ? 256 : (uint32_t)n;
}

/* The target is a part of the head: its default gives way to a smaller head. */
static void build_uri_limit(const struct gateway_build *b)
{
	struct config_limits *limits = &b->config->limits;
	const json_t *root = config_source_root(b->config->source);

	if (limits->uri <= limits->head)
		return;
	if (json_object_get(json_object_get(root, "limits"), "uri"))
		build_error(
			b, "/limits/uri",
			"larger than limits.head, which holds the target too; make it smaller or "
			"head larger");
	limits->uri = limits->head;
}

static void build_snapshot(const struct gateway_build *b)
{
	const char *text = b->raw->discovery.snapshot ? b->raw->discovery.snapshot : "off";

	if (!*text)
		build_error(b, "/discovery/snapshot", "empty; write \"off\" or a path");
	if (strcmp(text, "off") != 0)
		b->config->snapshot = address_path(&b->config->arena, b->base, text);
}

static void build_sandbox(const struct gateway_build *b)
{
	struct config_sandbox *s = &b->config->sandbox;
	char pointer[48];

	*s = b->raw->sandbox;
	for (size_t i = 0; i < s->allow.n; i++) {
		const char *name = s->allow.items[i], *near;

		if (!name || syscalls_number(name) >= 0)
			continue;
		near = syscalls_nearest(name);
		snprintf(pointer, sizeof(pointer), "/sandbox/allow/%zu", i);
		build_error(b, pointer, "no system call \"%s\" on this machine%s%s%s", name,
			    near ? " (did you mean \"" : "; see syscalls(2)", near ? near : "",
			    near ? "\"?)" : "");
	}
	const char **paths = arena_alloc(&b->config->arena, (s->write.n + 1) * sizeof(*paths));
	must(paths);
	for (size_t i = 0; i < s->write.n; i++) {
		const char *text = s->write.items[i];

		if (text && !*text) {
			snprintf(pointer, sizeof(pointer), "/sandbox/write/%zu", i);
			build_error(b, pointer, "empty; write a path");
		}
		paths[i] = address_path(&b->config->arena, b->base, text ? text : ".");
	}
	s->write.items = paths;
}

void build_process(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;
	const struct raw_gateway *raw = b->raw;
	const char *log = raw->access_log;

	build_listen(b);
	build_admin(b);
	c->workers = raw->workers ? (uint32_t)raw->workers : build_cores();
	c->zone = build_optional(raw->zone);
	c->plugin_dir = build_optional(raw->plugin_dir) ?
				address_path(&c->arena, b->base, raw->plugin_dir) :
				GATEHOUSE_PLUGIN_DIR;
	if (!*log)
		build_error(b, "/access_log", "empty; write \"stdout\", \"off\" or a path");
	c->autoload = raw->autoload;
	c->watch = raw->watch;
	c->access_log = strcmp(log, "stdout") == 0 || strcmp(log, "off") == 0 ?
				log :
				address_path(&c->arena, b->base, log);
	build_snapshot(b);
	c->log_level = raw->log.level;
	c->log_format = raw->log.format;
	c->timeouts = raw->defaults.timeout;
	c->limits = raw->limits;
	c->http = raw->http;
	c->quarantine = raw->quarantine;
	c->user = build_optional(raw->user);
	c->group = build_optional(raw->group);
	build_sandbox(b);
	build_uri_limit(b);
}

/* What the file itself says of Consul; NULL: nothing. */
static const json_t *build_consul_object(const struct gateway_build *b)
{
	const json_t *root = config_source_root(b->config->source);

	return json_object_get(json_object_get(root, "discovery"), "consul");
}

/* A path in the file is relative to the file; one from the environment is not ours to change. */
static const char *build_consul_path(const struct gateway_build *b, const char *member,
				     const char *value)
{
	value = build_optional(value);
	return value && json_object_get(build_consul_object(b), member) ?
		       address_path(&b->config->arena, b->base, value) :
		       value;
}

static const char *build_consul_address(const struct gateway_build *b)
{
	static const char *const schemes[] = { "http", "https", "unix" };
	const char *text = b->raw->discovery.consul.settings.address, *out;
	const char *end = strstr(text, "://");

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			end = NULL, text = "";
	if (!*text) {
		build_error(b, "/discovery/consul/address",
			    "not an address; write \"127.0.0.1:8500\", a URL, or \"unix:///path\"");
		return "";
	}
	if (!end && str_starts(str_from(text), STR("unix:/")))
		return text;
	if (!end) {
		out = arena_printf(&b->config->arena, "%s://%s",
				   b->raw->discovery.consul.tls ? "https" : "http", text);
		must(out);
		return out;
	}
	for (size_t i = 0; i < 3; i++)
		if (str_eq((struct str){ text, (size_t)(end - text) }, str_from(schemes[i])))
			return text;
	build_error(
		b, "/discovery/consul/address",
		"\"%s\" does not begin with http://, https:// or unix://; write one of them, or "
		"host:port alone",
		text);
	return text;
}

void build_consul(const struct gateway_build *b)
{
	const struct config_consul *raw = &b->raw->discovery.consul.settings;
	const json_t *consul = build_consul_object(b);
	struct config_consul *c = &b->config->consul;

	*c = *raw;
	c->address = build_consul_address(b);
	c->token = build_optional(raw->token);
	c->token_file = build_consul_path(b, "token_file", raw->token_file);
	/* A token in the file beats the environment's, whichever of the two it sets. */
	if (json_object_get(consul, "token") && !json_object_get(consul, "token_file"))
		c->token_file = NULL;
	c->datacenter = build_optional(raw->datacenter);
	c->ns = build_optional(raw->ns);
	c->ca_file = build_consul_path(b, "ca_file", raw->ca_file);
	c->ca_path = build_consul_path(b, "ca_path", raw->ca_path);
	c->client_cert = build_consul_path(b, "client_cert", raw->client_cert);
	c->client_key = build_consul_path(b, "client_key", raw->client_key);
	c->tls_server_name = build_optional(raw->tls_server_name);
	c->http_auth = build_optional(raw->http_auth);
	if (c->client_cert && !c->client_key)
		build_error(b, "/discovery/consul/client_key",
			    "missing, and client_cert is there; write "
			    "both or neither (CONSUL_CLIENT_KEY)");
	if (c->client_key && !c->client_cert)
		build_error(b, "/discovery/consul/client_cert",
			    "missing, and client_key is there; write "
			    "both or neither (CONSUL_CLIENT_CERT)");
}

/* Consul takes letters, digits, "-" and "_" in the names of metadata. */
static void build_register_meta(const struct gateway_build *b, struct config_register *c)
{
	const struct gh_list *meta = &b->raw->discovery.consul.self.meta;
	const struct raw_header *items = meta->items;

	c->meta = arena_alloc(&b->config->arena, (meta->n + 1) * sizeof(*c->meta));
	must(c->meta);
	for (size_t i = 0; i < meta->n; i++) {
		if (!build_is_name(items[i].name))
			build_error(b, "/discovery/consul/register/meta",
				    "\"%s\" is not a name for Consul; write letters, digits, \"-\" "
				    "and \"_\"",
				    items[i].name);
		c->meta[c->meta_count].name = items[i].name;
		c->meta[c->meta_count++].value = items[i].value ? items[i].value : "";
	}
}

void build_register(const struct gateway_build *b)
{
	const struct raw_register *raw = &b->raw->discovery.consul.self;
	struct config_register *c = &b->config->consul.self;

	*c = (struct config_register){
		.name = build_optional(raw->name),
		.id = build_optional(raw->id),
		.address = build_optional(raw->address),
		.port = (uint16_t)raw->port,
		.tags = raw->tags,
		.linger = raw->linger,
	};
	build_register_meta(b, c);
	for (size_t i = 0; i < b->config->listen_count && !c->port; i++)
		c->port = b->config->listen[i].port;
	if (!c->name && json_object_get(build_consul_object(b), "register"))
		build_error(b, "/discovery/consul/register",
			    "\"name\" is missing; write the service's name, or remove register");
	if (c->name && !c->port)
		build_error(b, "/discovery/consul/register",
			    "\"port\" is missing, and listen has none; write the port that others "
			    "reach it at");
}

static void build_meta(const struct gateway_build *b, const struct raw_service *raw,
		       struct config_service *s)
{
	const struct raw_header *items = raw->meta.items;

	s->meta = arena_alloc(&b->config->arena, (raw->meta.n + 1) * sizeof(*s->meta));
	must(s->meta);
	s->meta_count = raw->meta.n;
	for (size_t i = 0; i < raw->meta.n; i++) {
		const char *value = items[i].value ? items[i].value : "*";

		s->meta[i].name = items[i].name;
		s->meta[i].value = strcmp(value, "*") == 0 ? NULL : value;
	}
}

static void build_service(const struct gateway_build *b, const struct raw_service *raw,
			  struct config_service *s)
{
	const char *pointer = option_pointer(&b->config->arena, "/services", raw->name);
	const json_t *root = config_source_root(b->config->source);
	const json_t *object = json_object_get(json_object_get(root, "services"), raw->name);

	*s = (struct config_service){
		.name = raw->name,
		.consul_name = build_optional(raw->consul_name) ? raw->consul_name : raw->name,
		.tags = raw->tags,
		.require_checks = raw->require_checks,
		.default_port = (uint16_t)raw->default_port,
		.datacenter = build_optional(raw->datacenter),
		.ns = build_optional(raw->ns),
		.consistency = raw->consistency - 1,
		.on_all_critical = raw->on_all_critical,
		.connect = raw->timeout.connect,
		.response = raw->timeout.response,
		.bounds = raw->limits,
		.hedge_after = raw->hedge_after,
	};
	build_health(b, raw, pointer, object, s);
	if (!*raw->name || strlen(raw->name) > 255 || raw->name[strcspn(raw->name, " \t/")])
		build_error(b, pointer,
			    "\"%s\" is not a service's name; write 1 to 255 characters, no "
			    "space and no \"/\"",
			    raw->name);
	build_meta(b, raw, s);
	build_balance(b, raw, pointer, object, s);
	build_discovery(b, raw, pointer, object, s);
}

void build_services(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;
	const struct raw_service *raw = b->raw->services.items;

	build_health_defaults(b);
	c->services = arena_alloc(&c->arena, (b->raw->services.n + 1) * sizeof(*c->services));
	must(c->services);
	c->service_count = b->raw->services.n;
	for (size_t i = 0; i < c->service_count; i++)
		build_service(b, &raw[i], &c->services[i]);
}
