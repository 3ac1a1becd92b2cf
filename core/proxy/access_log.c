/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/chain.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

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
	log->on = false;
}

static void access_log_text(struct buf *b, const char *member, size_t n, struct str value)
{
	buf_append(b, member, n);
	buf_json(b, value);
}

#define access_log_member(b, name, value)                                                          \
	access_log_text(b, ",\"" name "\":", sizeof(name) + 3, value)

/* Microseconds as milliseconds with three decimals. */
static void access_log_ms(struct buf *b, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000);
	char text[4] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
			 (char)('0' + rest % 10) };

	buf_u64(b, us / 1000);
	buf_append(b, text, 4);
}

static void access_log_line(struct buf *b, const struct exchange *x, uint64_t us, int64_t wall_us)
{
	char time[CLOCK_RFC3339_SIZE];

	clock_rfc3339((uint64_t)((int64_t)(x->started_ns / 1000) + wall_us), time);
	buf_lit(b, "{\"time\":\"");
	buf_append(b, time, CLOCK_RFC3339_SIZE - 1);
	buf_lit(b, "\",\"request_id\":\"");
	buf_str_append(b, exchange_id(x));
	buf_char(b, '"');
	access_log_member(b, "client", ((struct str){ x->conn->peer, x->conn->peer_n }));
	access_log_member(b, "method", x->req.method);
	access_log_member(b, "host", x->req.authority);
	access_log_member(b, "path", x->path.p ? x->path : x->req.target);
	if (x->chain) {
		const struct gh_route *handler = &x->chain->uses[x->chain->use_count - 1];
		access_log_member(b, "route", str_from(x->proxy->slab->routes[x->route].name));
		access_log_member(b, "plugin", str_from(handler->image->name));
	}
	if (x->service)
		access_log_member(b, "service", str_from(x->service->name));
	if (x->endpoint)
		access_log_member(b, "endpoint", str_from(x->endpoint->text));
	buf_lit(b, ",\"status\":");
	buf_u64(b, x->status);
	buf_lit(b, ",\"reason\":\"");
	buf_str_append(b, str_from(end_reason_table[x->reason].word));
	buf_char(b, '"');
	if (x->why)
		access_log_member(b, "why", str_from(x->why));
	if (x->tries > 1) {
		buf_lit(b, ",\"tries\":");
		buf_u64(b, x->tries);
	}
	buf_lit(b, ",\"bytes_in\":");
	buf_u64(b, x->bytes_in);
	buf_lit(b, ",\"bytes_out\":");
	buf_u64(b, x->bytes_out);
	buf_lit(b, ",\"duration_ms\":");
	access_log_ms(b, us);
	if (x->upstream_us) {
		buf_lit(b, ",\"upstream_ms\":");
		access_log_ms(b, x->upstream_us);
	}
	buf_lit(b, "}\n");
}

void access_log_add(struct access_log *log, const struct exchange *x, uint64_t us)
{
	struct buf *b = &log->filling;
	size_t before = b->n;

	if (!log->timing)
		access_log_start_timer(log);
	access_log_line(b, x, us, log->wall_us);
	if (b->failed) {
		b->n = before;
		b->failed = false;
		++*log->dropped;
	}
	if (b->n > ACCESS_LOG_BATCH / 2)
		access_log_flush(log);
}
