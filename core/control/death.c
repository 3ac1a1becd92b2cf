/* SPDX-License-Identifier: Apache-2.0 */
#include "control/death.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "config/gateway.h"
#include "control/generation.h"
#include "control/inspect.h"
#include "control/proc.h"
#include "plugin/image.h"

enum { DEATH_BACKTRACE_MAX = 4096 };

/* Of one line, while its backtrace is on the way. */
struct death {
	uint32_t worker;
	int pid;
	uint64_t generation, restart_in_ms;
	char how[48];
	struct death_blame blame;
	uint32_t signal;
	bool fault; /* the kernel's, at an address; not sent */
	uint64_t address;
	json_t *question; /* {"maps":TEXT,"frames":[ADDRESS,...]} */
};

/* A worker says which plugins it has, in the order of their numbers, once it is ready; before
 * that another worker's list will do, since all load the same. */
static const json_t *death_plugin(const struct slot *s, uint32_t number)
{
	const struct generation *g = s->generation;
	const json_t *list = s->plugins;

	for (uint32_t i = 0; !list && i < g->slot_count; i++)
		list = g->slots[i].plugins;
	return json_array_get(list, number - 1);
}

/* Whether the plugin stands before that use of the route already. */
static bool death_used_before(const struct gateway_config *c, size_t route, size_t use,
			      const char *plugin)
{
	for (size_t i = 0; i <= route; i++) {
		const struct config_route *r = &c->routes[i];

		for (size_t k = 0; k <= r->filter_count && (i < route || k < use); k++)
			if (strcmp(k < r->filter_count ? r->filters[k].plugin : r->handler.plugin,
				   plugin) == 0)
				return true;
	}
	return false;
}

/* While no worker has told its list: plugins are loaded, and numbered, as routes first name them,
 * filters before the handler (plugin/chain.c). */
static const char *death_name(const struct gateway_config *c, uint32_t number)
{
	for (size_t i = 0; i < c->route_count; i++) {
		const struct config_route *r = &c->routes[i];

		for (size_t k = 0; k <= r->filter_count; k++) {
			const char *plugin = k < r->filter_count ? r->filters[k].plugin :
								   r->handler.plugin;
			if (!death_used_before(c, i, k, plugin) && --number == 0)
				return plugin;
		}
	}
	return NULL;
}

static void death_member(const json_t *object, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(out, size, "%s", text ? text : "");
}

void death_blame_read(const struct slot *s, uint64_t now_ns, struct death_blame *out)
{
	/* A copy: the worker may be writing. */
	death_blame_of(s, s->slab.header->running, now_ns, out);
}

void death_blame_of(const struct slot *s, struct slab_running r, uint64_t now_ns,
		    struct death_blame *out)
{
	*out = (struct death_blame){ .any = r.plugin != 0 };
	if (!out->any)
		return;
	const json_t *plugin = death_plugin(s, r.plugin);
	if (plugin) {
		death_member(plugin, "name", out->plugin, sizeof(out->plugin));
		death_member(plugin, "version", out->version, sizeof(out->version));
		death_member(plugin, "hash", out->hash, sizeof(out->hash));
	} else {
		const char *name = death_name(s->generation->config, r.plugin);
		if (name)
			snprintf(out->plugin, sizeof(out->plugin), "%s", name);
		else
			snprintf(out->plugin, sizeof(out->plugin), "number %" PRIu32, r.plugin);
	}
	snprintf(out->hook, sizeof(out->hook), "%s", plugin_hook_name((enum plugin_hook)r.hook));
	/* A plugin is loaded once, for all its routes. */
	if (r.hook != HOOK_LOAD && r.hook != HOOK_UNLOAD &&
	    r.route < s->generation->config->route_count)
		snprintf(out->route, sizeof(out->route), "%s",
			 s->generation->config->routes[r.route].path);
	snprintf(out->request_id, sizeof(out->request_id), "%.*s", (int)sizeof(r.request_id) - 1,
		 r.request_id);
	if (now_ns > r.since_ns)
		out->for_ms = (now_ns - r.since_ns) / 1000000;
}

void death_how(int64_t status, int signal, char out[48])
{
	const char *name = sigabbrev_np(signal);

	if (signal)
		snprintf(out, 48, "SIG%s", name ? name : "unknown");
	else
		snprintf(out, 48, "exit status %" PRId64, status);
}

