/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/fetch.h"
#include "proxy/host.h"
#include "route/table.h"

enum {
	RIG_TICK_MS = 10,
	RIG_LIMIT_S = 10,
	RIG_TEXT = 128 * 1024,
	RIG_PIECE = 512 * 1024,
	RIG_STILL = 10, /* turns without a byte, of RIG_TICK_MS each, in which nothing is taken */
};

struct rig rig;

/* ---- time ---- */

static void rig_on_tick(uv_timer_t *timer)
{
	(void)timer;
}

uint64_t rig_limit(void)
{
	return uv_hrtime() + (uint64_t)(suite_timeout() / 60 * RIG_LIMIT_S * 1e9);
}

void rig_turn(uint64_t limit, const char *what)
{
	ck_assert_msg(uv_hrtime() < limit, "not in time: %s", what);
	uv_run(&rig.loop, UV_RUN_ONCE);
}

void rig_turns(int n)
{
	while (n-- > 0)
		uv_run(&rig.loop, UV_RUN_ONCE);
}

/* ---- texts ---- */

/* Where @NAME leads, and how long the name is; NULL: it is no name. */
static const char *rig_name(const char *at, size_t *n)
{
	static const struct {
		const char *name, *variable, *otherwise;
	} dirs[] = { { "@plugins", "PLUGIN_DIR", "plugins" },
		     { "@lab", "TEST_PLUGIN_DIR", "tests/plugins" } };

	*n = 2;
	if (at[1] >= '0' && at[1] < '0' + RIG_ORIGINS)
		return rig.origins[at[1] - '0'].address;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (strncmp(at, dirs[i].name, *n = strlen(dirs[i].name)) == 0) {
			const char *dir = getenv(dirs[i].variable);
			return dir ? dir : dirs[i].otherwise;
		}
	*n = 5;
	if (strncmp(at, "@none", *n) == 0)
		return rig.none;
	*n = 4;
	return strncmp(at, "@log", *n) == 0 ? rig.log : NULL;
}

/* The text with quotes and names put in: free() it. */
static char *rig_expand(const char *text)
{
	struct buf out = { .limit = RIG_TEXT };
	const char *value;
	size_t n;

	for (; *text; text++) {
		if (*text == '@' && (value = rig_name(text, &n))) {
			buf_str_append(&out, str_from(value));
			text += n - 1;
		} else {
			buf_char(&out, *text == '\'' ? '"' : *text);
		}
	}
	buf_char(&out, '\0');
	ck_assert(!out.failed);
	return out.p;
}

enum rig_match { RIG_SAME, RIG_BEGINS, RIG_DIFFERS };

static enum rig_match rig_match(const char *p, size_t n, const char *expected)
{
	const char *end = p + n;

	for (; *expected; expected++) {
		if (*expected == '~') {
			while (p < end && *p != expected[1] && *p != '\r' && *p != '\n')
				p++;
			continue;
		}
		if (p == end)
			return RIG_BEGINS;
		if (*p++ != *expected)
			return RIG_DIFFERS;
	}
	return p == end ? RIG_SAME : RIG_DIFFERS;
}

void rig_like(const char *text, const char *expected)
{
	char *want = rig_expand(expected);

	ck_assert_msg(rig_match(text, strlen(text), want) == RIG_SAME,
		      "the text is\n%s\nand not\n%s", text, want);
	free(want);
}

/* ---- peers ---- */

static struct rig_peer *rig_peer_new(void)
{
	struct rig_peer *peer = calloc(1, sizeof(*peer));

	ck_assert_uint_lt(rig.peer_count, RIG_PEERS);
	ck_assert_ptr_nonnull(peer);
	uv_tcp_init(&rig.loop, &peer->tcp);
	peer->tcp.data = peer;
	rig.peers[rig.peer_count++] = peer;
	return peer;
}

static void rig_peer_close(struct rig_peer *peer)
{
	if (!peer->closing)
		uv_close((uv_handle_t *)&peer->tcp, NULL);
	peer->closing = true;
}

static void rig_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct rig_peer *peer = handle->data;

	*buf = uv_buf_init(buf_room(&peer->got, suggested), (unsigned)suggested);
}

/* libuv calls a hang-up behind the last bytes an end, even when it was a reset. */
static bool rig_has_error(const struct rig_peer *peer)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno((const uv_handle_t *)&peer->tcp, &fd) == 0 &&
	       recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN;
}

static void rig_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct rig_peer *peer = stream->data;

	(void)buf;
	if (n > 0)
		peer->got.n += (size_t)n;
	else if (n == UV_EOF && !rig_has_error(peer))
		peer->ended = true;
	else if (n < 0)
		peer->reset = true;
	if (n < 0)
		uv_read_stop(stream);
}

