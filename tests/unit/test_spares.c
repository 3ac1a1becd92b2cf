/* SPDX-License-Identifier: Apache-2.0 */
/* worker/spares.c: others' sockets are accepted from when told to, and no longer than that. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "worker/spares.h"

static uv_loop_t loop;
static int woken;

static void on_connection(struct listener *l)
{
	ck_assert_ptr_eq(l->arg, &woken);
	int fd = accept(l->u.stream.io_watcher.fd, NULL, NULL);
	(void)fd;
	woken++;
}

/* A listening socket of its own on a port that the kernel picks. */
static int listening(struct sockaddr_in *where)
{
	socklen_t size = sizeof(*where);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*where = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)where, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)where, &size), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static int knock(const struct sockaddr_in *where)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = connect(fd, (const struct sockaddr *)where, sizeof(*where));

	if (rc == 0)
		ck_assert_int_eq(write(fd, "x", 1), 1);
	else
		close(fd);
	return rc == 0 ? fd : -1;
}

START_TEST(test_adopts_and_gives_back)
{
	struct spares s = { .on_connection = on_connection, .arg = &woken };
	json_t *workers = json_pack("[i, i]", 3, 5);
	struct sockaddr_in three, five;
	int first = 40, fd;

	ck_assert_int_eq(dup2(fd = listening(&three), first), first);
	close(fd);
	ck_assert_int_eq(dup2(fd = listening(&five), first + 1), first + 1);
	close(fd);
	uv_loop_init(&loop);
	spares_init(&s, &loop, workers, 1, first);
	ck_assert_int_eq(s.count, 2);

	/* Nobody was told to accept. */
	int a = knock(&five);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(woken, 0);
	/* What waits is taken up; twice is once; whose sockets are not here is no matter. */
	spares_adopt(&s, 5, true);
	spares_adopt(&s, 5, true);
	spares_adopt(&s, 7, true);
	while (woken == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(woken, 1);
	int b = knock(&three);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(woken, 1);
	/* Given back, and once more. */
	spares_adopt(&s, 5, false);
	int c = knock(&five);
	uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(woken, 1);
	spares_adopt(&s, 5, true);
	while (woken == 1)
		uv_run(&loop, UV_RUN_ONCE);
	/* Closed, nothing holds the sockets any more. */
	spares_close(&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(knock(&five), -1);
	ck_assert_int_eq(knock(&three), -1);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	close(a);
	close(b);
	close(c);
	json_decref(workers);
}
END_TEST

START_TEST(test_none)
{
	struct spares s = { 0 };

	spares_init(&s, &loop, NULL, 0, 99);
	spares_adopt(&s, 1, true);
	spares_close(&s);
	ck_assert_int_eq(s.count, 0);
}
END_TEST

int main(void)
{
	return SUITE("spares", test_adopts_and_gives_back, test_none);
}
