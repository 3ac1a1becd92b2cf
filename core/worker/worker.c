/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/handed.h"
#include "control/channel.h"
#include "metrics/crowd.h"
#include "net/fetch.h"
#include "net/listener.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "route/table.h"
#include "worker/confine.h"
#include "worker/crash.h"
#include "worker/spares.h"

enum {
	WORKER_LISTEN_MAX = 64,
	WORKER_HEARTBEAT_MS = 250,
	WORKER_LOOK_MS = 20 /* between two "look" of one service */
};

struct worker {
	uv_loop_t loop;
	int index, listen_count;
	int64_t generation;
	const char *file;
	json_t *start;           /* GATEHOUSE_WORKER */
	struct str text, handed; /* the configuration's, mapped one behind the other */
	struct gateway_config *config;
	struct config_errors errors;
	struct route_table *routes;
	struct slab slab;
	struct crowd crowd;
	struct deadlines deadlines;
	struct proxy proxy;
	struct channel channel;
	struct listener listeners[WORKER_LISTEN_MAX];
	int listening;
	struct spares spares;
	uv_timer_t heartbeat, drain_limit, tunnel_limit;
	bool draining, ending, channel_gone;
	int status;
};

static void worker_close_handles(struct worker *w);

/* ---- messages ---- */

static void worker_send_errors(struct worker *w)
{
	json_t *list = json_array(), *message;

	for (size_t i = 0; i < w->errors.count; i++) {
		char *line = config_error_line(&w->errors.items[i], w->file);
		json_array_append_new(list, json_string(line));
		free(line);
	}
	message = json_pack("{s:s, s:o}", "type", "failed", "errors", list);
	if (message)
		channel_send(&w->channel, message);
	json_decref(message);
}

/* Those of the routes, and those that stand in for them. */
static void worker_send_needs(struct worker *w)
{
	json_t *list = json_array(), *message;
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&w->proxy.services.by_name, &i)))
		json_array_append_new(list, json_string(((const struct service *)e->value)->name));
	message = json_pack("{s:s, s:o}", "type", "needs", "services", list);
	channel_send(&w->channel, message);
	json_decref(message);
}

static void worker_send_ready(struct worker *w)
{
	json_t *list = json_array(), *message;

	for (size_t i = 0; i < w->proxy.plugins.image_count; i++) {
		const struct plugin_image *image = w->proxy.plugins.images[i];
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "name", image->name, "version",
						image->absent ? "" : image->plugin.version, "hash",
						image->hash));
	}
	message = json_pack("{s:s, s:o}", "type", "ready", "plugins", list);
	channel_send(&w->channel, message);
	json_decref(message);
}

/* The figures are in the slab; this only says that it is worth looking now.  What is not said
 * here, the control process sees on its next turn. */
static void worker_on_refused(struct proxy *p, struct service *s)
{
	struct worker *w = container_of(p, struct worker, proxy);
	uint64_t now = uv_now(&w->loop);

	if (now - s->looked_ms < WORKER_LOOK_MS || w->channel_gone || w->ending)
		return;
	s->looked_ms = now;
	json_t *message = json_pack("{s:s, s:s}", "type", "look", "service", s->name);
	channel_send(&w->channel, message);
	json_decref(message);
}

/* ---- draining and ending ---- */

static void worker_stop_listening(struct worker *w)
{
	for (int i = 0; i < w->listening; i++)
		listener_close(&w->listeners[i]);
	w->listening = 0;
	spares_close(&w->spares);
}

static void worker_close_upstreams(struct worker *w)
{
	size_t i = 0;
	struct map_entry *m;

	while ((m = map_next(&w->proxy.services.by_name, &i))) {
		struct service *s = m->value;
		for (size_t k = 0; k < s->endpoint_count; k++)
			upconn_close_idle(s->endpoints[k]);
	}
}

static void worker_end(struct worker *w)
{
	if (w->ending)
		return;
	w->ending = true;
	worker_stop_listening(w);
	proxy_close_all(&w->proxy);
	worker_close_upstreams(w);
	if (!w->channel_gone) {
		json_t *message = json_pack("{s:s}", "type", "drained");
		channel_send(&w->channel, message);
		json_decref(message);
	}
	worker_close_handles(w);
}

