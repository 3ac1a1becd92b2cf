/* SPDX-License-Identifier: Apache-2.0 */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

enum { SIZE = 64 * 1024, SIZES_MAX = 64 };

static char sent[SIZE], got[SIZES_MAX * SIZE], rest[SIZE];

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
	struct splices all;
	int a[2], b[2];

	splices_init(&all);
	struct splice *s = splices_take(&all);
	pair(a);
	pair(b);
	ck_assert_int_eq(splice_move(s, a[1], b[0], SIZE), -EAGAIN);
	ck_assert_int_eq(write(a[0], "hello", 5), 5);
	ck_assert_int_eq(splice_move(s, a[1], b[0], 3), 3);
	ck_assert_uint_eq(s->filled, 0);
	ck_assert_int_eq(splice_move(s, a[1], b[0], SIZE), 2);
	ck_assert_uint_eq(take(b[1], got, 5), 5);
	ck_assert_mem_eq(got, "hello", 5);
	close(a[0]);
	ck_assert_int_eq(splice_move(s, a[1], b[0], SIZE), 0);
	splices_give_back(&all, s);
	splices_fini(&all);
}
END_TEST

START_TEST(test_what_is_not_taken_waits_in_the_pipe)
{
	struct splices all;
	int a[2], b[2], small = 4096;
	size_t sent_n = 0, got_n = 0;

	splices_init(&all);
	struct splice *s = splices_take(&all);
	pair(a);
	pair(b);
	setsockopt(b[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i * 31 >> 3);
	while (s->filled == 0) {
		ck_assert_uint_lt(sent_n, sizeof(got));
		ck_assert_int_eq(write(a[0], sent, SIZE), SIZE);
		ssize_t n = splice_move(s, a[1], b[0], SIZE);
		ck_assert_int_eq(n, SIZE);
		sent_n += (size_t)n;
	}
	/* The first are taken out to be written by another way, the rest goes on from the pipe. */
	size_t first = s->filled < 100 ? s->filled : 100, passed = sent_n - s->filled;
	splice_take(s, rest, first);
	got_n = take(b[1], got, sizeof(got));
	ck_assert_uint_eq(got_n, passed);
	memcpy(got + got_n, rest, first);
	got_n += first;
	while (s->filled) {
		size_t waited = s->filled, given = splice_give(s, b[0]);
		ck_assert_uint_eq(s->filled, waited - given);
		ck_assert_uint_eq(take(b[1], got + got_n, given), given);
		got_n += given;
	}
	ck_assert_uint_eq(got_n, sent_n);
	for (size_t i = 0; i < got_n; i += SIZE)
		ck_assert_mem_eq(got + i, sent, SIZE);
	splices_give_back(&all, s);
	splices_fini(&all);
}
END_TEST

START_TEST(test_a_receiver_that_has_gone)
{
	struct splices all;
	int a[2], b[2];

	splices_init(&all);
	struct splice *s = splices_take(&all);
	pair(a);
	pair(b);
	close(b[1]);
	ck_assert_int_eq(write(a[0], "hello", 5), 5);
	ck_assert_int_eq(splice_move(s, a[1], b[0], SIZE), 5);
	ck_assert_uint_eq(s->filled, 5);
	splices_give_back(&all, s);
	/* Nothing of it is left for the next pair of sockets. */
	s = splices_take(&all);
	pair(b);
	ck_assert_int_eq(write(a[0], "x", 1), 1);
	ck_assert_int_eq(splice_move(s, a[1], b[0], SIZE), 1);
	ck_assert_uint_eq(take(b[1], got, 5), 1);
	ck_assert_int_eq(got[0], 'x');
	splices_give_back(&all, s);
	splices_fini(&all);
}
END_TEST

START_TEST(test_pipes_are_bounded_and_used_again)
{
	struct splices all;
	struct splice *lent[SPLICES_MAX];

	splices_init(&all);
	for (int i = 0; i < SPLICES_MAX; i++)
		ck_assert_ptr_nonnull(lent[i] = splices_take(&all));
	ck_assert_ptr_null(splices_take(&all));
	splices_give_back(&all, NULL);
	for (int i = 0; i < SPLICES_MAX; i++)
		splices_give_back(&all, lent[i]);
	ck_assert_ptr_eq(splices_take(&all), lent[SPLICES_MAX - 1]);
	ck_assert_uint_eq(all.count, SPLICES_MAX);
	splices_give_back(&all, lent[SPLICES_MAX - 1]);
	splices_fini(&all);
}
END_TEST

START_TEST(test_no_descriptors_no_pipe)
{
	struct rlimit was, none = { 0, 0 };
	struct splices all;

	splices_init(&all);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none.rlim_max = was.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_ptr_null(splices_take(&all));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	struct splice *s = splices_take(&all);
	ck_assert_ptr_nonnull(s);
	splices_give_back(&all, s);
	splices_fini(&all);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return SUITE("splice", test_moves_ends_and_waits, test_what_is_not_taken_waits_in_the_pipe,
		     test_a_receiver_that_has_gone, test_pipes_are_bounded_and_used_again,
		     test_no_descriptors_no_pipe);
}