static void death_write(const struct death *d, const char *backtrace)
{
	const struct death_blame *b = &d->blame;
	struct log_field f[16];
	char address[24];
	size_t n = 0;

	f[n++] = LOG_U("worker", d->worker);
	f[n++] = LOG_I("pid", d->pid);
	f[n++] = LOG_S("how", d->how);
	if (b->any) {
		f[n++] = LOG_S("plugin", b->plugin);
		f[n++] = LOG_S("version", b->version);
		f[n++] = LOG_S("hook", b->hook);
		f[n++] = LOG_S("route", b->route);
		f[n++] = LOG_S("request_id", b->request_id);
	}
	f[n++] = LOG_U("generation", d->generation);
	f[n++] = LOG_U("restart_in_ms", d->restart_in_ms);
	if (d->signal) {
		if (d->fault) {
			snprintf(address, sizeof(address), "0x%" PRIx64, d->address);
			f[n++] = LOG_S("address", address);
		}
		f[n++] = LOG_S("backtrace", backtrace);
	}
	f[n] = LOG_END;
	log_write(LOG_ERROR, b->any ? "worker died in plugin code" : "worker died", f);
}

static void death_free(struct death *d)
{
	json_decref(d->question);
	free(d);
}

/* The report: {"backtrace":[TEXT,...]}.  Without one, the addresses as they are. */
static void death_on_report(void *arg, const json_t *report, const char *why)
{
	const json_t *list = json_object_get(report, "backtrace");
	const json_t *frames = json_object_get(((struct death *)arg)->question, "frames");
	struct death *d = arg;
	struct buf text;
	const json_t *item;
	size_t i;

	(void)why;
	buf_init(&text, DEATH_BACKTRACE_MAX);
	json_array_foreach(json_array_size(list) ? list : frames, i, item)
	{
		if (i)
			buf_lit(&text, " < ");
		if (json_is_string(item))
			buf_str_append(&text, str_from(json_string_value(item)));
		else
			buf_printf(&text, "0x%" PRIx64, (uint64_t)json_integer_value(item));
	}
	buf_char(&text, '\0');
	death_write(d, text.failed ? "too long" : text.p);
	buf_fini(&text);
	death_free(d);
}

/* The worker's memory is not to be trusted: what is out of bounds is left out. */
static json_t *death_question(const struct slab_crash *c)
{
	json_t *frames = json_array(), *maps;
	uint32_t count = c->frame_count, size = c->maps_size;

	must(frames);
	for (uint32_t i = 0; i < count && i < SLAB_FRAMES; i++)
		json_array_append_new(frames, json_integer((json_int_t)c->frames[i]));
	maps = json_stringn(c->maps, size < SLAB_MAPS_SIZE ? size : SLAB_MAPS_SIZE);
	if (!maps)
		maps = json_string("");
	return json_pack("{s:o, s:o}", "maps", maps, "frames", frames);
}

static int death_ask(struct death *d, const struct generation *g)
{
	const char *operands[] = { "symbols", g->config->plugin_dir, NULL };
	char *text = json_dumps(d->question, JSON_COMPACT);
	struct error e;

	if (!text)
		return -1;
	struct inspect_spec spec = { .loop = g->loop,
				     .operands = operands,
				     .input = str_from(text),
				     .cb = death_on_report,
				     .arg = d };
	const struct inspect *child = inspect_start(&spec, &e);
	free(text);
	return child ? 0 : -1;
}

void death_log(const struct slot *s, int64_t status, int signal, const struct death_blame *b,
	       uint64_t restart_in_ms)
{
	const struct slab_crash *c = &s->slab.header->crash;
	struct death *d = xcalloc(1, sizeof(*d));

	*d = (struct death){ .worker = s->index,
			     .pid = proc_pid(s->proc),
			     .generation = s->generation->number,
			     .restart_in_ms = restart_in_ms,
			     .blame = *b };
	death_how(status, signal, d->how);
	/* What was noted of another signal than the one that ended it is no matter. */
	if (signal && c->signal == (uint32_t)signal) {
		d->signal = c->signal;
		d->fault = c->code > 0;
		d->address = c->address;
		d->question = death_question(c);
		must(d->question);
		if (death_ask(d, s->generation) == 0)
			return;
	}
	death_on_report(d, NULL, NULL);
}
