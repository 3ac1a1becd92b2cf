/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/access_log.h -- one JSON line a request, batched and written off the loop's thread.
 * Called by: proxy/exchange (lines), worker (opens, flushes).  Never: waits for a disk or a pipe:
 * when both batches are full, lines are counted as dropped. */
#ifndef GATEHOUSE_PROXY_ACCESS_LOG_H
#define GATEHOUSE_PROXY_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "proxy/access_line.h"

enum { ACCESS_LOG_BATCH = 256 * 1024, ACCESS_LOG_FLUSH_MS = 200 };

struct exchange;

struct access_log {
	bool on;
	int fd;
	uv_loop_t *loop;
	uv_timer_t timer; /* flushes what is not full */
	uv_work_t work;
	struct buf filling, writing;
	struct access_routes routes;
	bool busy, timing;   /* a write runs; the timer runs */
	int64_t wall_us;     /* wall clock less the monotonic one, when the timer was started */
	uint64_t *dropped;   /* counter */
	uint64_t lost_lines; /* set by the thread: lines of a batch that could not be written */
	bool complained;
};

/* path is "off", "stdout" or a file, opened for appending.  0 or -1. */
int access_log_open(struct access_log *, uv_loop_t *, const char *path, uint64_t *dropped,
		    struct error *);
/* Writes what there is, waiting for it, and closes. */
void access_log_close(struct access_log *);
/* Adds the line of a finished exchange, which took us microseconds. */
void access_log_add(struct access_log *, const struct exchange *, uint64_t us);
/* Hands the filling batch to the writing thread, if it is free. */
void access_log_flush(struct access_log *);

#endif