static void worker_on_conn_gone(struct proxy *p)
{
	struct worker *w = container_of(p, struct worker, proxy);
	if (w->draining && list_empty(&p->conns))
		worker_end(w);
}

/* Once both limits have passed, nothing is left that could be waited for. */
static void worker_on_drain_limit(uv_timer_t *timer)
{
	struct worker *w = timer->data;
	const struct slab_header *h = w->slab.header;

	if (h->connections_open > h->tunnels_open)
		log_warn("drain limit reached: connections are closed",
			 LOG_I("connections", h->connections_open - h->tunnels_open));
	if (uv_is_active((uv_handle_t *)&w->tunnel_limit))
		proxy_close_kind(&w->proxy, false);
	else
		worker_end(w);
}

static void worker_on_tunnel_limit(uv_timer_t *timer)
{
	struct worker *w = timer->data;

	if (w->slab.header->tunnels_open > 0)
		log_warn("drain limit of tunnels reached: they are closed",
			 LOG_I("tunnels", w->slab.header->tunnels_open));
	if (uv_is_active((uv_handle_t *)&w->drain_limit))
		proxy_close_kind(&w->proxy, true);
	else
		worker_end(w);
}

/* A limit that runs is not put off. */
static void worker_limit(uv_timer_t *timer, uv_timer_cb cb, uint64_t ms)
{
	if (!uv_is_active((uv_handle_t *)timer) || uv_timer_get_due_in(timer) > ms)
		uv_timer_start(timer, cb, ms, 0);
}

/* keep_idle: others take over, and nobody waits for this worker to end.  No time at all ends a
 * drain that is under way. */
static void worker_drain(struct worker *w, uint64_t limit_ms, uint64_t tunnel_ms, bool keep_idle)
{
	if (w->ending)
		return;
	if (w->draining && limit_ms == 0)
		worker_end(w);
	if (w->draining && (keep_idle || !w->proxy.keep_idle))
		return;
	w->draining = true;
	worker_stop_listening(w);
	proxy_drain(&w->proxy, keep_idle);
	worker_limit(&w->drain_limit, worker_on_drain_limit, limit_ms);
	worker_limit(&w->tunnel_limit, worker_on_tunnel_limit, tunnel_ms);
	if (list_empty(&w->proxy.conns))
		worker_end(w);
}

static void worker_on_connection(struct listener *l)
{
	struct worker *w = l->arg;
	proxy_accept(&w->proxy, &l->u.stream);
}

static int worker_listen(struct worker *w, struct error *e)
{
	for (int i = 0; i < w->listen_count; i++) {
		int r = listener_open(&w->listeners[i], &w->loop, WORKER_FD_LISTEN + i,
				      worker_on_connection, w);
		if (r)
			return error_set(e, "listen: %s", uv_strerror(r));
		w->listening++;
	}
	return 0;
}

/* Takes no connection before it knows where to relay to: a new generation would answer with 503
 * what the old one could relay. */
static void worker_serve(struct worker *w)
{
	struct error e = { "" };

	if (w->listening || w->draining || w->ending || w->status)
		return;
	if (worker_listen(w, &e) == 0) {
		worker_send_ready(w);
		return;
	}
	config_errors_add(&w->errors, NULL, "", "%s", e.text);
	worker_send_errors(w);
	w->status = 1;
	worker_end(w);
}

static void worker_on_message(struct channel *channel, const json_t *message, void *arg)
{
	struct worker *w = arg;

	(void)channel;
	if (!message) {
		/* The control process is gone: what is in hand is finished. */
		if (w->ending)
			return;
		w->channel_gone = true;
		log_warn("control process gone: draining");
		/* A supervisor starts another, which takes the next connections. */
		worker_drain(w, w->config->timeouts.drain, w->config->timeouts.drain, true);
		return;
	}
	const char *type = json_string_value(json_object_get(message, "type"));
	if (type && strcmp(type, "endpoints") == 0)
		services_update(&w->proxy.services, message, uv_now(&w->loop));
	else if (type && strcmp(type, "told") == 0)
		worker_serve(w);
	else if (type && strcmp(type, "hold") == 0)
		plugin_set_hold(&w->proxy.plugins, json_object_get(message, "plugins"));
	else if (type && strcmp(type, "adopt") == 0)
		spares_adopt(&w->spares,
			     (int)json_integer_value(json_object_get(message, "worker")),
			     json_is_true(json_object_get(message, "on")));
	else if (type && strcmp(type, "drain") == 0)
		worker_drain(w, (uint64_t)json_integer_value(json_object_get(message, "limit_ms")),
			     (uint64_t)json_integer_value(json_object_get(message, "tunnel_ms")),
			     json_is_true(json_object_get(message, "keep_idle")));
}

