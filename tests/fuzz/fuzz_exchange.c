/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_exchange -- whole exchanges: a client's bytes through the real proxy to an origin and back,
 * over sockets, on one loop and in one thread.  What reaches the origin must be requests that the
 * second reader (strict.h) finds in the client's bytes, with the same ends; what reaches the client
 * must be answers, and a whole one only where the origin's was whole.
 *
 * Input: a byte of flags, the client's bytes, and perhaps "\n--origin--\n" and the bytes that the
 * origin answers the first request with before it closes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "net/listener.h"
#include "proxy/conn.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "route/table.h"
#include "strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bits of the first byte; the low three say how large the client's pieces are.  EARLY: the script
 * is played when the first bytes of a request have come; UNASKED: when the connection has. */
enum { FLAG_PIECES = 7, FLAG_EARLY = 8, FLAG_RESET = 16, FLAG_UNASKED = 32 };
enum { FLAG_TOO_EARLY = FLAG_EARLY | FLAG_UNASKED };
enum { FUZZ_CONNS = 64, FUZZ_REQUESTS = 64, FUZZ_IDLE_MS = 5000 };

static const char fuzz_config[] =
	"{\"listen\": \"127.0.0.1:1\", \"admin\": \"off\", \"access_log\": \"off\","
	" \"limits\": {\"head\": \"2KiB\", \"response_head\": \"2KiB\", \"headers\": 30,"
	" \"uri\": \"512\", \"body\": \"2KiB\", \"chunk_extension\": \"64\"},"
	" \"services\": {\"origin\": {\"endpoints\": [\"127.0.0.1:1\"]}},"
	" \"routes\": [{\"path\": \"/*\", \"plugin\": \"fuzz\"},"
	" {\"path\": \"/\", \"plugin\": \"fuzz\"}]}";

static const char fuzz_mark[] = "\n--origin--\n";
static const char fuzz_ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* What lives for the whole run of the fuzzer. */
static struct fuzz_world {
	uv_loop_t loop;
	struct deadlines deadlines;
	struct slab slab;
	struct proxy proxy;
	struct listener listener;
	struct plugin_image image;
	const struct gh_host *host;
	struct sockaddr_in gateway;
	int origin; /* listening */
	bool ready;
} fuzz_world;

/* The origin's end of a connection. */
struct fuzz_conn {
	int fd;
	struct buf got;
	size_t parsed;
};

/* One input. */
struct fuzz_run {
	struct str in, script;
	unsigned flags;
	int client;
	size_t sent;
	bool shut, eof, reset, moved;
	struct buf got;
	struct fuzz_conn conns[FUZZ_CONNS];
	size_t conn_count;
	struct strict_message asked[FUZZ_REQUESTS];   /* in the client's bytes */
	struct strict_message arrived[FUZZ_REQUESTS]; /* at the origin, whole; each in copies */
	char *copies[FUZZ_REQUESTS];
	size_t asked_count, arrived_count;
	bool scripted; /* the script was played */
};

/* ---- the world ---- */

static enum gh_verdict fuzz_on_request(struct gh_request *r)
{
	return fuzz_world.host->relay(r, "origin");
}

static int fuzz_listen(struct sockaddr_in *address)
{
	socklen_t n = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(fd >= 0 && bind(fd, (struct sockaddr *)address, n) == 0 && listen(fd, 64) == 0);
	must(getsockname(fd, (struct sockaddr *)address, &n) == 0);
	return fd;
}

static void fuzz_on_connection(struct listener *l)
{
	proxy_accept(&fuzz_world.proxy, &l->u.stream);
}