void rig_resume(struct rig_peer *peer)
{
	uv_read_start((uv_stream_t *)&peer->tcp, rig_on_alloc, rig_on_read);
}

void rig_pause(struct rig_peer *peer)
{
	uv_read_stop((uv_stream_t *)&peer->tcp);
}

/* Pieces go out as they are sent, and all that comes is read. */
static void rig_peer_begin(struct rig_peer *peer)
{
	uv_tcp_nodelay(&peer->tcp, 1);
	rig_resume(peer);
}

struct rig_written {
	uv_write_t req;
	char bytes[];
};

static void rig_on_written(uv_write_t *req, int status)
{
	struct rig_peer *peer = req->handle->data;

	(void)status;
	peer->writes--;
	free(req->data);
}

void rig_send_bytes(struct rig_peer *peer, const char *p, size_t n)
{
	struct rig_written *w = malloc(sizeof(*w) + n);
	uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)n);

	memcpy(w->bytes, p, n);
	w->req.data = w;
	peer->writes++;
	if (uv_write(&w->req, (uv_stream_t *)&peer->tcp, &buf, 1, rig_on_written)) {
		peer->writes--;
		free(w);
	}
}

size_t rig_fill(struct rig_peer *peer)
{
	uv_stream_t *stream = (uv_stream_t *)&peer->tcp;
	char *piece = malloc(RIG_PIECE);
	size_t n = 0, before, left;
	uint64_t limit = rig_limit();

	for (int still = 0; still < RIG_STILL && !peer->ended && !peer->reset;
	     still = left && left == before ? still + 1 : 0) {
		before = uv_stream_get_write_queue_size(stream);
		if (before == 0) {
			for (size_t i = 0; i < RIG_PIECE; i++, n++)
				piece[i] = (char)('a' + n % 23);
			rig_send_bytes(peer, piece, RIG_PIECE);
			before = uv_stream_get_write_queue_size(stream);
		}
		rig_turn(limit, "no more is taken");
		left = uv_stream_get_write_queue_size(stream);
	}
	free(piece);
	return n;
}

void rig_filled(struct rig_peer *peer, size_t n)
{
	rig_resume(peer);
	rig_until(peer->got.n >= n || peer->ended || peer->reset);
	ck_assert_uint_eq(peer->got.n, n);
	for (size_t i = 0; i < n; i++)
		if (peer->got.p[i] != (char)('a' + i % 23))
			ck_abort_msg("byte %zu is another", i);
	buf_clear(&peer->got);
}

void rig_send(struct rig_peer *peer, const char *text)
{
	char *bytes = rig_expand(text);

	rig_send_bytes(peer, bytes, strlen(bytes));
	free(bytes);
}

void rig_end(struct rig_peer *peer)
{
	ck_assert_int_eq(uv_shutdown(&peer->shutdown, (uv_stream_t *)&peer->tcp, NULL), 0);
}

void rig_reset(struct rig_peer *peer)
{
	peer->closing = true;
	ck_assert_int_eq(uv_tcp_close_reset(&peer->tcp, NULL), 0);
}

struct rig_peer *rig_connect(void)
{
	struct sockaddr_storage address;
	int n = sizeof(address), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	uv_tcp_getsockname(&rig.listener.u.tcp, (struct sockaddr *)&address, &n);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, (socklen_t)n), 0);
	struct rig_peer *peer = rig_peer_new();
	ck_assert_int_eq(uv_tcp_open(&peer->tcp, fd), 0);
	rig_peer_begin(peer);
	return peer;
}

struct rig_peer *rig_accepted(unsigned origin, unsigned i)
{
	rig_until(rig.origins[origin].count > i);
	return rig.origins[origin].accepted[i];
}

void rig_got(struct rig_peer *peer, const char *expected)
{
	char *want = rig_expand(expected);
	uint64_t limit = rig_limit();
	enum rig_match m;

	while ((m = rig_match(peer->got.p, peer->got.n, want)) == RIG_BEGINS && !peer->ended &&
	       !peer->reset && uv_hrtime() < limit)
		rig_turn(limit, "bytes");
	ck_assert_msg(m == RIG_SAME, "got%s\n%.*s\nand not\n%s",
		      peer->ended ? ", and the end," : "", (int)peer->got.n, peer->got.p, want);
	buf_clear(&peer->got);
	free(want);
}

