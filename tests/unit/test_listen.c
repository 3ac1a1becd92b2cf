/* SPDX-License-Identifier: Apache-2.0 */
/* control/listen.c: sockets per worker, taken ports, files of unix sockets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/gateway.h"
#include "control/listen.h"
#include "suite.h"

static struct listen_set set;
static struct error e;

static struct config_listen address(const char *text, const char *host, uint16_t port)
{
	return (struct config_listen){ .text = text, .host = host, .port = port };
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t size = sizeof(in);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	return ntohs(in.sin_port);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

static struct listener *take(const struct config_listen *l, uint32_t workers)
{
	struct listener *got = listen_take(&set, l, workers, &e);

	ck_assert_msg(got != NULL, "%s", e.text);
	return got;
}

START_TEST(test_one_socket_per_worker_on_one_port)
{
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 3);
	char url[64];

	ck_assert_uint_gt(l->port, 0);
	for (uint32_t i = 0; i < 3; i++) {
		int fd = listen_fd(l, i);

		ck_assert_uint_eq(port_of(fd), l->port);
		ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
		ck_assert_int_eq(option(fd, SOL_SOCKET, SO_ACCEPTCONN), i == 0);
	}
	ck_assert_int_ne(listen_fd(l, 0), listen_fd(l, 1));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", l->port);
	ck_assert_str_eq(l->url, url);
	listen_drop(&set, l);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(test_a_later_generation_takes_over)
{
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 2);
	int first = listen_fd(l, 0);
	uint16_t port = l->port;

	ck_assert_ptr_eq(take(&any, 4), l);
	ck_assert_int_eq(listen_fd(l, 0), first);
	ck_assert_uint_eq(port_of(listen_fd(l, 3)), port);
	listen_drop(&set, l);
	ck_assert_uint_eq(set.count, 1);
	listen_trim(l, 1);
	ck_assert_uint_eq(l->count, 1);
	listen_drop(&set, l);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(test_taken_port)
{
	struct listen_set another = { 0 };
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 1);
	struct config_listen same = address("the same", "127.0.0.1", l->port);
	struct config_listen wide = address("all", "0.0.0.0", l->port);

	ck_assert_ptr_null(listen_take(&another, &same, 1, &e));
	ck_assert_str_eq(e.text, "cannot listen on the same: address already in use (is another "
				 "gatehouse or service running there?)");
	ck_assert_ptr_null(listen_take(&another, &wide, 1, &e));
	ck_assert_uint_eq(another.count, 0);
	listen_drop(&set, l);
}
END_TEST

START_TEST(test_own_port_in_other_words)
{
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 1);
	struct config_listen wide = address("all", "0.0.0.0", l->port);
	struct config_listen again = address("everywhere", "0.0.0.0", l->port);
	struct listener *w = take(&wide, 2);

	ck_assert_ptr_ne(w, l);
	ck_assert_ptr_eq(take(&again, 2), w);
	listen_drop(&set, l);
	listen_drop(&set, w);
	listen_drop(&set, w);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(test_address_of_nobody)
{
	struct config_listen nobody = address("192.0.2.1:80", "192.0.2.1", 8081);

	ck_assert_ptr_null(listen_take(&set, &nobody, 1, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "no network interface has this address"));
}
END_TEST

START_TEST(test_stop_refuses_connections)
{
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 2);
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(l->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	listen_stop(&set);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), -1);
	close(fd);
	listen_drop(&set, l);
}
END_TEST

/* A path below a new directory, which the caller removes. */
static const char *unix_path(char dir[32], char path[64])
{
	snprintf(dir, 32, "/tmp/test-listen-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, 64, "%s/s", dir);
	return path;
}

START_TEST(test_unix_socket)
{
	struct listen_set another = { 0 };
	char dir[32], path[64];
	struct config_listen u = { .text = "unix:s", .path = unix_path(dir, path) };
	struct listener *l = take(&u, 2);

	ck_assert_int_eq(listen_fd(l, 0), listen_fd(l, 1));
	ck_assert_ptr_null(listen_take(&another, &u, 1, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "address already in use"));
	listen_drop(&set, l);
	ck_assert_int_eq(access(path, F_OK), -1);
	rmdir(dir);
}
END_TEST

START_TEST(test_unix_leftovers)
{
	char dir[32], path[64];
	struct config_listen u = { .text = "unix:s", .path = unix_path(dir, path) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	struct listener *l = take(&u, 1);
	/* Somebody else's file under our name stays. */
	unlink(path);
	FILE *f = fopen(path, "w");
	fclose(f);
	listen_drop(&set, l);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_ptr_null(listen_take(&set, &u, 1, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "a file that is not a socket is there"));
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(test_given_descriptor_is_not_closed)
{
	struct config_listen any = address("127.0.0.1:0", "127.0.0.1", 0);
	struct listener *l = take(&any, 1);
	int fd = listen_fd(l, 0);

	listen_give(l);
	listen_drop(&set, l);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	close(fd);
}
END_TEST

int main(void)
{
	return SUITE("listen", test_one_socket_per_worker_on_one_port,
		     test_a_later_generation_takes_over, test_taken_port,
		     test_own_port_in_other_words, test_address_of_nobody,
		     test_stop_refuses_connections, test_unix_socket, test_unix_leftovers,
		     test_given_descriptor_is_not_closed);
}