/* A chain of one handler for each route, as if plugin_set_open() had loaded it. */
static void fuzz_open_plugins(struct plugin_set *set, const struct gateway_config *config,
			      void *const *rooms)
{
	static const char *services[] = { "origin" };

	fuzz_world.image.name = (char *)(uintptr_t) "fuzz";
	fuzz_world.image.plugin.on_request = fuzz_on_request;
	set->config = config;
	set->chain_count = config->route_count;
	set->chains = xcalloc(config->route_count, sizeof(struct plugin_chain *));
	for (size_t i = 0; i < set->chain_count; i++) {
		struct plugin_chain *chain = set->chains[i] = rooms[i];
		chain->uses = &chain->only;
		chain->uses[0] = (struct gh_route){ .image = &fuzz_world.image,
						    .use = &config->routes[i].handler,
						    .services = services,
						    .service_count = 1,
						    .route = (uint32_t)i,
						    .opened = true,
						    .set = set };
		chain->use_count = 1;
		chain->count[CHAIN_ON_REQUEST] = 1;
	}
}

static void fuzz_name_endpoint(struct services *all, const struct sockaddr_in *address)
{
	json_t *message = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:i, s:i}]}", "type",
				    "endpoints", "service", "origin", "state", "live", "endpoints",
				    "id", "one", "address", "127.0.0.1", "port",
				    (int)ntohs(address->sin_port), "weight", 1);
	services_update(all, message, 0);
	json_decref(message);
}

static void fuzz_set_up(void)
{
	struct proxy *p = &fuzz_world.proxy;
	struct str text = { fuzz_config, sizeof(fuzz_config) - 1 };
	struct config_errors errors = { 0 };
	struct sockaddr_in origin;
	struct error e;

	signal(SIGPIPE, SIG_IGN);
	must(uv_loop_init(&fuzz_world.loop) == 0);
	deadlines_init(&fuzz_world.deadlines, &fuzz_world.loop);
	p->config = gateway_config_read("/fuzz/gateway.json", &text, &errors);
	must(p->config && config_errors_total(&errors) == 0);
	p->routes = route_table_new(p->config, sizeof(struct plugin_chain), &errors);
	must(p->routes != NULL);
	must(slab_create(&fuzz_world.slab, 0, 1, (uint32_t)p->config->route_count, 4, &e) == 0);
	p->loop = &fuzz_world.loop;
	p->deadlines = &fuzz_world.deadlines;
	p->slab = &fuzz_world.slab;
	fuzz_world.host = host_table(p);
	fuzz_open_plugins(&p->plugins, p->config, route_table_rooms(p->routes));
	proxy_init(p);
	fuzz_world.origin = fuzz_listen(&origin);
	fuzz_name_endpoint(&p->services, &origin);
	int fd = fuzz_listen(&fuzz_world.gateway);
	must(listener_open(&fuzz_world.listener, p->loop, fd, fuzz_on_connection, NULL) == 0);
	fuzz_world.ready = true;
}

/* ---- the client ---- */

/* Without TIME_WAIT: there would soon be no port left. */
static void fuzz_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void fuzz_connect(struct fuzz_run *run)
{
	const struct sockaddr *to = (const struct sockaddr *)&fuzz_world.gateway;

	run->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(run->client >= 0 && connect(run->client, to, sizeof(fuzz_world.gateway)) == 0);
	fcntl(run->client, F_SETFL, O_NONBLOCK);
}

static void fuzz_client_send(struct fuzz_run *run)
{
	static const size_t pieces[] = { 0, 1, 3, 16, 64, 100, 500, 2000 };
	size_t left = run->in.n - run->sent, piece = pieces[run->flags & FLAG_PIECES];

	if (left && !run->reset) {
		ssize_t n = send(run->client, run->in.p + run->sent,
				 piece && piece < left ? piece : left, MSG_NOSIGNAL);
		run->moved = run->moved || n > 0;
		run->sent += n > 0 ? (size_t)n : 0;
		/* The gateway has closed: the rest is not for anybody. */
		if (n < 0 && errno != EAGAIN) {
			run->reset = errno == ECONNRESET;
			run->sent = run->in.n;
		}
	} else if (!run->shut) {
		shutdown(run->client, SHUT_WR);
		run->shut = run->moved = true;
	}
}