void rig_answer(struct rig_peer *origin, struct rig_peer *client)
{
	rig_send(origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No Content\r\n" RIG_VIA);
}

void rig_ended(struct rig_peer *peer)
{
	rig_until(peer->ended || peer->reset);
	ck_assert(peer->ended && !peer->reset);
	rig_got(peer, "");
}

void rig_was_reset(struct rig_peer *peer)
{
	rig_until(peer->ended || peer->reset);
	ck_assert(peer->reset && !peer->ended);
	rig_got(peer, "");
}

/* ---- origins ---- */

static void rig_on_origin(uv_stream_t *server, int status)
{
	struct rig_origin *o = server->data;

	ck_assert_int_eq(status, 0);
	struct rig_peer *peer = rig_peer_new();
	ck_assert_int_eq(uv_accept(server, (uv_stream_t *)&peer->tcp), 0);
	ck_assert_uint_lt(o->count, RIG_PEERS);
	o->accepted[o->count++] = peer;
	rig_peer_begin(peer);
}

/* A socket on a port that the kernel picks, and its address as text. */
static int rig_bind(char *text, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	snprintf(text, size, "127.0.0.1:%u", ntohs(address.sin_port));
	return fd;
}

static void rig_origin_open(struct rig_origin *o)
{
	uv_tcp_init(&rig.loop, &o->tcp);
	o->tcp.data = o;
	ck_assert_int_eq(uv_tcp_open(&o->tcp, rig_bind(o->address, sizeof(o->address))), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&o->tcp, 64, rig_on_origin), 0);
}

/* ---- the gateway ---- */

static void rig_on_connection(struct listener *l)
{
	proxy_accept(l->arg, &l->u.stream);
}

static void rig_on_conn_gone(struct proxy *p)
{
	(void)p;
	rig.conns_gone++;
}

static void rig_on_refused(struct proxy *p, struct service *s)
{
	(void)p;
	rig.refused = s->name;
}

void rig_endpoints(const char *service, const char *state, const char *list)
{
	char *text = rig_expand(list);
	json_t *message = json_pack("{s:s, s:s, s:o}", "service", service, "state", state,
				    "endpoints", json_loads(text, 0, NULL));

	ck_assert_ptr_nonnull(message);
	services_update(&rig.proxy.services, message, uv_now(&rig.loop));
	json_decref(message);
	free(text);
}

/* As discovery publishes a service that has "endpoints"; position is the place of its counters. */
static void rig_publish(const struct config_service *s, size_t *position)
{
	struct buf list = { .limit = RIG_TEXT };

	buf_char(&list, '[');
	for (size_t i = 0; i < s->endpoint_count; i++) {
		const struct config_endpoint *e = &s->endpoints[i];
		buf_printf(&list, "%s{'id': '%s:%u', 'address': '%s', 'port': %u, 'weight': %u",
			   i ? ", " : "", e->host, e->port, e->host, e->port, e->weight);
		buf_printf(&list, ", 'zone': '%s', 'slot': %zu}", e->zone ? e->zone : "",
			   (*position)++);
	}
	buf_lit(&list, "]\0");
	rig_endpoints(s->name, s->endpoint_count ? "live" : "empty", list.p);
	buf_fini(&list);
}

static void rig_load(const char *members)
{
	struct buf text = { .limit = RIG_TEXT };
	char *expanded = rig_expand(members), *why;

	buf_printf(&text, "{\"listen\": [\"127.0.0.1:1\"], \"admin\": \"off\", %s%s}",
		   strstr(members, "'access_log'") ? "" : "\"access_log\": \"off\", ", expanded);
	free(expanded);
	struct str s = buf_str(&text);
	rig.config = gateway_config_load("f", &s, &rig.errors);
	if (rig.config)
		rig.routes = route_table_new(rig.config, sizeof(struct plugin_chain), &rig.errors);
	why = rig.errors.count ? rig.errors.items[0].text : NULL;
	ck_assert_msg(rig.routes != NULL, "%s in %s", why ? why : "?", text.p);
	buf_fini(&text);
}

static void rig_start(void)
{
	struct gateway_config *config = rig.config;
	struct error e = { "" };

	ck_assert_int_eq(slab_create(&rig.slab, 0, 1, (uint32_t)config->route_count, 8, &e), 0);
	for (size_t i = 0; i < config->route_count; i++)
		snprintf(rig.slab.routes[i].name, SLAB_NAME_SIZE, "%s", config->routes[i].path);
	deadlines_init(&rig.deadlines, &rig.loop);
	rig.proxy = (struct proxy){ .config = config,
				    .slab = &rig.slab,
				    .loop = &rig.loop,
				    .deadlines = &rig.deadlines,
				    .routes = rig.routes,
				    .on_conn_gone = rig_on_conn_gone,
				    .on_refused = rig_on_refused };
	struct plugin_opening how = { .host = host_table(&rig.proxy),
				      .running = &rig.slab.header->running,
				      .rooms = route_table_rooms(rig.routes),
				      .load = true };
	if (plugin_set_open(&rig.proxy.plugins, config, &how, &rig.errors))
		ck_abort_msg("%s", rig.errors.items[0].text);
	proxy_init(&rig.proxy);
	ck_assert_int_eq(access_log_open(&rig.proxy.log, &rig.loop, config->access_log,
					 &rig.slab.header->access_log_dropped, &e),
			 0);
}

