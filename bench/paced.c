/* SPDX-License-Identifier: Apache-2.0 */
/* paced -- an open-loop HTTP/1.1 load generator: requests fall due at a fixed rate, whatever the
 * answers do.
 * Run by: bench/compare, as `paced PORT PATH RATE CONNECTIONS SECONDS`, and tests/instance-kill,
 * with `METHOD BYTES STATUS` behind it: a body of so many bytes, and the answer that is right.
 * Prints one JSON object.
 * Never: slows down with the server.  A latency runs from the moment a request was due, not from
 * the moment a connection was free to send it, so a stall is charged to every request that it
 * delays (no coordinated omission). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   1000000000ULL
#define GRACE_NS   (2 * NS_PER_S) /* how long answers are awaited after the last request */
#define EVENTS_MAX 64
#define HEAD_MAX   8192

/* Log-linear buckets: 64 to each power of two, so a quantile is at most 1.6 % too high. */
#define SUB_BITS 6
#define SUBS     (1u << SUB_BITS)
#define BUCKETS  ((65 - SUB_BITS) * SUBS)

struct conn {
	int fd;
	bool in_head;
	size_t head_len;
	uint64_t body_left;
	uint64_t due;
	struct conn *next_free;
	char head[HEAD_MAX + 1];
};

struct load {
	uint64_t start, interval_x1024, total; /* ns; ns x 1024; requests */
	uint64_t sent, done, bad;
	struct conn *free_conns;
	char request[4096];
	size_t request_len;
	char right[32]; /* how a right answer begins */
	int poll_fd;
};

static uint64_t histogram[BUCKETS];
static uint64_t longest;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void fail(const char *why)
{
	fprintf(stderr, "paced: %s\n", why);
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void latency_add(uint64_t ns)
{
	unsigned int shift = 0;

	if (ns > longest)
		longest = ns;
	if (ns >= SUBS)
		shift = 63u - SUB_BITS - (unsigned int)__builtin_clzll(ns);
	histogram[shift * SUBS + (ns >> shift)]++;
}

/* The upper bound of the bucket that holds the given share of the answers, in microseconds. */
static double latency_quantile(double share, uint64_t count)
{
	uint64_t rank = (uint64_t)(share * (double)count + 0.5), seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		size_t shift = i < 2 * SUBS ? 0 : i / SUBS - 1;
		uint64_t upper = ((uint64_t)(i - shift * SUBS) + 1) << shift;

		seen += histogram[i];
		if (seen && seen >= rank)
			return (double)(upper < longest ? upper : longest) / 1000.0;
	}
	return (double)longest / 1000.0;
}

static uint64_t load_due(const struct load *l, uint64_t i)
{
	return l->start + (i * l->interval_x1024 >> 10);
}

static void load_send(struct load *l, struct conn *c)
{
	ssize_t n;

	c->due = load_due(l, l->sent++);
	c->in_head = true;
	c->head_len = 0;
	do
		n = send(c->fd, l->request, l->request_len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)l->request_len)
		die("paced: send");
}

/* Sends what is due as long as a connection is free.  What is left waits, and its clock runs. */
static void load_send_due(struct load *l)
{
	uint64_t now = clock_ns();

	while (l->free_conns && l->sent < l->total && load_due(l, l->sent) <= now) {
		struct conn *c = l->free_conns;

		l->free_conns = c->next_free;
		load_send(l, c);
	}
}

static void conn_done(struct load *l, struct conn *c)
{
	latency_add(clock_ns() - c->due);
	l->done++;
	c->next_free = l->free_conns;
	l->free_conns = c;
}

/* Takes Content-Length from a complete head; an answer without one cannot be followed. */
static void conn_on_head(struct load *l, struct conn *c, char *body)
{
	const char *at;

	*body = '\0';
	if (strncmp(c->head, l->right, strlen(l->right)) != 0)
		l->bad++;
	at = strcasestr(c->head, "\r\ncontent-length:");
	if (!at)
		fail("no Content-Length in an answer");
	c->in_head = false;
	c->body_left = strtoull(at + 17, NULL, 10);
}

