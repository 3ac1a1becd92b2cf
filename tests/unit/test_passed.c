/* SPDX-License-Identifier: Apache-2.0 */
/* control/passed.c: the sockets that a process is started with, and which listener has which. */
#include "control/passed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "config/gateway.h"
#include "control/listen.h"
#include "said.h"
#include "scratch.h"
#include "suite.h"

static struct passed_set set;
static struct listen_set listens;
static struct error e;

static int tcp_socket(int family, uint16_t *port)
{
	struct sockaddr_storage sa = { .ss_family = (sa_family_t)family };
	socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) :
					     sizeof(struct sockaddr_in6);
	int fd = socket(family, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, size), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
	*port = ntohs(family == AF_INET ? ((struct sockaddr_in *)(void *)&sa)->sin_port :
					  ((struct sockaddr_in6 *)(void *)&sa)->sin6_port);
	return fd;
}

static int unix_socket(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static struct config_listen address(const char *host, uint16_t port)
{
	return (struct config_listen){ .text = "it", .host = host, .port = port };
}

/* Whether both are one socket. */
static bool same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

/* A condition in a child whose descriptors are not the test's: its status is the line. */
#define require(condition) ((condition) ? (void)0 : _exit(__LINE__ % 255 + 1))

/* Descriptors 3, 4 and 5 are a listening socket, a datagram socket and nothing at all. */
static void read_in_child(const char *pid, const char *count)
{
	char own[16];
	uint16_t port;

	said_begin();
	require(dup2(said_fd, 9) == 9);
	said_fd = 9;
	for (int fd = 3; fd < 9; fd++)
		close(fd);
	require(tcp_socket(AF_INET, &port) == 3);
	require(socket(AF_INET, SOCK_DGRAM, 0) == 4);
	snprintf(own, sizeof(own), "%d", getpid());
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_PID", pid ? pid : own, 1);
	setenv("LISTEN_FDNAMES", "http:dns", 1);
	passed_read(&set);
	require(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
}

/* Runs the rest of the test in a child. */
#define IN_CHILD(...)                                                                              \
	do {                                                                                       \
		int status_ = 0;                                                                   \
		pid_t child_ = fork();                                                             \
		if (child_ == 0) {                                                                 \
			__VA_ARGS__                                                                \
			_exit(0);                                                                  \
		}                                                                                  \
		ck_assert_int_eq(waitpid(child_, &status_, 0), child_);                            \
		ck_assert_int_eq(status_ >> 8, 0);                                                 \
	} while (0)

START_TEST(reads_what_the_service_manager_says)
{
	IN_CHILD({
		read_in_child(NULL, "3");
		require(set.count == 1 && set.items[0].fd == 3);
		require(strcmp(set.items[0].name, "http") == 0);
		require(fcntl(3, F_GETFD) == FD_CLOEXEC);
		require(fcntl(3, F_GETFL) & O_NONBLOCK);
		require(strstr(said(), "\"descriptor\":4,\"name\":\"dns\",\"why\":"
				       "\"not a stream socket"));
		require(strstr(said(), "\"descriptor\":5,\"name\":\"\",\"why\":"
				       "\"the descriptor is not open\""));
		passed_report(&set);
		require(strstr(said(), "neither \\\"listen\\\" nor \\\"admin\\\" has this"));
		passed_fini(&set);
	});
}
END_TEST

START_TEST(what_is_meant_for_another_is_left_alone)
{
	IN_CHILD({
		read_in_child("1", "1");
		require(set.count == 0 && fcntl(3, F_GETFD) >= 0);
		require(strstr(said(), "LISTEN_FDS is meant for another process: ignored"));
	});
	IN_CHILD({
		read_in_child(NULL, "many");
		require(set.count == 0);
		require(strstr(said(), "LISTEN_FDS is not a number of sockets: ignored"));
	});
}
END_TEST

START_TEST(a_listener_takes_its_address)
{
	uint16_t port, other;
	int fd = tcp_socket(AF_INET, &port), more = tcp_socket(AF_INET, &other);
	struct config_listen exact = address("0.0.0.0", port);
	struct config_listen elsewhere = address("127.0.0.1", other);

	passed_add(&set, fd, "a", NULL, false);
	passed_add(&set, more, "b", NULL, false);
	listens.passed = &set;
	struct listener *l = listen_take(&listens, &exact, 3, &e);
	ck_assert_msg(l != NULL, "%s", e.text);
	ck_assert_uint_eq(l->count, 1);
	ck_assert(l->shared && set.items[0].taken && !set.items[1].taken);
	ck_assert(same_socket(listen_fd(l, 0), fd) && same_socket(listen_fd(l, 2), fd));
	ck_assert_uint_eq(l->port, port);
	/* Another host is another address. */
	size_t at = 0;
	ck_assert_ptr_null(passed_find(&set, &elsewhere, "", &at));
	/* A reload that listens anew finds it again. */
	listen_trim(l, 1);
	listen_drop(&listens, l);
	l = listen_take(&listens, &exact, 1, &e);
	ck_assert(same_socket(listen_fd(l, 0), fd));
	listen_drop(&listens, l);
	passed_trim(&set);
	ck_assert_uint_eq(set.count, 2);
	passed_fini(&set);
}
END_TEST

START_TEST(two_families_on_one_socket)
{
	uint16_t port;
	int fd = tcp_socket(AF_INET6, &port);
	struct config_listen four = address("0.0.0.0", port), six = address("::", port);
	struct config_listen loop = address("127.0.0.1", port);
	char text[PASSED_TEXT_SIZE];
	size_t at = 0;

	passed_add(&set, fd, "", NULL, false);
	ck_assert_ptr_nonnull(passed_find(&set, &four, "", &at));
	at = 0;
	ck_assert_ptr_nonnull(passed_find(&set, &six, "", &at));
	at = 0;
	ck_assert_ptr_null(passed_find(&set, &loop, "", &at));
	ck_assert_ptr_nonnull(strstr(passed_text(fd, text), "[::]:"));
	passed_fini(&set);
}
END_TEST

START_TEST(a_unix_socket_by_its_path)
{
	const char *path = scratch_path("s");
	struct config_listen u = { .text = "unix:s", .path = path };
	int fd = unix_socket(path);

	passed_add(&set, fd, "", NULL, false);
	listens.passed = &set;
	struct listener *l = listen_take(&listens, &u, 2, &e);
	ck_assert_msg(l != NULL, "%s", e.text);
	ck_assert(same_socket(listen_fd(l, 1), fd));
	ck_assert_ptr_nonnull(strstr(l->url, "unix:/"));
	/* The file is the service manager's. */
	listen_drop(&listens, l);
	ck_assert_int_eq(access(path, F_OK), 0);
	passed_fini(&set);
}
END_TEST

START_TEST(those_of_another_gateway)
{
	uint16_t port;
	const char *path = scratch_path("s");
	struct config_listen any = address("127.0.0.1", 0), u = { .text = "u", .path = path };
	char key[PATH_MAX];

	passed_add(&set, tcp_socket(AF_INET, &port), "", "127.0.0.1:0", true);
	snprintf(key, sizeof(key), "unix:%s", path);
	passed_add(&set, unix_socket(path), "", key, true);
	listens.passed = &set;
	struct listener *l = listen_take(&listens, &any, 1, &e), *s;
	ck_assert_msg(l != NULL, "%s", e.text);
	ck_assert_uint_eq(l->port, port);
	ck_assert(!l->shared);
	s = listen_take(&listens, &u, 1, &e);
	ck_assert_msg(s != NULL, "%s", e.text);
	passed_trim(&set);
	ck_assert_uint_eq(set.count, 0);
	/* The file is as if this process had made it. */
	listens.handed_on = true;
	listen_stop(&listens);
	ck_assert_int_eq(access(path, F_OK), 0);
	listen_drop(&listens, l);
	listen_drop(&listens, s);
	passed_fini(&set);
}
END_TEST

int main(void)
{
	return SUITE("passed", reads_what_the_service_manager_says,
		     what_is_meant_for_another_is_left_alone, a_listener_takes_its_address,
		     two_families_on_one_socket, a_unix_socket_by_its_path,
		     those_of_another_gateway);
}
