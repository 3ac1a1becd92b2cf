/* SPDX-License-Identifier: Apache-2.0 */
#include "control/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

enum {
	NOTIFY_TEXT_MAX = 1024,
	NOTIFY_WAIT_US = 200 * 1000, /* for room in the manager's socket; then the word is lost */
};

/* "/path", or "@name" for a name in the abstract namespace. */
static int notify_resolve(struct notify *n, const char *text)
{
	size_t size = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || size < 2 || size >= sizeof(n->to.sun_path))
		return -1;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, text, size + 1);
	if (text[0] == '@')
		n->to.sun_path[0] = '\0';
	/* Of an abstract name every byte counts, and so there is none behind it. */
	n->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (text[0] == '/'));
	return 0;
}

static void notify_read_watchdog(struct notify *n)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, whose = 0;

	if (!usec)
		return;
	if (str_to_u64(str_from(usec), UINT64_MAX / 1000, &us) || us == 0) {
		log_warn("WATCHDOG_USEC is not a time: ignored", LOG_S("value", usec));
		return;
	}
	if (pid && (str_to_u64(str_from(pid), INT32_MAX, &whose) || (pid_t)whose != getpid()))
		return;
	n->watchdog_ns = us * 1000;
}

void notify_open(struct notify *n)
{
	const char *where = getenv("NOTIFY_SOCKET");
	struct timeval wait = { .tv_usec = NOTIFY_WAIT_US };

	*n = (struct notify){ 0 };
	if (where && notify_resolve(n, where)) {
		log_warn("NOTIFY_SOCKET is not the path of a socket: ignored",
			 LOG_S("value", where));
	} else if (where) {
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		must(n->fd >= 0);
		setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		notify_read_watchdog(n);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	if (n->size)
		close(n->fd);
	*n = (struct notify){ 0 };
}

void notify_send(struct notify *n, const char *format, ...)
{
	char text[NOTIFY_TEXT_MAX];
	va_list ap;

	if (!n->size)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (sendto(n->fd, text, strlen(text), MSG_NOSIGNAL,
		   (const struct sockaddr *)(const void *)&n->to, n->size) < 0)
		log_warn("the service manager was not told",
			 LOG_STR("what", ((struct str){ text, strcspn(text, "\n") })),
			 LOG_S("error", strerror(errno)));
}

/* A status is one line. */
static const char *notify_line(const char *text, char out[NOTIFY_TEXT_MAX / 2])
{
	snprintf(out, NOTIFY_TEXT_MAX / 2, "%s", text);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return out;
}

void notify_reloading(struct notify *n, const char *status)
{
	char line[NOTIFY_TEXT_MAX / 2];

	notify_send(n, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=%s", clock_mono_ns() / 1000,
		    notify_line(status, line));
}

void notify_ready(struct notify *n, pid_t main_pid, const char *status)
{
	char line[NOTIFY_TEXT_MAX / 2];

	notify_send(n, "READY=1\nMAINPID=%d\nSTATUS=%s", (int)main_pid, notify_line(status, line));
}

void notify_stopping(struct notify *n, const char *status)
{
	char line[NOTIFY_TEXT_MAX / 2];

	notify_send(n, "STOPPING=1\nSTATUS=%s", notify_line(status, line));
}

void notify_tick(struct notify *n, uint64_t now_ns)
{
	if (n->watchdog_ns == 0 || now_ns - n->beat_ns < n->watchdog_ns / 2)
		return;
	n->beat_ns = now_ns;
	notify_send(n, "WATCHDOG=1");
}

const char *notify_address(const struct notify *n)
{
	static char text[sizeof(n->to.sun_path) + 1];

	if (!n->size)
		return NULL;
	size_t size = n->size - offsetof(struct sockaddr_un, sun_path);
	memcpy(text, n->to.sun_path, size);
	text[size] = '\0';
	if (!text[0])
		text[0] = '@';
	return text;
}
