/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
	LOG_LINE_MAX = 8192,    /* with its newline */
	LOG_TAIL = 32,          /* kept free for what ends a line that was cut */
	LOG_MESSAGE_MAX = 4096, /* so that a long message leaves room for the fields */
	LOG_TRIES = 8,          /* writes of one line */
	LOG_WAIT_MS = 100,      /* for a reader of our stderr that does not keep up */
};

enum log_level log_threshold = LOG_INFO;
static bool log_json;
static char log_process[32] = "gatehouse";
static bool log_stuck;    /* the last write had to give up */
static bool log_unended;  /* ... in the middle of a line */
static uint64_t log_lost; /* lines since */

static const char *const log_level_names[] = { "debug", "info", "warn", "error" };

void log_init(enum log_level threshold, bool json, const char *process)
{
	log_threshold = threshold;
	log_json = json;
	snprintf(log_process, sizeof(log_process), "%s", process);
}

const char *log_level_name(enum log_level level)
{
	return log_level_names[level];
}

int log_level_parse(const char *word)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (str_eq(str_from(word), str_from(log_level_names[i])))
			return i;
	return -1;
}

/* Printable ASCII without what would make a word end early or look quoted. */
static bool log_plain_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '=' ||
		    s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static bool log_plain_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

/* A value that is long for its place is cut until it fits; true when it was. */
static bool log_put_cut(struct buf *b, struct str s, size_t max)
{
	size_t start = b->n;

	for (bool cut = false;; cut = true) {
		buf_json(b, s);
		if (!b->failed && b->n - start <= max)
			return cut;
		b->n = start;
		b->failed = false;
		if (s.n == 0)
			return true;
		s.n = s.n > max ? max : s.n - s.n / 8 - 1;
	}
}

static bool log_put_str(struct buf *b, struct str s, size_t max)
{
	if (log_json || !log_plain_word(s) || s.n > max)
		return log_put_cut(b, s, max);
	buf_str_append(b, s);
	return false;
}

static size_t log_room(const struct buf *b)
{
	return b->n + LOG_TAIL < LOG_LINE_MAX ? LOG_LINE_MAX - LOG_TAIL - b->n : 0;
}

/* The key and its value, or nothing when not even a short value has room; false when the
 * field had to be cut or left out. */
static bool log_put_field(struct buf *b, const struct log_field *f)
{
	enum { LONGEST_NUMBER = 20 };
	size_t start = b->n;

	buf_char(b, log_json ? ',' : ' ');
	bool cut = log_put_str(b, str_from(f->key), 128);
	buf_char(b, log_json ? ':' : '=');
	if (cut || b->failed || log_room(b) < LONGEST_NUMBER) {
		b->n = start;
		b->failed = false;
		return false;
	}
	if (f->kind == LOG_KIND_I64)
		buf_i64(b, f->i);
	else if (f->kind == LOG_KIND_U64)
		buf_u64(b, f->u);
	else
		cut = log_put_str(b, f->s, log_room(b));
	return !cut;
}

static bool log_put_start(struct buf *b, enum log_level level, struct str message)
{
	char now[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_us(), now);
	if (log_json) {
		buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":", now,
			   log_level_names[level]);
		buf_json(b, str_from(log_process));
		buf_printf(b, ",\"pid\":%ld,\"message\":", (long)getpid());
		return !log_put_cut(b, message, LOG_MESSAGE_MAX);
	}
	buf_printf(b, "%s %-5s %s: ", now, log_level_names[level], log_process);
	if (!log_plain_text(message) || message.n > LOG_MESSAGE_MAX)
		return !log_put_cut(b, message, LOG_MESSAGE_MAX);
	buf_str_append(b, message);
	return true;
}

/* Waits for room, for a moment only: a log that nobody reads must not stop the process.
 * Once it gave up, later lines do not wait until one gets through. */
static bool log_writable(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&fd, 1, log_stuck ? 0 : LOG_WAIT_MS) == 1;
}

/* A pipe says writable when PIPE_BUF bytes have room; more could block for ever. */
static size_t log_piece(size_t n)
{
	struct stat st;

	if (n <= PIPE_BUF || fstat(STDERR_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return n;
	return PIPE_BUF;
}

static bool log_flush(struct str s)
{
	size_t whole = s.n;

	for (int tries = 0; s.n && tries < LOG_TRIES && log_writable(); tries++) {
		ssize_t n = write(STDERR_FILENO, s.p, log_piece(s.n));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			break;
		s.p += n;
		s.n -= (size_t)n;
	}
	if (s.n != whole)
		log_unended = s.n > 0;
	log_stuck = s.n > 0;
	return s.n == 0;
}

static void log_line(enum log_level level, struct str message, const struct log_field *fields)
{
	/* The buffer stands on the array and is as large as its limit, so it never allocates. */
	char line[LOG_LINE_MAX];
	struct buf b = { .p = line, .cap = sizeof(line), .limit = sizeof(line) };

	if (log_unended)
		buf_char(&b, '\n');
	bool whole = log_put_start(&b, level, message);
	for (; fields->kind != LOG_KIND_END; fields++)
		if (!log_put_field(&b, fields))
			whole = false;
	if (!whole)
		buf_append(&b, log_json ? ",\"truncated\":true" : " truncated=true",
			   log_json ? 17 : 15);
	if (log_json)
		buf_char(&b, '}');
	buf_char(&b, '\n');
	if (!log_flush(buf_str(&b)))
		log_lost++;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	int error = errno; /* the caller's; logging must not change it */

	log_line(level, str_from(message), fields);
	if (!log_stuck && log_lost) {
		uint64_t lost = log_lost;
		log_lost = 0;
		log_line(LOG_WARN, STR("log lines lost"),
			 (const struct log_field[]){ LOG_U("lines", lost), LOG_END });
	}
	errno = error;
}
