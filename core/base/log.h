/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h -- the process's own log: one line an event, as JSON or text, to stderr.
 * Called by: everything, for events (never per request: that is proxy/access_log).
 * Never: blocks on a full pipe for long, nor lets a value break out of its line. */
#ifndef GATEHOUSE_BASE_LOG_H
#define GATEHOUSE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_kind { LOG_KIND_END, LOG_KIND_STR, LOG_KIND_I64, LOG_KIND_U64 };

/* One member of a line besides time, level, process and message. */
struct log_field {
	const char *key;
	enum log_kind kind;
	struct str s;
	int64_t i;
	uint64_t u;
};

#define LOG_S(k, v)   ((struct log_field){ .key = (k), .kind = LOG_KIND_STR, .s = str_from(v) })
#define LOG_STR(k, v) ((struct log_field){ .key = (k), .kind = LOG_KIND_STR, .s = (v) })
#define LOG_I(k, v)   ((struct log_field){ .key = (k), .kind = LOG_KIND_I64, .i = (v) })
#define LOG_U(k, v)   ((struct log_field){ .key = (k), .kind = LOG_KIND_U64, .u = (v) })
#define LOG_END       ((struct log_field){ .kind = LOG_KIND_END })

#define LOG_LINE_(level, message, ...)                                                             \
	((level) < log_threshold ?                                                                 \
		 (void)0 :                                                                         \
		 log_write(level, message, (const struct log_field[]){ __VA_ARGS__ }))
/* log_info("worker started", LOG_I("worker", 3), LOG_I("pid", pid)); fields are optional. */
#define log_debug(...) LOG_LINE_(LOG_DEBUG, __VA_ARGS__, LOG_END)
#define log_info(...)  LOG_LINE_(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_warn(...)  LOG_LINE_(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_error(...) LOG_LINE_(LOG_ERROR, __VA_ARGS__, LOG_END)

extern enum log_level log_threshold;

/* Once at start.  process is put in every line ("control", "worker 0"). */
void log_init(enum log_level threshold, bool json, const char *process);
/* Writes one line with one write(2); values are escaped, a line is at most 8 KiB. */
void log_write(enum log_level, const char *message, const struct log_field *fields);
/* "debug" "info" "warn" "error" and back; -1 for another word. */
const char *log_level_name(enum log_level);
int log_level_parse(const char *word);

#endif
