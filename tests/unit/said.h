/* SPDX-License-Identifier: Apache-2.0 */
/* unit/said.h -- what a test's process has written to standard error, its log above all.
 * Called by: tests/unit/test_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_SAID_H
#define GATEHOUSE_TESTS_SAID_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

static int said_fd = -1;
static char said_text[64 * 1024];

/* From now on standard error, of child processes too, goes to a file in memory; warnings go there
 * as well. */
static inline void said_begin(void)
{
	said_fd = memfd_create("said", MFD_CLOEXEC);
	ck_assert_int_ge(said_fd, 0);
	ck_assert_int_eq(dup2(said_fd, STDERR_FILENO), STDERR_FILENO);
	log_threshold = LOG_WARN;
}

/* All that was written; the last 64 KiB of it. */
static inline const char *said(void)
{
	off_t size = lseek(said_fd, 0, SEEK_END), from;
	ssize_t n;

	from = size < (off_t)sizeof(said_text) ? 0 : size - (off_t)sizeof(said_text) + 1;
	n = pread(said_fd, said_text, sizeof(said_text) - 1, from);
	said_text[n > 0 ? n : 0] = '\0';
	return said_text;
}

/* Forgets it. */
static inline void said_clear(void)
{
	ck_assert_int_eq(ftruncate(said_fd, 0), 0);
	ck_assert_int_eq(lseek(said_fd, 0, SEEK_SET), 0);
}

/* The text is somewhere in what was written. */
#define ck_said(text) ck_assert_msg(strstr(said(), (text)), "not said: %s\nbut: %s", (text), said())

#endif
