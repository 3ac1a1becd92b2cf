/* SPDX-License-Identifier: Apache-2.0 */
/* unit/peer.h -- an HTTP server that answers one request, and what it was asked.
 * Called by: tests/unit/test_*.c.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_PEER_H
#define GATEHOUSE_TESTS_PEER_H

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

/* Somebody who listens; who answers is a child process, and the request is in a pipe. */
static struct {
	int fd, request;
	unsigned port;
	pid_t pid;
} peer;

static inline void peer_tcp(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);

	inet_pton(AF_INET, address, &in.sin_addr);
	peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(peer.fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(getsockname(peer.fd, (struct sockaddr *)&in, &size), 0);
	peer.port = ntohs(in.sin_port);
}

static inline void peer_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	peer.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(peer.fd, (struct sockaddr *)&un, sizeof(un)), 0);
}

static inline size_t body_size(const char *head)
{
	const char *field = strstr(head, "Content-Length: ");

	return field ? strtoul(field + 16, NULL, 10) : 0;
}

/* In the child: one request, as far as it fits, and the answer to it. */
_Noreturn static void peer_serve(const char *answer, int out)
{
	static char text[1 << 16];
	size_t used = 0;
	const char *end;
	int c = accept(peer.fd, NULL, NULL);

	alarm((unsigned)suite_timeout());
	do {
		ssize_t n = read(c, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		end = strstr(text, "\r\n\r\n");
	} while (!end || used < (size_t)(end - text) + 4 + body_size(text));
	if (write(out, text, used) != (ssize_t)used || dprintf(c, "%s", answer) < 0)
		_exit(1);
	_exit(0);
}

static inline void peer_answer(const char *answer)
{
	int fds[2];

	ck_assert_int_eq(listen(peer.fd, 5), 0);
	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	peer.pid = fork();
	if (peer.pid == 0)
		peer_serve(answer, fds[1]);
	close(fds[1]);
	peer.request = fds[0];
}

/* The child's end, and the request. */
static inline const char *peer_end(void)
{
	static char text[1 << 16];
	ssize_t n = read(peer.request, text, sizeof(text) - 1);
	int status = -1;

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(waitpid(peer.pid, &status, 0), peer.pid);
	ck_assert_int_eq(status, 0);
	close(peer.request);
	close(peer.fd);
	return text;
}

static inline void peer_answer_json(const char *status, const char *body)
{
	char answer[8192];

	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
		 strlen(body), body);
	peer_answer(answer);
}

/* HOST:PORT */
static inline const char *peer_address(const char *host)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s:%u", host, peer.port);
	return text;
}

#endif
