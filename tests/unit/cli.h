/* SPDX-License-Identifier: Apache-2.0 */
/* unit/cli.h -- the command line in the process of the test, and what it printed.
 * Called by: tests/unit/test_*.c.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_CLI_H
#define GATEHOUSE_TESTS_CLI_H

#include <jansson.h>
#include <sys/mman.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "scratch.h"
#include "suite.h"

/* What was printed on a stream while it was caught; good until it is caught again. */
struct caught {
	int fd;    /* the stream's */
	int saved; /* what it was */
	char text[128 * 1024];
};

static struct caught cli_out = { .fd = STDOUT_FILENO }, cli_err = { .fd = STDERR_FILENO };

/* What a child prints comes as well: the descriptor is another one, not the stream. */
static inline void caught_begin(struct caught *c)
{
	int fd = memfd_create("caught", MFD_CLOEXEC);

	fflush(NULL);
	c->saved = fcntl(c->fd, F_DUPFD_CLOEXEC, 10);
	ck_assert_int_ge(c->saved, 0);
	ck_assert_int_eq(dup2(fd, c->fd), c->fd);
	close(fd);
}

static inline void caught_end(struct caught *c)
{
	fflush(NULL);
	ssize_t n = pread(c->fd, c->text, sizeof(c->text) - 1, 0);
	dup2(c->saved, c->fd);
	close(c->saved);
	ck_assert_int_ge(n, 0);
	ck_assert_int_lt(n, (ssize_t)sizeof(c->text) - 1);
	c->text[n] = '\0';
}

static inline void cli_catch(void)
{
	caught_begin(&cli_out);
	caught_begin(&cli_err);
}

static inline void cli_caught(void)
{
	caught_end(&cli_out);
	caught_end(&cli_err);
}

/* The exit status of "gatehouse WORD..." (ended by NULL); its output is in cli_out and cli_err. */
static inline int cli_words(const char *const *words)
{
	int argc = 0;

	while (words[argc])
		argc++;
	cli_catch();
	int status = cli_main(argc, (char **)(uintptr_t)words);
	cli_caught();
	return status;
}

/* cli("check", "-c", file) */
#define cli(...) cli_words((const char *const[]){ "gatehouse", __VA_ARGS__, NULL })

/* The JSON that it printed: a new reference. */
static inline json_t *cli_json(void)
{
	json_error_t e;
	json_t *value = json_loads(cli_out.text, JSON_DECODE_ANY, &e);

	ck_assert_msg(value != NULL, "%s in %s", e.text, cli_out.text);
	return value;
}

static inline const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

#define ck_contains(text, part)                                                                    \
	do {                                                                                       \
		const char *text_ = (text), *part_ = (part);                                       \
		ck_assert_msg(strstr(text_, part_) != NULL, "no \"%s\" in \"%s\"", part_, text_);  \
	} while (0)

/* main() of a test whose code under test starts /proc/self/exe: with words, this program is
 * gatehouse. */
#define CLI_SUITE(name, ...)                                                                       \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return argc > 1 ? cli_main(argc, argv) : SUITE(name, __VA_ARGS__);                 \
	}

#endif
