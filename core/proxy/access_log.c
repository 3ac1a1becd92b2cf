/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

int access_log_open(struct access_log *log, uv_loop_t *loop, const char *path, uint64_t *dropped,
		    struct error *e)
{
	memset(log, 0, sizeof(*log));
	log->fd = -1;
	log->loop = loop;
	log->dropped = dropped;
	if (strcmp(path, "off") == 0)
		return 0;
	log->fd = strcmp(path, "stdout") == 0 ?
			  fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) :
			  open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (log->fd < 0)
		return error_set(e, "access_log: cannot open %s: %s", path, strerror(errno));
	buf_init(&log->filling, ACCESS_LOG_BATCH);
	buf_init(&log->writing, ACCESS_LOG_BATCH);
	uv_timer_init(loop, &log->timer);
	log->timer.data = log;
	log->work.data = log;
	log->on = true;
	return 0;
}

static uint64_t access_log_lines(const char *p, size_t n)
{
	uint64_t lines = 0;
	const char *end = p + n;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	return lines;
}

/* Writes it all, or counts the lines that were lost. */
static void access_log_write(struct access_log *log)
{
	const char *p = log->writing.p;
	size_t left = log->writing.n;

	log->lost_lines = 0;
	while (left) {
		ssize_t n = write(log->fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log->lost_lines = access_log_lines(p, left);
			return;
		}
		p += n;
		left -= (size_t)n;
	}
}

static void access_log_on_work(uv_work_t *work)
{
	access_log_write(work->data);
}

static void access_log_account(struct access_log *log)
{
	buf_clear(&log->writing);
	if (log->lost_lines && !log->complained)
		log_error("access log cannot be written; lines are lost");
	log->complained = log->lost_lines > 0;
	*log->dropped += log->lost_lines;
}

static void access_log_on_written(uv_work_t *work, int status)
{
	struct access_log *log = work->data;

	(void)status;
	log->busy = false;
	access_log_account(log);
	if (log->filling.n > ACCESS_LOG_BATCH / 2)
		access_log_flush(log);
}

void access_log_flush(struct access_log *log)
{
	if (!log->on || log->busy || !log->filling.n)
		return;
	struct buf full = log->filling;
	log->filling = log->writing;
	log->writing = full;
	log->busy = true;
	if (uv_queue_work(log->loop, &log->work, access_log_on_work, access_log_on_written)) {
		log->busy = false;
		access_log_write(log);
		access_log_account(log);
	}
}

static void access_log_on_timer(uv_timer_t *);

/* The clocks are compared once for all lines until the timer runs out. */
static void access_log_start_timer(struct access_log *log)
{
	log->wall_us = (int64_t)clock_wall_us() - (int64_t)(clock_mono_ns() / 1000);
	log->timing = true;
	uv_timer_start(&log->timer, access_log_on_timer, ACCESS_LOG_FLUSH_MS, 0);
}

static void access_log_on_timer(uv_timer_t *timer)
{
	struct access_log *log = timer->data;

	log->timing = false;
	access_log_flush(log);
	if (log->filling.n && !uv_is_closing((uv_handle_t *)&log->timer))
		access_log_start_timer(log);
}

void access_log_close(struct access_log *log)
{
	if (!log->on)
		return;
	while (log->busy)
		uv_run(log->loop, UV_RUN_ONCE);
	struct buf full = log->filling;
	log->filling = log->writing;
	log->writing = full;
	access_log_write(log);
	access_log_account(log);
	uv_close((uv_handle_t *)&log->timer, NULL);
	close(log->fd);
	buf_fini(&log->filling);
	buf_fini(&log->writing);
	access_routes_fini(&log->routes);
	log->on = false;
}

/* There is no room for the most that the line can have: it may fit all the same. */
static void access_log_add_aside(struct access_log *log, const struct exchange *x, uint64_t us,
				 size_t room)
{
	char *line = malloc(room);

	if (line)
		buf_append(
			&log->filling, line,
			(size_t)(access_line_put(line, &log->routes, x, us, log->wall_us) - line));
	if (!line || log->filling.failed)
		++*log->dropped;
	log->filling.failed = false;
	free(line);
}

void access_log_add(struct access_log *log, const struct exchange *x, uint64_t us)
{
	struct buf *b = &log->filling;

	if (!log->timing)
		access_log_start_timer(log);
	size_t room = access_line_room(&log->routes, x);
	char *to = buf_space(b, room);
	if (to) {
		b->n = (size_t)(access_line_put(to, &log->routes, x, us, log->wall_us) - b->p);
	} else {
		b->failed = false;
		access_log_add_aside(log, x, us, room);
	}
	if (b->n > ACCESS_LOG_BATCH / 2)
		access_log_flush(log);
}
