/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/errors.h"
#include "config/expand.h"
#include "config/gateway_build.h"
#include "config/gateway_tables.h"
#include "config/source.h"

enum { GATEWAY_ARENA_BLOCK = 16 * 1024 };

static int gateway_slurp(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, 64 * 1024);
		ssize_t n;
		if (!room) {
			errno = EFBIG;
			return -1;
		}
		n = read(fd, room, 64 * 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		out->n += (size_t)n;
	}
}

int gateway_config_slurp(const char *file, struct buf *out, struct config_errors *errors)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), rc = -1;

	if (fd >= 0) {
		rc = gateway_slurp(fd, out);
		close(fd);
	}
	if (rc < 0)
		config_errors_add_at(errors, 0, 0, "cannot read it: %s%s", strerror(errno),
				     errno == ENOENT ? "; name another file with -c FILE" : "");
	return rc;
}

/* The absolute directory that relative paths of the file start from. */
static const char *gateway_base(struct arena *a, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct str dir = slash ? (struct str){ file, (size_t)(slash - file) } : STR(".");
	char resolved[PATH_MAX];
	char *text = arena_strdup(a, slash == file ? STR("/") : dir), *out;

	must(text);
	out = arena_strdup(a, str_from(realpath(text, resolved) ? resolved : text));
	must(out);
	return out;
}

/* Drops what was said, from item first on, of values whose references could not be replaced: the
 * reference is the fault to mend.  Their errors are the items [from, first). */
static void gateway_drop_echoes(struct config_errors *errors, size_t from, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < errors->count; i++) {
		struct config_error *item = &errors->items[i];
		size_t k = from;
		while (k < first && strcmp(errors->items[k].pointer, item->pointer) != 0)
			k++;
		if (k < first) {
			free(item->pointer);
			free(item->text);
		} else {
			errors->items[kept++] = *item;
		}
	}
	errors->count = kept;
}

/* 0, or -1 when the text is no object. */
static int gateway_build(struct gateway_config *c, struct config_errors *errors)
{
	struct option_context ctx = { .arena = &c->arena, .source = c->source, .errors = errors };
	struct raw_gateway *raw = arena_alloc(&c->arena, sizeof(*raw));
	struct gateway_build b = { .config = c, .raw = raw, .errors = errors };
	json_t *root = config_source_root(c->source);
	size_t before = errors->count, expanded;

	must(raw);
	c->raw = raw;
	b.base = gateway_base(&c->arena, c->file);
	expand_json(root, c->source, errors);
	expanded = errors->count;
	if (option_parse(&ctx, &gateway_table, root, "", raw) < 0 && !json_is_object(root))
		return -1;
	/* What could not be read stands as absent, so that the rest is checked all the same. */
	if (!raw->admin)
		raw->admin = "off";
	if (!raw->access_log)
		raw->access_log = "off";
	if (!raw->discovery.consul.settings.address)
		raw->discovery.consul.settings.address = "127.0.0.1:8500";
	build_process(&b);
	build_consul(&b);
	build_dns(&b);
	build_register(&b);
	build_consul_routes(&b);
	build_services(&b);
	build_routes(&b);
	gateway_drop_echoes(errors, before, expanded);
	return 0;
}

/* Whether any error is at the pointer or below it, or may be: where the dropped ones were is not
 * known. */
static bool gateway_is_wrong(const struct config_errors *errors, const char *pointer)
{
	size_t n = strlen(pointer);

	if (errors->dropped > 0)
		return true;
	for (size_t i = 0; i < errors->count; i++) {
		const char *p = errors->items[i].pointer;
		if (strncmp(p, pointer, n) == 0 && (p[n] == '\0' || p[n] == '/'))
			return true;
	}
	return false;
}

static void gateway_drop_routes(struct gateway_config *c, const struct config_errors *errors)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->route_count; i++)
		if (!gateway_is_wrong(errors, c->routes[i].pointer))
			c->routes[kept++] = c->routes[i];
	c->route_count = kept;
}

struct gateway_config *gateway_config_read(const char *file, const struct str *text,
					   struct config_errors *errors)
{
	size_t before = config_errors_total(errors);
	struct config_source *source;
	struct gateway_config *c;
	struct buf content;

	buf_init(&content, CONFIG_SOURCE_MAX + 128 * 1024);
	if (!text && gateway_config_slurp(file, &content, errors) < 0) {
		buf_fini(&content);
		return NULL;
	}
	source = config_source_parse(file, text ? *text : buf_str(&content), errors);
	buf_fini(&content);
	if (!source)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	arena_init(&c->arena, GATEWAY_ARENA_BLOCK, 0);
	c->source = source;
	c->file = config_source_file(source);
	c->text = config_source_text(source);
	if (gateway_build(c, errors) == 0) {
		if (config_errors_total(errors) != before)
			gateway_drop_routes(c, errors);
		return c;
	}
	gateway_config_free(c);
	return NULL;
}

struct gateway_config *gateway_config_load(const char *file, const struct str *text,
					   struct config_errors *errors)
{
	size_t before = config_errors_total(errors);
	struct gateway_config *c = gateway_config_read(file, text, errors);

	if (config_errors_total(errors) == before)
		return c;
	gateway_config_free(c);
	return NULL;
}

void gateway_config_free(struct gateway_config *c)
{
	if (!c)
		return;
	config_source_free(c->source);
	arena_fini(&c->arena);
	free(c);
}

const struct config_use *gateway_config_find_use(const struct gateway_config *c, const char *plugin)
{
	for (size_t i = 0; i < c->route_count; i++) {
		const struct config_route *r = &c->routes[i];
		for (size_t k = 0; k <= r->filter_count; k++) {
			const struct config_use *use = k < r->filter_count ? &r->filters[k] :
									     &r->handler;
			if (strcmp(use->plugin, plugin) == 0)
				return use;
		}
	}
	return NULL;
}

const struct config_service *gateway_config_service(const struct gateway_config *c,
						    const char *name)
{
	for (size_t i = 0; i < c->service_count; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return NULL;
}