void rig_open(const char *members)
{
	char address[32];
	size_t position = 0;

	log_init(LOG_ERROR + 1, false, "rig");
	signal(SIGPIPE, SIG_IGN);
	memset(&rig, 0, sizeof(rig));
	uv_loop_init(&rig.loop);
	uv_timer_init(&rig.loop, &rig.tick);
	uv_timer_start(&rig.tick, rig_on_tick, RIG_TICK_MS, RIG_TICK_MS);
	for (int i = 0; i < RIG_ORIGINS; i++)
		rig_origin_open(&rig.origins[i]);
	/* Its port was another's a moment ago, and nobody listens on it now. */
	close(rig_bind(rig.none, sizeof(rig.none)));
	snprintf(rig.log, sizeof(rig.log), "/tmp/proxy_rig.%ld.log", (long)getpid());
	rig_load(members);
	rig_start();
	for (size_t i = 0; i < rig.config->service_count; i++)
		if (rig.config->services[i].discovery == CONFIG_STATIC)
			rig_publish(&rig.config->services[i], &position);
	int off = 0, fd = rig_bind(address, sizeof(address));
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(listener_open(&rig.listener, &rig.loop, fd, rig_on_connection, &rig.proxy),
			 0);
	/* Else a connection without bytes comes after a second. */
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &off, sizeof(off));
}

static void rig_close_gateway(void)
{
	size_t i = 0;
	struct map_entry *m;

	listener_close(&rig.listener);
	proxy_close_all(&rig.proxy);
	while ((m = map_next(&rig.proxy.services.by_name, &i))) {
		struct service *s = m->value;
		for (size_t k = 0; k < s->endpoint_count; k++)
			upconn_close_idle(s->endpoints[k]);
	}
	access_log_close(&rig.proxy.log);
	if (rig.proxy.fetcher)
		fetcher_close(rig.proxy.fetcher);
	deadlines_close(&rig.deadlines);
}

static void rig_close_test(void)
{
	for (int i = 0; i < RIG_ORIGINS; i++)
		uv_close((uv_handle_t *)&rig.origins[i].tcp, NULL);
	for (unsigned i = 0; i < rig.peer_count; i++)
		rig_peer_close(rig.peers[i]);
	uv_close((uv_handle_t *)&rig.tick, NULL);
	uv_run(&rig.loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < rig.peer_count; i++) {
		buf_fini(&rig.peers[i]->got);
		free(rig.peers[i]);
	}
}

void rig_close(void)
{
	for (unsigned i = 0; i < rig.peer_count; i++)
		ck_assert_msg(rig.peers[i]->got.n == 0, "a peer got, too,\n%.*s",
			      (int)rig.peers[i]->got.n, rig.peers[i]->got.p);
	rig_close_gateway();
	rig_close_test();
	ck_assert_uint_eq(rig.proxy.upstream.open, 0);
	ck_assert_int_eq(rig.slab.header->connections_open, 0);
	ck_assert_int_eq(rig.slab.header->connections_idle, 0);
	ck_assert_int_eq(rig.slab.header->requests_active, 0);
	/* Read buffers are the loop's, and stay. */
	int64_t kept = (int64_t)((1 + rig.proxy.rbufs.spare_count) * sizeof(struct rbuf));
	proxy_fini(&rig.proxy);
	ck_assert_int_eq(rig.slab.header->buffers_bytes, kept);
	plugin_set_close(&rig.proxy.plugins);
	route_table_free(rig.routes);
	gateway_config_free(rig.config);
	config_errors_fini(&rig.errors);
	slab_close(&rig.slab);
	ck_assert_int_eq(uv_loop_close(&rig.loop), 0);
	unlink(rig.log);
}

/* ---- what became of it ---- */

const char *rig_log_text(void)
{
	static char text[RIG_TEXT];
	ssize_t n;

	access_log_flush(&rig.proxy.log);
	rig_until(!rig.proxy.log.busy);
	int fd = open(rig.log, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(n = read(fd, text, sizeof(text) - 1), 0);
	text[n] = '\0';
	close(fd);
	return text;
}

uint64_t rig_ends(enum end_reason reason)
{
	return rig.slab.header->ended[reason];
}

struct conn *rig_conn(void)
{
	const struct list *all = &rig.proxy.conns;

	rig_until(!list_empty(all));
	ck_assert_ptr_eq(all->next, all->prev);
	return container_of(all->next, struct conn, link);
}

struct service *rig_service(const char *name)
{
	return services_get(&rig.proxy.services, name);
}
