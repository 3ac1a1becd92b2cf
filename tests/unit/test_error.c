/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

START_TEST(test_set_and_prefix)
{
	struct error e = { "" };

	ck_assert_int_eq(error_set(&e, "no file \"%s\"", "a"), -1);
	ck_assert_str_eq(e.text, "no file \"a\"");
	ck_assert_int_eq(error_prefix(&e, "line %d", 3), -1);
	ck_assert_str_eq(e.text, "line 3: no file \"a\"");
	/* The text may be one of its own arguments. */
	error_set(&e, "again: %s", e.text);
	ck_assert_str_eq(e.text, "again: line 3: no file \"a\"");
}
END_TEST

START_TEST(test_long_texts_are_cut)
{
	struct error e;
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e, "%s", text);
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
	error_prefix(&e, "%s", "front");
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
	ck_assert(strncmp(e.text, "front: xxx", 10) == 0);
	error_prefix(&e, "%s", text);
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
}
END_TEST

START_TEST(test_must)
{
	int side = 0;

	must(++side == 1);
	ck_assert_int_eq(side, 1);
	pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		must(side == 2);
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

START_TEST(test_memory)
{
	int *p = xcalloc(4, sizeof(*p));
	char *copy = xstrdup("text");

	ck_assert_int_eq(p[3], 0);
	p[3] = 5;
	p = xrealloc(p, 400 * sizeof(*p));
	ck_assert_int_eq(p[3], 5);
	ck_assert_str_eq(copy, "text");
	free(p);
	free(copy);
	p = xcalloc(0, 8);
	ck_assert_ptr_nonnull(p);
	free(p);
}
END_TEST

int main(void)
{
	return SUITE("error", test_set_and_prefix, test_long_texts_are_cut, test_must, test_memory);
}
