/* SPDX-License-Identifier: Apache-2.0 */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

enum { SIZE = 64 * 1024 };

static char sent[SIZE], got[SIZE], rest[SIZE];

static void pair(int ends[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
}

/* Reads until n bytes are there or none come. */
static size_t take(int fd, char *to, size_t n)
{
	size_t have = 0;
	ssize_t k;

	while (have < n && (k = read(fd, to + have, n - have)) > 0)
		have += (size_t)k;
	return have;
}

START_TEST(test_moves_ends_and_waits)
{
	struct splice s;
	int a[2], b[2];
	size_t rest_n;

	splice_init(&s);
	ck_assert(splice_on(&s));
	pair(a);
	pair(b);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], SIZE, &rest_n), -EAGAIN);
	ck_assert_int_eq(write(a[0], "hello", 5), 5);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], 3, &rest_n), 3);
	ck_assert_uint_eq(rest_n, 0);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], SIZE, &rest_n), 2);
	ck_assert_uint_eq(take(b[1], got, 5), 5);
	ck_assert_mem_eq(got, "hello", 5);
	close(a[0]);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], SIZE, &rest_n), 0);
	splice_fini(&s);
	ck_assert(!splice_on(&s));
}
END_TEST

START_TEST(test_what_is_not_taken_comes_back)
{
	struct splice s;
	int a[2], b[2], small = 4096;
	size_t rest_n = 0, total = 0;

	splice_init(&s);
	pair(a);
	pair(b);
	setsockopt(b[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i * 31 >> 3);
	while (rest_n == 0) {
		ck_assert_int_gt(write(a[0], sent, SIZE), 0);
		ssize_t n = splice_move(&s, a[1], b[0], SIZE, &rest_n);
		ck_assert_int_gt(n, 0);
		size_t passed = (size_t)n - rest_n;
		splice_take(&s, rest, rest_n);
		/* What was passed on and what came back are the bytes in their order. */
		ck_assert_mem_eq(rest, sent + passed, rest_n);
		total += passed;
		if (rest_n == 0)
			ck_assert_uint_eq(take(a[1], got, SIZE), 0);
		ck_assert_uint_lt(total, 64u * SIZE);
	}
	splice_fini(&s);
}
END_TEST

START_TEST(test_a_receiver_that_has_gone)
{
	struct splice s;
	int a[2], b[2];
	size_t rest_n;

	splice_init(&s);
	pair(a);
	pair(b);
	close(b[1]);
	ck_assert_int_eq(write(a[0], "hello", 5), 5);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], SIZE, &rest_n), 5);
	ck_assert_uint_eq(rest_n, 5);
	splice_take(&s, NULL, rest_n);
	/* Nothing of it is left for the next pair of sockets. */
	pair(b);
	ck_assert_int_eq(write(a[0], "x", 1), 1);
	ck_assert_int_eq(splice_move(&s, a[1], b[0], SIZE, &rest_n), 1);
	ck_assert_uint_eq(take(b[1], got, 5), 1);
	ck_assert_int_eq(got[0], 'x');
	splice_fini(&s);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return SUITE("splice", test_moves_ends_and_waits, test_what_is_not_taken_comes_back,
		     test_a_receiver_that_has_gone);
}