/* ---- starting ---- */

static void worker_beat(struct worker *w)
{
	w->slab.header->heartbeat_ns = clock_mono_ns();
}

static void worker_on_heartbeat(uv_timer_t *timer)
{
	worker_beat(timer->data);
}

static int worker_read_start(struct worker *w, struct error *e)
{
	const char *text = getenv("GATEHOUSE_WORKER");
	struct stat st;

	w->start = text ? json_loads(text, 0, NULL) : NULL;
	w->file = json_string_value(json_object_get(w->start, "file"));
	w->index = (int)json_integer_value(json_object_get(w->start, "worker"));
	w->generation = json_integer_value(json_object_get(w->start, "generation"));
	w->listen_count = (int)json_integer_value(json_object_get(w->start, "listen"));
	if (!w->file || w->listen_count < 1 || w->listen_count > WORKER_LISTEN_MAX)
		return error_set(e, "this command is for the gateway's own use: see gatehouse run");
	if (fstat(WORKER_FD_CONFIG, &st) || st.st_size <= 0)
		return error_set(e, "no configuration was handed down");
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, WORKER_FD_CONFIG, 0);
	if (p == MAP_FAILED)
		return error_set(e, "configuration: %s", strerror(errno));
	size_t n = (size_t)json_integer_value(json_object_get(w->start, "text"));
	if (n > (size_t)st.st_size)
		return error_set(e, "the configuration was not handed down whole");
	w->text = (struct str){ p, n };
	w->handed = (struct str){ (const char *)p + n, (size_t)st.st_size - n };
	return 0;
}

/* As configured, unless the command line said otherwise. */
static void worker_log(struct worker *w)
{
	char name[32];
	const json_t *level = json_object_get(w->start, "log_level");
	const json_t *format = json_object_get(w->start, "log_format");

	if (json_is_integer(level) && json_integer_value(level) >= 0)
		w->config->log_level = (int)json_integer_value(level);
	if (json_is_integer(format) && json_integer_value(format) >= 0)
		w->config->log_format = (int)json_integer_value(format);
	snprintf(name, sizeof(name), "worker %d", w->index);
	log_init((enum log_level)w->config->log_level, w->config->log_format == CONFIG_LOG_JSON,
		 name);
}

/* The descriptor of the first copy of a plugin: they are behind all sockets. */
static int worker_first_plugin(const struct worker *w)
{
	int each = (int)json_integer_value(json_object_get(w->start, "spare_each"));

	return WORKER_FD_LISTEN + w->listen_count +
	       (int)json_array_size(json_object_get(w->start, "spares")) * each;
}

/* Configuration, routes, plugins: every error is told to the control process. */
static int worker_load(struct worker *w)
{
	w->config = gateway_config_load(w->file, &w->text, &w->errors);
	if (!w->config)
		return -1;
	worker_log(w);
	if (handed_apply_text(w->config, w->handed, worker_first_plugin(w), &w->errors))
		return -1;
	confine_calls(w->config, w->slab.header, w->index == 0);
	w->proxy.config = w->config;
	w->proxy.slab = &w->slab;
	w->proxy.crowd = &w->crowd;
	w->proxy.loop = &w->loop;
	w->proxy.deadlines = &w->deadlines;
	w->routes = route_table_new(w->config, sizeof(struct plugin_chain), &w->errors);
	w->proxy.routes = w->routes;
	struct plugin_opening how = { .host = host_table(&w->proxy),
				      .running = &w->slab.header->running,
				      .held = json_object_get(w->start, "hold"),
				      .rooms = route_table_rooms(w->routes),
				      .load = true };
	if (plugin_set_open(&w->proxy.plugins, w->config, &how, &w->errors) || !w->routes)
		return -1;
	return 0;
}

