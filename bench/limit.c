/* SPDX-License-Identifier: Apache-2.0 */
/* limit -- a bare epoll relay, the floor against which the gateways are measured.
 * Run by: bench/compare, as `limit LISTEN_PORT ORIGIN_PORT [once]`.
 * Never: looks at a byte of what it relays, so it knows no requests, only two streams.
 *
 * Each client connection is tied to one origin connection.  A hop is one read() and one write();
 * where a flow fills the buffer it goes on through splice() and is not copied any more.  When the
 * client goes, its origin connection is kept for the next client, which is what a gateway's
 * keep-alive pool does.  With `once`, the first read of an answer is taken for the whole of it and
 * ends the client's connection: the floor for one request per connection. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUF_SIZE   65536
#define PIPE_SIZE  131072
#define BULK_LEAST 32768 /* a flow that brings less at a time is read and written again */
#define EVENTS_MAX 256

/* A buffer: the one being read into, one holding what an end could not yet take, or a spare. */
struct buf {
	struct buf *next;
	size_t from, to;
	char bytes[BUF_SIZE];
};

/* A pipe for splice(): what it holds waits to be written. */
struct duct {
	struct duct *next;
	int in, out;
	size_t filled;
};

/* One end of a relayed pair.  A kept origin connection has no peer. */
struct end {
	int fd;
	bool is_client;
	bool answered; /* origin: the last bytes on it came from the origin */
	bool hung_up;  /* the kernel has reported the end of what this end sends */
	bool finish;   /* close the pair as soon as what waits is written */
	bool bulk;     /* what this end sends is spliced */
	struct end *peer;
	struct end *next; /* in `kept_ends` or `dead_ends` */
	/* Waiting to be written to this end; nothing is read for it meanwhile. */
	struct buf *held;
	struct duct *duct;
};

static int poll_fd;
static struct sockaddr_in origin_addr;
static struct buf *scratch;
static struct buf *spare_bufs;
static struct duct *spare_ducts;
static bool once;
static struct end *kept_ends;
static struct end *dead_ends; /* freed after the batch: later events may still name them */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct buf *buf_take(void)
{
	struct buf *b = spare_bufs;

	if (b)
		spare_bufs = b->next;
	else if (!(b = malloc(sizeof(*b))))
		die("limit: malloc");
	return b;
}

static void buf_give(struct buf *b)
{
	b->next = spare_bufs;
	spare_bufs = b;
}

static struct duct *duct_take(void)
{
	struct duct *d = spare_ducts;
	int fds[2];

	if (d) {
		spare_ducts = d->next;
		return d;
	}
	d = calloc(1, sizeof(*d));
	if (!d || pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		die("limit: pipe2");
	d->out = fds[0];
	d->in = fds[1];
	/* May be refused to an ordinary user: then it stays smaller. */
	fcntl(d->in, F_SETPIPE_SZ, PIPE_SIZE);
	return d;
}

/* Only an empty one serves again. */
static void duct_give(struct duct *d)
{
	if (d->filled) {
		close(d->in);
		close(d->out);
		free(d);
		return;
	}
	d->next = spare_ducts;
	spare_ducts = d;
}

static void end_kill(struct end *e)
{
	close(e->fd);
	e->fd = -1;
	if (e->held)
		buf_give(e->held);
	if (e->duct)
		duct_give(e->duct);
	e->held = NULL;
	e->duct = NULL;
	e->peer = NULL;
	e->next = dead_ends;
	dead_ends = e;
}

static void kept_unlink(struct end *e)
{
	struct end **at = &kept_ends;

	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
}

static struct end *end_new(int fd, bool is_client)
{
	struct end *e = calloc(1, sizeof(*e));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	if (!e)
		die("limit: calloc");
	e->fd = fd;
	e->is_client = is_client;
	ev.data.ptr = e;
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("limit: epoll_ctl");
	return e;
}

/* Lends a kept origin connection, or begins a new one; what is written before it is connected
 * waits in `held`. */
static struct end *origin_take(void)
{
	struct end *e = kept_ends;
	int fd, on = 1;

