/* SPDX-License-Identifier: Apache-2.0 */
/* unit/dns_peer.h -- a DNS server for unit tests: a thread that answers over TCP by a table.
 * Called by: tests/unit/test_dns*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_DNS_PEER_H
#define GATEHOUSE_TESTS_DNS_PEER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "discovery/dns_message.h"
#include "suite.h"

/* ---- messages ---- */

static inline void dns_put16(struct buf *b, unsigned n)
{
	buf_char(b, (char)(n >> 8));
	buf_char(b, (char)n);
}

/* A name without pointers; "" is the root. */
static inline void dns_put_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		buf_char(b, (char)n);
		buf_append(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_char(b, '\0');
}

static inline void dns_put_fixed(struct buf *b, const char *name, unsigned type, uint32_t ttl,
				 size_t length)
{
	dns_put_name(b, name);
	dns_put16(b, type);
	dns_put16(b, 1);
	dns_put16(b, ttl >> 16);
	dns_put16(b, ttl & 0xffff);
	dns_put16(b, (unsigned)length);
}

static inline void dns_put_address(struct buf *b, const char *name, uint32_t ttl, const char *text)
{
	unsigned char bytes[16];
	bool ipv6 = strchr(text, ':') != NULL;

	ck_assert_int_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, text, bytes), 1);
	dns_put_fixed(b, name, ipv6 ? DNS_AAAA : DNS_A, ttl, ipv6 ? 16 : 4);
	buf_append(b, bytes, ipv6 ? 16 : 4);
}

static inline void dns_put_srv(struct buf *b, const char *name, uint32_t ttl, unsigned priority,
			       unsigned weight, unsigned port, const char *host)
{
	struct buf data = { 0 };

	dns_put16(&data, priority);
	dns_put16(&data, weight);
	dns_put16(&data, port);
	dns_put_name(&data, host);
	dns_put_fixed(b, name, DNS_SRV, ttl, data.n);
	buf_append(b, data.p, data.n);
	buf_fini(&data);
}

/* The head of an answer to one question; flags without the bit that says so. */
static inline void dns_put_head(struct buf *b, unsigned flags, unsigned answers, unsigned extra)
{
	dns_put16(b, 0);
	dns_put16(b, 0x8000 | flags);
	dns_put16(b, 1);
	dns_put16(b, answers);
	dns_put16(b, 0);
	dns_put16(b, extra);
}

/* ---- the server ---- */

enum { DNS_PEER_ROWS = 16, DNS_PEER_SILENT = 0x100, DNS_PEER_CUT = 0x200 };

/* What is answered to one question; what is not in the table does not exist (NXDOMAIN). */
struct dns_peer_row {
	const char *name;
	int type;
	unsigned code; /* RCODE, or DNS_PEER_SILENT, or DNS_PEER_CUT: without the last byte */
	unsigned answers, extra;
	struct buf records;
};

struct dns_peer {
	int fd;
	char address[32];
	pthread_t thread;
	pthread_mutex_t lock;
	struct dns_peer_row rows[DNS_PEER_ROWS];
	size_t count;
	unsigned asked;
	unsigned limit, most; /* questions on one connection; 0: none; as many as there were */
};

static inline struct dns_peer_row *dns_peer_find(struct dns_peer *p, const char *name, int type)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->rows[i].type == type && strcmp(p->rows[i].name, name) == 0)
			return &p->rows[i];
	return NULL;
}

/* Begins a row anew; the caller puts the records and counts them, with p->lock held. */
static inline struct dns_peer_row *dns_peer_row(struct dns_peer *p, const char *name, int type,
						unsigned code)
{
	struct dns_peer_row *row = dns_peer_find(p, name, type);

	ck_assert_uint_lt(p->count, DNS_PEER_ROWS);
	if (!row)
		row = &p->rows[p->count++];
	buf_fini(&row->records);
	*row = (struct dns_peer_row){ .name = name, .type = type, .code = code };
	return row;
}

/* Reads exactly so much. */
static inline bool dns_peer_read(int fd, unsigned char *out, size_t n)
{
	return recv(fd, out, n, MSG_WAITALL) == (ssize_t)n;
}

static inline void dns_peer_answer(struct dns_peer *p, int fd, const unsigned char *query, size_t n)
{
	struct buf out = { 0 };
	struct dns_peer_row *row;
	char name[DNS_NAME_SIZE] = "";
	size_t at = 12, used = 0;

	while (query[at]) {
		used += (size_t)snprintf(name + used, sizeof(name) - used, "%s%.*s",
					 used ? "." : "", query[at], (const char *)query + at + 1);
		at += 1U + query[at];
	}
	pthread_mutex_lock(&p->lock);
	p->asked++;
	row = dns_peer_find(p, name, query[at + 1] << 8 | query[at + 2]);
	dns_put16(&out, 0);
	dns_put_head(&out, 0x180 | (row ? row->code & 0xff : 3), row ? row->answers : 0,
		     row ? row->extra : 0);
	buf_append(&out, query + 12, at + 5 - 12);
	if (row)
		buf_append(&out, row->records.p, row->records.n);
	if (row && row->code & DNS_PEER_CUT)
		out.n--;
	out.p[0] = (char)((out.n - 2) >> 8);
	out.p[1] = (char)(out.n - 2);
	memcpy(out.p + 2, query, 2);
	if (!row || !(row->code & DNS_PEER_SILENT))
		ck_assert_int_eq(send(fd, out.p, out.n, MSG_NOSIGNAL), (ssize_t)out.n);
	pthread_mutex_unlock(&p->lock);
	buf_fini(&out);
	(void)n;
}

static inline void *dns_peer_run(void *arg)
{
	struct dns_peer *p = arg;
	unsigned char query[512], head[2];
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		unsigned n = 0;

		while ((!p->limit || n < p->limit) && dns_peer_read(fd, head, 2) &&
		       (head[0] << 8 | head[1]) < 512 &&
		       dns_peer_read(fd, query, (size_t)(head[0] << 8 | head[1])))
			dns_peer_answer(p, fd, query, (size_t)(head[0] << 8 | head[1])), n++;
		p->most = n > p->most ? n : p->most;
		close(fd);
	}
	return NULL;
}

static inline void dns_peer_start(struct dns_peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);

	*p = (struct dns_peer){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
	ck_assert_int_eq(bind(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(p->fd, (struct sockaddr *)&a, &size), 0);
	ck_assert_int_eq(listen(p->fd, 16), 0);
	snprintf(p->address, sizeof(p->address), "127.0.0.1:%d", ntohs(a.sin_port));
	pthread_mutex_init(&p->lock, NULL);
	ck_assert_int_eq(pthread_create(&p->thread, NULL, dns_peer_run, p), 0);
}

/* After the client has closed its connections. */
static inline void dns_peer_stop(struct dns_peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
	for (size_t i = 0; i < p->count; i++)
		buf_fini(&p->rows[i].records);
}

#endif