static void worker_name_routes(struct worker *w)
{
	for (size_t i = 0; i < w->config->route_count && i < w->slab.header->route_count; i++)
		snprintf(w->slab.routes[i].name, SLAB_NAME_SIZE, "%s", w->config->routes[i].path);
}

static int worker_start(struct worker *w, struct error *e)
{
	worker_name_routes(w);
	proxy_init(&w->proxy);
	w->proxy.on_conn_gone = worker_on_conn_gone;
	w->proxy.on_refused = worker_on_refused;
	if (access_log_open(&w->proxy.log, &w->loop, w->config->access_log,
			    &w->slab.header->access_log_dropped, e))
		return -1;
	uv_timer_start(&w->heartbeat, worker_on_heartbeat, 0, WORKER_HEARTBEAT_MS);
	worker_send_needs(w);
	return 0;
}

static void worker_close_handles(struct worker *w)
{
	access_log_close(&w->proxy.log);
	if (w->proxy.fetcher)
		fetcher_close(w->proxy.fetcher);
	uv_close((uv_handle_t *)&w->heartbeat, NULL);
	uv_close((uv_handle_t *)&w->drain_limit, NULL);
	uv_close((uv_handle_t *)&w->tunnel_limit, NULL);
	deadlines_close(&w->deadlines);
	channel_close(&w->channel, NULL);
}

/* Signals are the control process's to act on: a Ctrl-C reaches the whole group. */
static void worker_ignore_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static int worker_run(struct worker *w)
{
	struct error e = { "" };

	if (worker_load(w)) {
		worker_send_errors(w);
		w->status = 1;
	} else if (worker_start(w, &e)) {
		config_errors_add(&w->errors, NULL, "", "%s", e.text);
		worker_send_errors(w);
		w->status = 1;
	}
	if (w->status && !w->ending) {
		channel_close(&w->channel, NULL);
		/* What was queued is written by the loop; then the process ends. */
		uv_run(&w->loop, UV_RUN_NOWAIT);
		uv_run(&w->loop, UV_RUN_NOWAIT);
		return w->status;
	}
	uv_run(&w->loop, UV_RUN_DEFAULT);
	return w->status;
}

int worker_main(void)
{
	static struct worker w;
	struct error e = { "" };

	worker_ignore_signals();
	confine_rights();
	if (worker_read_start(&w, &e) || slab_open(&w.slab, WORKER_FD_SLAB, &e) ||
	    crowd_open(&w.crowd, WORKER_FD_CROWD, &e)) {
		fprintf(stderr, "gatehouse worker: %s\n", e.text);
		return 2;
	}
	crash_catch(&w.slab.header->crash);
	w.slab.header->pid = getpid();
	w.slab.header->running.plugin = 0;
	w.slab.header->connections_open = w.slab.header->connections_idle = 0;
	w.slab.header->requests_active = w.slab.header->buffers_bytes = 0;
	w.slab.header->tunnels_open = 0;
	uv_loop_init(&w.loop);
	uv_timer_init(&w.loop, &w.heartbeat);
	uv_timer_init(&w.loop, &w.drain_limit);
	uv_timer_init(&w.loop, &w.tunnel_limit);
	w.heartbeat.data = w.drain_limit.data = w.tunnel_limit.data = &w;
	deadlines_init(&w.deadlines, &w.loop);
	spares_init(&w.spares, &w.loop, json_object_get(w.start, "spares"),
		    (int)json_integer_value(json_object_get(w.start, "spare_each")),
		    WORKER_FD_LISTEN + w.listen_count);
	w.spares.on_connection = worker_on_connection;
	w.spares.arg = &w;
	int r = channel_open(&w.channel, &w.loop, WORKER_FD_CHANNEL, worker_on_message, &w);
	if (r) {
		fprintf(stderr, "gatehouse worker: channel: %s\n", uv_strerror(r));
		return 2;
	}
	worker_beat(&w);
	int status = worker_run(&w);
	if (status)
		return status;
	proxy_fini(&w.proxy);
	plugin_set_close(&w.proxy.plugins);
	route_table_free(w.routes);
	gateway_config_free(w.config);
	config_errors_fini(&w.errors);
	slab_close(&w.slab);
	crowd_close(&w.crowd);
	json_decref(w.start);
	munmap((void *)(uintptr_t)w.text.p, w.text.n + w.handed.n);
	uv_loop_close(&w.loop);
	return 0;
}
