/* SPDX-License-Identifier: Apache-2.0 */
#include "control/passed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "config/gateway.h"

enum { PASSED_FIRST_FD = 3 }; /* SD_LISTEN_FDS_START */

/* The parts of a socket's address. */
struct passed_address {
	int family;
	char host[INET6_ADDRSTRLEN];
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	unsigned port;
	bool dual; /* IPv6 that takes IPv4 too */
};

static int passed_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) ? -1 : value;
}

static int passed_address(int fd, struct passed_address *out)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof(sa);

	*out = (struct passed_address){ .family = -1 };
	if (getsockname(fd, (struct sockaddr *)&sa, &size))
		return -1;
	out->family = sa.ss_family;
	if (sa.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)&sa;

		inet_ntop(AF_INET, &in->sin_addr, out->host, sizeof(out->host));
		out->port = ntohs(in->sin_port);
	} else if (sa.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)&sa;

		inet_ntop(AF_INET6, &in->sin6_addr, out->host, sizeof(out->host));
		out->port = ntohs(in->sin6_port);
		out->dual = passed_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
	} else if (sa.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&sa;
		size_t n = size - offsetof(struct sockaddr_un, sun_path);

		memcpy(out->path, un->sun_path, n < sizeof(out->path) ? n : 0);
	} else {
		return -1;
	}
	return 0;
}

const char *passed_text(int fd, char out[PASSED_TEXT_SIZE])
{
	struct passed_address a;

	if (passed_address(fd, &a))
		snprintf(out, PASSED_TEXT_SIZE, "a socket without an address");
	else if (a.family == AF_UNIX)
		snprintf(out, PASSED_TEXT_SIZE, "unix:%s", a.path);
	else
		snprintf(out, PASSED_TEXT_SIZE, a.family == AF_INET6 ? "[%s]:%u" : "%s:%u", a.host,
			 a.port);
	return out;
}

/* Why a descriptor is of no use; NULL: it is. */
static const char *passed_fault(int fd)
{
	struct passed_address a;

	if (fcntl(fd, F_GETFD) < 0)
		return "the descriptor is not open";
	if (passed_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return "not a stream socket (ListenStream=)";
	if (passed_address(fd, &a))
		return "neither IPv4 nor IPv6 nor unix";
	if (passed_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "not listening (the socket unit must have Accept=no)";
	return NULL;
}

void passed_add(struct passed_set *set, int fd, const char *name, const char *key, bool ours)
{
	set->items = xrealloc(set->items, (set->count + 1) * sizeof(*set->items));
	set->items[set->count++] = (struct passed){
		.fd = fd,
		.name = xstrdup(name),
		.key = key ? xstrdup(key) : NULL,
		.ours = ours,
	};
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void passed_take_fds(struct passed_set *set, uint64_t count, struct str names)
{
	struct str name;

	for (int fd = PASSED_FIRST_FD; fd < PASSED_FIRST_FD + (int)count; fd++) {
		const char *fault = passed_fault(fd);
		char *text = str_next(&names, ':', &name) ? str_dup(name) : xstrdup("");

		if (fault) {
			log_warn("a socket of the service manager is not used",
				 LOG_I("descriptor", fd), LOG_S("name", text), LOG_S("why", fault));
			close(fd);
		} else {
			passed_add(set, fd, text, NULL, false);
		}
		free(text);
	}
}

void passed_read(struct passed_set *set)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t count = 0, whose = 0;

	/* As sd_listen_fds(3): they may be meant for the process that started this one. */
	if (fds && pid && str_to_u64(str_from(pid), INT32_MAX, &whose) == 0 &&
	    (pid_t)whose == getpid()) {
		if (str_to_u64(str_from(fds), PASSED_FDS_MAX, &count))
			log_warn("LISTEN_FDS is not a number of sockets: ignored",
				 LOG_S("value", fds));
		else
			passed_take_fds(set, count, str_from(names));
	} else if (fds) {
		log_warn("LISTEN_FDS is meant for another process: ignored",
			 LOG_S("LISTEN_PID", pid ? pid : ""));
	}
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

static bool passed_matches(const struct passed *p, const struct config_listen *l, const char *key)
{
	struct passed_address a;

	if (p->key)
		return strcmp(p->key, key) == 0;
	if (passed_address(p->fd, &a))
		return false;
	if (l->path || a.family == AF_UNIX)
		return l->path && a.family == AF_UNIX && strcmp(l->path, a.path) == 0;
	if (a.port != l->port)
		return false;
	return strcmp(l->host, a.host) == 0 ||
	       (a.dual && strcmp(a.host, "::") == 0 && strcmp(l->host, "0.0.0.0") == 0);
}

struct passed *passed_find(struct passed_set *set, const struct config_listen *l, const char *key,
			   size_t *at)
{
	while (*at < set->count) {
		struct passed *p = &set->items[(*at)++];

		if (passed_matches(p, l, key))
			return p;
	}
	return NULL;
}

void passed_report(const struct passed_set *set)
{
	char text[PASSED_TEXT_SIZE];

	for (size_t i = 0; i < set->count; i++) {
		const struct passed *p = &set->items[i];

		if (!p->taken && !p->ours)
			log_warn("a socket of the service manager is not used",
				 LOG_S("address", passed_text(p->fd, text)), LOG_S("name", p->name),
				 LOG_S("why", "neither \"listen\" nor \"admin\" has this address; "
					      "clients that connect to it wait in vain"));
	}
}

static void passed_release(struct passed *p)
{
	close(p->fd);
	free(p->name);
	free(p->key);
}

void passed_trim(struct passed_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].ours)
			passed_release(&set->items[i]);
		else
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
}

void passed_fini(struct passed_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		passed_release(&set->items[i]);
	free(set->items);
	*set = (struct passed_set){ 0 };
}
