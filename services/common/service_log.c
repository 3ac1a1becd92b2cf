/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "service_log.h"

static const char *log_name = "service";

void service_log_name(const char *name)
{
	log_name = name;
}

void service_log(const char *format, ...)
{
	char message[1024];
	char line[1200];
	char when[32];
	struct timespec now;
	struct tm utc;
	va_list args;
	int length;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	for (char *p = message; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
	length = snprintf(line, sizeof(line), "%s.%03ldZ %s: %s\n", when, now.tv_nsec / 1000000,
			  log_name, message);
	if (length >= (int)sizeof(line)) {
		length = (int)sizeof(line) - 1;
		line[length - 1] = '\n';
	}
	/* One write per line: lines of several threads do not mix.  A log that cannot be
	 * written has nobody left to be reported to. */
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}
