/* SPDX-License-Identifier: Apache-2.0 */
#include "control/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "config/gateway.h"
#include "control/passed.h"

/* The kernel takes net.core.somaxconn when that is less. */
enum { LISTEN_BACKLOG = 4096 };

/* What to bind to. */
struct listen_address {
	struct sockaddr_storage sa;
	socklen_t size;
};

static int listen_error(struct error *e, const char *text, int error)
{
	const char *more = "";

	if (error == EADDRINUSE)
		more = " (is another gatehouse or service running there?)";
	else if (error == EACCES)
		more = " (ports below 1024 need CAP_NET_BIND_SERVICE or root)";
	else if (error == EADDRNOTAVAIL)
		more = " (no network interface has this address)";
	return error_set(e, "cannot listen on %s: %s%s", text,
			 error == EADDRINUSE ? "address already in use" : strerror(error), more);
}

static int listen_resolve(const struct config_listen *l, uint16_t port, struct listen_address *out,
			  struct error *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_PASSIVE };
	struct addrinfo *found;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	int rc = getaddrinfo(l->host, service, &hints, &found);
	if (rc)
		return error_set(e, "cannot listen on %s: %s", l->text, gai_strerror(rc));
	memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
	out->size = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int listen_option(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on));
}

/* A socket bound to the address: its descriptor, or -1 and errno. */
static int listen_bind(const struct listen_address *a, bool shared)
{
	int family = a->sa.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (listen_option(fd, SOL_SOCKET, SO_REUSEADDR) ||
	    (shared && listen_option(fd, SOL_SOCKET, SO_REUSEPORT)) ||
	    (family == AF_INET6 && listen_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    bind(fd, (const struct sockaddr *)&a->sa, a->size)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* SO_REUSEPORT lets a second gateway of the same user take the same port without a word, and
 * half of the connections with it: a socket without that option finds out. */
static int listen_probe(const struct listen_address *a)
{
	int fd = listen_bind(a, false);

	if (fd < 0)
		return -1;
	/* bind() alone passes beside a socket that is bound and not listening yet. */
	int rc = listen(fd, 1);
	int error = errno;
	close(fd);
	errno = error;
	return rc;
}

static uint16_t listen_port_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &size))
		return 0;
	if (sa.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)&sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *)(const void *)&sa)->sin_port);
}

/* Adds one socket; fd -1 with errno is the error of whoever made it.  Only the first listens, so
 * that nobody else takes the address: a listening socket gets its share of the connections, and so
 * the others wait for the worker that will accept from them. */