	if (e) {
		kept_ends = e->next;
		e->next = NULL;
		e->answered = false;
		e->bulk = false;
		return e;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("limit: socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&origin_addr, sizeof(origin_addr)) < 0 &&
	    errno != EINPROGRESS)
		die("limit: connect");
	return end_new(fd, false);
}

static bool end_waits(const struct end *e)
{
	return e->held || e->duct;
}

/* Ends the client.  Its origin connection is kept if an answer was the last thing on it and all
 * of that was passed on; should the rest of a cut answer still arrive, the kept end is closed. */
static void pair_close(struct end *client)
{
	struct end *origin = client->peer;
	bool keep = origin->answered && !origin->hung_up && !end_waits(origin) &&
		    !end_waits(client);

	end_kill(client);
	if (!keep) {
		end_kill(origin);
		return;
	}
	origin->peer = NULL;
	origin->next = kept_ends;
	kept_ends = origin;
}

static void end_finish(struct end *e)
{
	struct end *peer = e->peer;

	if (!peer) {
		kept_unlink(e);
		end_kill(e);
	} else if (e->is_client) {
		pair_close(e);
	} else if (end_waits(peer)) {
		e->hung_up = true;
		peer->finish = true;
	} else {
		e->hung_up = true;
		pair_close(peer);
	}
}

/* The peer of the end being read has taken no more: what is still to come must reach nobody. */
static void end_fail(struct end *e)
{
	struct end *origin = e->is_client ? e->peer : e;

	origin->answered = false;
	end_finish(e->peer);
}

/* Writes what `b` holds: 1 all of it, 0 the socket is full, -1 the connection is gone. */
static int buf_write(struct buf *b, int fd)
{
	while (b->from < b->to) {
		ssize_t n = write(fd, b->bytes + b->from, b->to - b->from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
		b->from += (size_t)n;
	}
	return 1;
}

/* The same for a pipe. */
static int duct_write(struct duct *d, int fd)
{
	while (d->filled) {
		ssize_t n = splice(d->out, NULL, fd, NULL, d->filled,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		d->filled -= (size_t)n;
	}
	return 1;
}

/* Splices until the socket is empty or the peer's is full. */
static void end_pump_bulk(struct end *e)
{
	struct duct *d = duct_take();
	size_t total = 0;

	for (;;) {
		ssize_t n = splice(e->fd, NULL, d->in, NULL, PIPE_SIZE,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		int done;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			duct_give(d);
			e->bulk = total >= BULK_LEAST;
			return;
		}
		if (n <= 0) {
			duct_give(d);
			end_finish(e);
			return;
		}
		total += (size_t)n;
		d->filled = (size_t)n;
		done = duct_write(d, e->peer->fd);
		if (done < 0) {
			duct_give(d);
			end_fail(e);
			return;
		}
		if (!done) {
			e->peer->duct = d;
			return;
		}
	}
}

/* Passes what `scratch` holds on to the peer: false when the pair is closed by it. */
static bool end_pass(struct end *e)
{
	int done = buf_write(scratch, e->peer->fd);

	if (done < 0) {
		end_fail(e);
		return false;
	}
	if (!done) {
		e->peer->held = scratch;
		scratch = buf_take();
	} else if (once && !e->is_client) {
		pair_close(e->peer);
		return false;
	}
	return true;
}

/* Reads until the socket is empty and writes each read to the peer.  A short read means empty
 * (epoll(7)) unless an end was reported, which must then be read as well. */
static void end_pump_small(struct end *e)
{
	while (!e->bulk && !end_waits(e->peer)) {
		ssize_t n = read(e->fd, scratch->bytes, BUF_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end_finish(e);
			return;
		}
		scratch->from = 0;
		scratch->to = (size_t)n;
		if (e->is_client)
			e->peer->answered = false;
		else
			e->answered = true;
		if (!end_pass(e) || (n < BUF_SIZE && !e->hung_up))
			return;
		e->bulk = n == BUF_SIZE;
	}
}

static void end_pump(struct end *e)
{
	if (e->fd < 0 || !e->peer)
		return;
	if (!e->bulk)
		end_pump_small(e);
	if (e->fd >= 0 && e->peer && e->bulk && !end_waits(e->peer))
		end_pump_bulk(e);
}

/* Writes what waited for this end, then takes up reading from its peer again. */
static void end_flush(struct end *e)
{
	int done = e->held ? buf_write(e->held, e->fd) : duct_write(e->duct, e->fd);

	if (done < 0) {
		end_finish(e);
		return;
	}
	if (!done)
		return;
	if (e->held)
		buf_give(e->held);
	else
		duct_give(e->duct);
	e->held = NULL;
	e->duct = NULL;
	if (e->finish)
		pair_close(e);
	else
		end_pump(e->peer);
}

static void end_on_events(struct end *e, uint32_t events)
{
	if (e->fd < 0)
		return;
	if (!e->peer) {
		/* Kept: writable is no news, anything else means that it is of no more use. */
		if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			end_finish(e);
		return;
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		e->hung_up = true;
	if ((events & EPOLLOUT) && end_waits(e))
		end_flush(e);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end_pump(e);
}

static void listener_accept(int listen_fd)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct end *client, *origin;

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
			return;
		if (fd < 0)
			die("limit: accept4");
		client = end_new(fd, true);
		origin = origin_take();
		client->peer = origin;
		origin->peer = client;
	}
}

/* The accepted sockets inherit TCP_NODELAY from the listening one. */
static int listener_open(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		die("limit: socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("limit: bind");
	if (listen(fd, 4096) < 0)
		die("limit: listen");
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("limit: epoll_ctl");
	return fd;
}

static uint16_t port_parse(const char *text)
{
	char *rest;
	long port = strtol(text, &rest, 10);

	if (*rest || port < 1 || port > 65535) {
		fprintf(stderr, "limit: \"%s\" is not a port\n", text);
		exit(2);
	}
	return (uint16_t)port;
}

static void dead_free(void)
{
	while (dead_ends) {
		struct end *e = dead_ends;

		dead_ends = e->next;
		free(e);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	struct rlimit files;
	int listen_fd;

	once = argc == 4 && strcmp(argv[3], "once") == 0;
	if (argc != 3 && !once) {
		fprintf(stderr, "usage: limit LISTEN_PORT ORIGIN_PORT [once]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	origin_addr.sin_family = AF_INET;
	origin_addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	origin_addr.sin_port = htons(port_parse(argv[2]));
	scratch = buf_take();
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0)
		die("limit: epoll_create1");
	listen_fd = listener_open(port_parse(argv[1]));
	for (;;) {
		int n = epoll_wait(poll_fd, events, EVENTS_MAX, -1);

		if (n < 0 && errno != EINTR)
			die("limit: epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				end_on_events(events[i].data.ptr, events[i].events);
			else
				listener_accept(listen_fd);
		}
		dead_free();
	}
}