/* Reads one piece.  True when that ended the answer. */
static bool conn_read(struct load *l, struct conn *c)
{
	char sink[65536];
	ssize_t n;
	size_t got;
	char *blank;

	if (!c->in_head) {
		n = recv(c->fd, sink, sizeof(sink), 0);
	} else {
		if (c->head_len == HEAD_MAX)
			fail("the head of an answer is too large");
		n = recv(c->fd, c->head + c->head_len, HEAD_MAX - c->head_len, 0);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		die("paced: recv");
	if (n == 0)
		fail("the server closed a connection");
	got = (size_t)n;
	if (c->in_head) {
		c->head_len += got;
		c->head[c->head_len] = '\0';
		blank = strstr(c->head, "\r\n\r\n");
		if (!blank)
			return false;
		got = c->head_len - (size_t)(blank + 4 - c->head);
		conn_on_head(l, c, blank + 2);
	}
	if (got > c->body_left)
		fail("an answer is longer than its Content-Length");
	c->body_left -= got;
	return c->body_left == 0;
}

static void conn_open(struct load *l, uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct conn *c = calloc(1, sizeof(*c));
	struct epoll_event ev = { .events = EPOLLIN };
	int on = 1;

	if (!c)
		die("paced: calloc");
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("paced: connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ev.data.ptr = c;
	if (epoll_ctl(l->poll_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("paced: epoll_ctl");
	c->next_free = l->free_conns;
	l->free_conns = c;
}

/* Waits for answers, but not past the next due time, nor past `end`. */
static int load_wait(struct load *l, struct epoll_event *events, uint64_t end)
{
	uint64_t now = clock_ns(), until = end;
	struct timespec wait = { 0 };

	if (l->free_conns && l->sent < l->total && load_due(l, l->sent) < until)
		until = load_due(l, l->sent);
	if (until > now) {
		wait.tv_sec = (time_t)((until - now) / NS_PER_S);
		wait.tv_nsec = (long)((until - now) % NS_PER_S);
	}
	return epoll_pwait2(l->poll_fd, events, EVENTS_MAX, &wait, NULL);
}

static void load_run(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t end;

	l->start = clock_ns();
	end = load_due(l, l->total) + GRACE_NS;
	while (l->done < l->total && clock_ns() < end) {
		int n;

		load_send_due(l);
		n = load_wait(l, events, end);
		if (n < 0 && errno != EINTR)
			die("paced: epoll_pwait2");
		for (int i = 0; i < n; i++) {
			if (conn_read(l, events[i].data.ptr))
				conn_done(l, events[i].data.ptr);
		}
	}
}

static double number_parse(const char *text, double least, double most)
{
	char *rest;
	double n = strtod(text, &rest);

	if (rest == text || *rest || !(n >= least && n <= most)) {
		fprintf(stderr, "paced: \"%s\" is not a number from %g to %g\n", text, least, most);
		exit(2);
	}
	return n;
}

/* more: NULL, or method, length of the body, status. */
static bool request_make(struct load *l, uint16_t port, const char *path, char **more)
{
	size_t body = more ? (size_t)number_parse(more[1], 0, 2048) : 0;
	char length[64] = "";
	int n;

	if (more)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body);
	n = snprintf(l->request, sizeof(l->request),
		     "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", more ? more[0] : "GET", path,
		     port, length);
	if (n < 0 || (size_t)n + body >= sizeof(l->request))
		return false;
	memset(l->request + n, 'x', body);
	l->request_len = (size_t)n + body;
	snprintf(l->right, sizeof(l->right), "HTTP/1.1 %.3s", more ? more[2] : "200");
	return true;
}

int main(int argc, char **argv)
{
	static struct load l;
	double rate, seconds;
	int conns;
	uint16_t port;

	if (argc != 6 && argc != 9) {
		fprintf(stderr, "usage: paced PORT PATH RATE CONNECTIONS SECONDS "
				"[METHOD BYTES STATUS]\n");
		return 2;
	}
	port = (uint16_t)number_parse(argv[1], 1, 65535);
	rate = number_parse(argv[3], 1, 10e6);
	conns = (int)number_parse(argv[4], 1, 10000);
	seconds = number_parse(argv[5], 0.1, 3600);
	if (!request_make(&l, port, argv[2], argc == 9 ? argv + 6 : NULL)) {
		fprintf(stderr, "paced: the path or the body is too long\n");
		return 2;
	}
	l.interval_x1024 = (uint64_t)(1024e9 / rate);
	l.total = (uint64_t)(rate * seconds);
	l.poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l.poll_fd < 0)
		die("paced: epoll_create1");
	/* Without this the kernel may wake the process 50 us after a due time. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	for (int i = 0; i < conns; i++)
		conn_open(&l, port);
	load_run(&l);
	printf("{\"due\": %llu, \"sent\": %llu, \"completed\": %llu, \"bad\": %llu, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
	       (unsigned long long)l.total, (unsigned long long)l.sent, (unsigned long long)l.done,
	       (unsigned long long)l.bad, latency_quantile(0.5, l.done),
	       latency_quantile(0.99, l.done), latency_quantile(0.999, l.done),
	       (double)longest / 1000.0);
	return 0;
}