static int listen_add(struct listener *l, int fd)
{
	if (fd < 0)
		return -1;
	if (l->count == 0 && listen(fd, LISTEN_BACKLOG)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	l->fds = xrealloc(l->fds, (l->count + 1) * sizeof(*l->fds));
	l->fds[l->count++] = fd;
	return 0;
}

static void listen_name_tcp(struct listener *l, const struct config_listen *config)
{
	snprintf(l->url, sizeof(l->url),
		 strchr(config->host, ':') ? "http://[%s]:%u" : "http://%s:%u", config->host,
		 l->port);
}

/* As many sockets as there are workers, unless others than our own are there: beside one that
 * somebody else has bound, or that was bound before this process dropped its rights, no other can
 * be. */
static int listen_open_tcp(struct listener *l, const struct config_listen *config, uint32_t workers,
			   bool probe, struct error *e)
{
	bool first = l->count == 0;
	struct listen_address a;

	if (l->shared)
		return 0;
	if (listen_resolve(config, first ? config->port : l->port, &a, e))
		return -1;
	if (probe && listen_probe(&a))
		return listen_error(e, l->text, errno);
	while (l->count < workers) {
		if (listen_add(l, listen_bind(&a, true))) {
			if (l->count == 0)
				return listen_error(e, l->text, errno);
			log_info("no further sockets for this address: workers share them",
				 LOG_S("on", l->text), LOG_U("sockets", l->count),
				 LOG_S("why", strerror(errno)));
			l->shared = true;
			break;
		}
		if (l->count > 1 || !first)
			continue;
		l->port = listen_port_of(l->fds[0]);
		if (listen_resolve(config, l->port, &a, e))
			return -1;
	}
	listen_name_tcp(l, config);
	return 0;
}

/* Whether somebody answers at a unix socket's file. */
static bool listen_unix_alive(const struct listen_address *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 ? 0 : connect(fd, (const struct sockaddr *)&a->sa, a->size);
	bool alive = rc == 0 || errno != ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return alive;
}

static int listen_unix_clear(const struct listener *l, const struct listen_address *a,
			     struct error *e)
{
	struct stat st;

	if (lstat(l->path, &st))
		return errno == ENOENT ? 0 : listen_error(e, l->text, errno);
	if (!S_ISSOCK(st.st_mode))
		return error_set(e, "cannot listen on %s: a file that is not a socket is there",
				 l->text);
	if (listen_unix_alive(a))
		return listen_error(e, l->text, EADDRINUSE);
	return unlink(l->path) ? listen_error(e, l->text, errno) : 0;
}

/* The socket's file is ours to remove. */
static void listen_own_file(struct listener *l)
{
	struct stat st;

	if (lstat(l->path, &st) == 0) {
		l->device = st.st_dev;
		l->inode = st.st_ino;
	}
	snprintf(l->url, sizeof(l->url), "unix:%s", l->path);
}

static int listen_open_unix(struct listener *l, const struct config_listen *config, struct error *e)
{
	struct listen_address a = { .size = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&a.sa;

	if (l->count)
		return 0;
	l->shared = true;
	l->path = xstrdup(config->path);
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", l->path);
	if (listen_unix_clear(l, &a, e))
		return -1;
	if (listen_add(l, listen_bind(&a, false)))
		return listen_error(e, l->text, errno);
	listen_own_file(l);
	return 0;
}

/* Takes the sockets of that address that the process was started with; each stays in the set too,
 * for a reload that listens on the address again.  Those of another gateway are as our own. */
static void listen_adopt(struct listen_set *set, struct listener *l,
			 const struct config_listen *config)
{
	struct passed *p;
	size_t at = 0;

	while ((p = passed_find(set->passed, config, l->key, &at))) {
		int fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			break;
		l->fds = xrealloc(l->fds, (l->count + 1) * sizeof(*l->fds));
		l->fds[l->count++] = fd;
		l->foreign = l->foreign || !p->ours;
		l->shared = l->foreign || config->path;
		p->taken = true;
		if (config->path) {
			l->path = l->path ? l->path : xstrdup(config->path);
			snprintf(l->url, sizeof(l->url), "unix:%s", l->path);
			if (p->ours)
				listen_own_file(l);
		}
	}
	if (l->count == 0 || config->path)
		return;
	l->port = listen_port_of(l->fds[0]);
	listen_name_tcp(l, config);
}

static void listen_close(const struct listen_set *set, struct listener *l)
{
	struct stat st;

	for (uint32_t i = l->given; i < l->count; i++)
		close(l->fds[i]);
	if (l->count && l->path && !set->handed_on && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
	l->count = 0;
}

static void listen_free(struct listen_set *set, struct listener *l)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i] == l) {
			set->items[i] = set->items[--set->count];
			break;
		}
	listen_close(set, l);
	free(l->fds);
	free(l->path);
	free(l->text);
	free(l->key);
	free(l);
	if (set->count == 0) {
		free(set->items);
		set->items = NULL;
	}
}

static struct listener *listen_find(struct listen_set *set, const struct config_listen *config)
{
	char key[256];

	if (config->path)
		snprintf(key, sizeof(key), "unix:%s", config->path);
	else
		snprintf(key, sizeof(key), "%s:%u", config->host, config->port);
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i]->key, key) == 0)
			return set->items[i];
	struct listener *l = xcalloc(1, sizeof(*l));
	l->key = xstrdup(key);
	l->text = xstrdup(config->text);
	set->items = xrealloc(set->items, (set->count + 1) * sizeof(struct listener *));
	set->items[set->count++] = l;
	return l;
}

/* From "0.0.0.0:80" to "127.0.0.1:80": the port is taken, and by ourselves. */
static bool listen_has_port(const struct listen_set *set, uint16_t port)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i]->count && set->items[i]->port == port)
			return true;
	return false;
}

struct listener *listen_take(struct listen_set *set, const struct config_listen *config,
			     uint32_t workers, struct error *e)
{
	struct listener *l = listen_find(set, config);
	bool probe = !config->path && config->port && !listen_has_port(set, config->port);

	if (l->count == 0 && set->passed)
		listen_adopt(set, l, config);
	probe = probe && l->count == 0;
	int rc = config->path ? listen_open_unix(l, config, e) :
				listen_open_tcp(l, config, workers, probe, e);

	if (rc) {
		if (l->users == 0)
			listen_free(set, l);
		return NULL;
	}
	l->users++;
	return l;
}

void listen_drop(struct listen_set *set, struct listener *l)
{
	must(l->users > 0);
	if (--l->users == 0)
		listen_free(set, l);
}

void listen_trim(struct listener *l, uint32_t workers)
{
	while (!l->shared && l->count > workers)
		close(l->fds[--l->count]);
}

void listen_give(struct listener *l)
{
	l->given = true;
}

int listen_fd(const struct listener *l, uint32_t worker)
{
	must(l->count > 0);
	return l->fds[l->shared ? worker % l->count : worker];
}

void listen_stop(struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		listen_close(set, set->items[i]);
}