/* Reads what there is.  False at the end. */
static bool fuzz_receive(struct fuzz_run *run, int fd, struct buf *got, bool *reset)
{
	char *room = buf_room(got, 8192);
	ssize_t n;

	must(room != NULL);
	n = recv(fd, room, 8192, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return true;
	run->moved = true;
	if (n > 0)
		got->n += (size_t)n;
	else if (reset)
		*reset = *reset || n < 0;
	return n > 0;
}

static void fuzz_client(struct fuzz_run *run)
{
	fuzz_client_send(run);
	if (!run->eof && !fuzz_receive(run, run->client, &run->got, &run->reset))
		run->eof = true;
}

/* ---- the origin ---- */

static void fuzz_origin_close(struct fuzz_run *run, struct fuzz_conn *c)
{
	if (run->flags & FLAG_RESET)
		fuzz_close(c->fd);
	else
		close(c->fd);
	c->fd = -1;
	run->moved = true;
}

static void fuzz_play(struct fuzz_run *run, struct fuzz_conn *c)
{
	run->scripted = true;
	if (run->script.n)
		send(c->fd, run->script.p, run->script.n, MSG_NOSIGNAL);
	fuzz_origin_close(run, c);
}

static void fuzz_origin_accept(struct fuzz_run *run)
{
	int fd = accept4(fuzz_world.origin, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	must(run->conn_count < FUZZ_CONNS);
	struct fuzz_conn *c = &run->conns[run->conn_count++];
	c->fd = fd;
	run->moved = true;
	if (run->script.p && (run->flags & FLAG_UNASKED) && !run->scripted)
		fuzz_play(run, c);
}

/* A whole request is kept apart, since the buffer it came in may move.  False: not whole yet; one
 * that is not valid is the gateway's fault. */
static bool fuzz_note(struct fuzz_run *run, struct fuzz_conn *c)
{
	struct strict_message *m = &run->arrived[run->arrived_count];
	const char *p = c->got.p + c->parsed;
	enum strict_result r = strict_request(m, p, c->got.n - c->parsed);
	size_t n = m->end;

	must(r != STRICT_BAD);
	strict_fini(m);
	if (r != STRICT_WHOLE)
		return false;
	run->copies[run->arrived_count] = malloc(n);
	memcpy(run->copies[run->arrived_count], p, n);
	must(strict_request(m, run->copies[run->arrived_count], n) == STRICT_WHOLE);
	c->parsed += n;
	must(++run->arrived_count < FUZZ_REQUESTS);
	return true;
}

static void fuzz_origin_read(struct fuzz_run *run, struct fuzz_conn *c)
{
	bool open = fuzz_receive(run, c->fd, &c->got, NULL);

	if (c->got.n && run->script.p && (run->flags & FLAG_EARLY) && !run->scripted)
		fuzz_play(run, c);
	while (c->fd >= 0 && c->parsed < c->got.n && fuzz_note(run, c)) {
		if (run->script.p && !run->scripted)
			fuzz_play(run, c);
		else
			send(c->fd, fuzz_ok, sizeof(fuzz_ok) - 1, MSG_NOSIGNAL);
	}
	if (!open && c->fd >= 0)
		fuzz_origin_close(run, c);
}

static void fuzz_origin(struct fuzz_run *run)
{
	fuzz_origin_accept(run);
	for (size_t i = 0; i < run->conn_count; i++)
		if (run->conns[i].fd >= 0)
			fuzz_origin_read(run, &run->conns[i]);
}

/* ---- one input ---- */

/* Nobody had anything to do: waits until somebody has. */
static void fuzz_wait(const struct fuzz_run *run, unsigned *idle)
{
	struct pollfd fds[FUZZ_CONNS + 3] = {
		{ .fd = uv_backend_fd(&fuzz_world.loop), .events = POLLIN },
		{ .fd = run->client, .events = POLLIN },
		{ .fd = fuzz_world.origin, .events = POLLIN },
	};
	nfds_t n = 3;

	for (size_t i = 0; i < run->conn_count; i++)
		fds[n++] = (struct pollfd){ .fd = run->conns[i].fd, .events = POLLIN };
	if (poll(fds, n, 10) == 0)
		must((*idle += 10) < FUZZ_IDLE_MS);
}

static void fuzz_drive(struct fuzz_run *run)
{
	unsigned idle = 0;

	while (!run->eof) {
		run->moved = false;
		fuzz_client(run);
		uv_run(&fuzz_world.loop, UV_RUN_NOWAIT);
		fuzz_origin(run);
		uv_run(&fuzz_world.loop, UV_RUN_NOWAIT);
		if (!run->moved)
			fuzz_wait(run, &idle);
	}
}

/* Everything is closed, and nothing of it is left. */
static void fuzz_finish(struct fuzz_run *run)
{
	struct proxy *p = &fuzz_world.proxy;
	struct service *s = services_get(&p->services, "origin");

	fuzz_close(run->client);
	run->client = -1;
	for (unsigned turn = 0; !list_empty(&p->conns) || p->upstream.open; turn++) {
		must(turn < 5000);
		fuzz_origin(run);
		upconn_close_idle(s->endpoints[0]);
		uv_run(&fuzz_world.loop, UV_RUN_NOWAIT);
		if (turn > 100)
			usleep(1000);
	}
	for (size_t i = 0; i < run->conn_count; i++)
		if (run->conns[i].fd >= 0)
			fuzz_close(run->conns[i].fd);
	must(p->stats->connections_open == 0 && p->stats->connections_idle == 0);
	must(p->stats->requests_active == 0 && s->endpoints[0]->active == 0);
	/* So that no input depends on those before it. */
	s->retry_tokens = 10;
}

/* ---- judgement ---- */

static void fuzz_read_asked(struct fuzz_run *run)
{
	size_t at = 0;

	while (at < run->in.n && run->asked_count < FUZZ_REQUESTS) {
		struct strict_message *m = &run->asked[run->asked_count];
		enum strict_result r = strict_request(m, run->in.p + at, run->in.n - at);
		if (r != STRICT_WHOLE) {
			strict_fini(m);
			return;
		}
		at += m->end;
		run->asked_count++;
	}
}

static bool fuzz_same(const struct strict_message *a, const struct strict_message *b)
{
	return a->method.n == b->method.n && memcmp(a->method.p, b->method.p, a->method.n) == 0 &&
	       a->body_n == b->body_n && memcmp(a->body, b->body, a->body_n) == 0;
}

/* The requests at the origin are those of the client, in order.  The gateway answers OPTIONS about
 * itself, and may send twice what may be sent twice; an origin that answers too early does not see
 * them all. */
static void fuzz_judge_requests(const struct fuzz_run *run)
{
	size_t next = 0;

	for (size_t i = 0; i < run->arrived_count; i++) {
		const struct strict_message *m = &run->arrived[i];
		struct strict_text value;

		must(m->minor == 1 && strict_count(m, "host", &value) == 1);
		must(strict_count(m, "x-request-id", &value) == 1);
		must(strict_count(m, "connection", &value) == 0 || strict_is(value, "upgrade") ||
		     strict_is(value, "TE"));
		if (i && next && fuzz_same(m, &run->asked[next - 1]) &&
		    !(next < run->asked_count && fuzz_same(m, &run->asked[next])))
			continue;
		while (next < run->asked_count && !fuzz_same(m, &run->asked[next])) {
			must(strict_is(run->asked[next].method, "OPTIONS") ||
			     (run->flags & FLAG_TOO_EARLY));
			next++;
		}
		must(next++ < run->asked_count);
	}
}

static bool fuzz_is_ours(const struct strict_message *m)
{
	struct strict_text type = { NULL, 0 };

	strict_count(m, "content-type", &type);
	return strict_is(type, "application/problem+json");
}

static bool fuzz_is_head(const struct strict_message *m)
{
	return m->method.n == 4 && memcmp(m->method.p, "HEAD", 4) == 0;
}

/* The answer to the request of that number; behind the last one that is known it may be to a HEAD
 * that was no good otherwise. */
static enum strict_result fuzz_read_answer(const struct fuzz_run *run, size_t number, size_t at,
					   struct strict_message *m)
{
	bool known = number < run->asked_count;
	bool to_head = known && fuzz_is_head(&run->asked[number]);
	enum strict_result r = strict_response(m, run->got.p + at, run->got.n - at, to_head);

	if (known || r != STRICT_HEAD || m->head != run->got.n - at)
		return r;
	strict_fini(m);
	return strict_response(m, run->got.p + at, run->got.n - at, true);
}

/* A whole answer to the first request, made of the script, says what a strict reader of the script
 * says. */
static void fuzz_judge_script(const struct fuzz_run *run, const struct strict_message *answer)
{
	struct strict_message m = { 0 };
	bool to_head = fuzz_is_head(&run->asked[0]);
	enum strict_result r;
	size_t at = 0;

	do {
		strict_fini(&m);
		at += m.end;
		r = strict_response(&m, run->script.p + at, run->script.n - at, to_head);
	} while (r == STRICT_WHOLE && m.status < 200 && m.status != 101);
	if (r != STRICT_BAD || m.status != 204) {
		must(r == STRICT_WHOLE && m.status == answer->status);
		must(m.framing != STRICT_CLOSE || !(run->flags & FLAG_RESET));
		must(m.body_n == answer->body_n && memcmp(m.body, answer->body, m.body_n) == 0);
	}
	strict_fini(&m);
}

/* Whether the first answer is made of the script: not by the gateway, nor in a second try. */
static bool fuzz_is_scripted(const struct fuzz_run *run, const struct strict_message *answer)
{
	bool again = run->arrived_count > 1 && fuzz_same(&run->arrived[0], &run->arrived[1]);

	return run->script.p && run->asked_count && run->arrived_count && !again &&
	       !(run->flags & FLAG_TOO_EARLY) && !fuzz_is_ours(answer) &&
	       fuzz_same(&run->arrived[0], &run->asked[0]);
}

static void fuzz_judge_answers(const struct fuzz_run *run)
{
	size_t at = 0, number = 0;

	while (at < run->got.n) {
		struct strict_message m;
		enum strict_result r = fuzz_read_answer(run, number, at, &m);
		bool whole = r == STRICT_WHOLE && !(m.framing == STRICT_CLOSE && run->reset);

		must(r != STRICT_BAD);
		must(whole || run->script.p);
		if (whole && m.status >= 200) {
			must(number++ <= run->asked_count);
			if (number == 1 && fuzz_is_scripted(run, &m))
				fuzz_judge_script(run, &m);
		}
		at = whole ? at + m.end : run->got.n;
		if (m.status == 101)
			at = run->got.n;
		strict_fini(&m);
	}
}

static void fuzz_forget(struct fuzz_run *run)
{
	for (size_t i = 0; i < run->asked_count; i++)
		strict_fini(&run->asked[i]);
	for (size_t i = 0; i < run->arrived_count; i++) {
		strict_fini(&run->arrived[i]);
		free(run->copies[i]);
	}
	for (size_t i = 0; i < run->conn_count; i++)
		buf_fini(&run->conns[i].got);
	buf_fini(&run->got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_run run;

	if (!fuzz_world.ready)
		fuzz_set_up();
	if (size < 2)
		return 0;
	memset(&run, 0, sizeof(run));
	run.flags = data[0];
	run.in = (struct str){ (const char *)data + 1, size - 1 };
	const char *mark = memmem(run.in.p, run.in.n, fuzz_mark, sizeof(fuzz_mark) - 1);
	if (mark) {
		run.script.p = mark + sizeof(fuzz_mark) - 1;
		run.script.n = (size_t)(run.in.p + run.in.n - run.script.p);
		run.in.n = (size_t)(mark - run.in.p);
	}
	fuzz_read_asked(&run);
	fuzz_connect(&run);
	fuzz_drive(&run);
	fuzz_finish(&run);
	fuzz_judge_requests(&run);
	fuzz_judge_answers(&run);
	fuzz_forget(&run);
	return 0;
}
