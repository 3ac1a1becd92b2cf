/* SPDX-License-Identifier: Apache-2.0 */
/* control/notify.h -- what the service manager is told of the gateway: that it is ready, reloads,
 * stops and lives, as sd_notify(3) describes.  The protocol is one datagram of NAME=VALUE lines, so
 * it is spoken here and not through libsystemd, which would bring its own libraries into every
 * process.
 * Called by: control, control/reload, control/upgrade.  Never: waits for the manager, decides
 * anything. */
#ifndef GATEHOUSE_CONTROL_NOTIFY_H
#define GATEHOUSE_CONTROL_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t size;       /* of its address; 0: there is no service manager */
	uint64_t watchdog_ns; /* how often the manager wants to hear of us; 0: never */
	uint64_t beat_ns;     /* when it last did, CLOCK_MONOTONIC */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment, since
 * no child may speak for the gateway.  What is wrong with them is logged. */
void notify_open(struct notify *);
/* Nothing is told any more. */
void notify_close(struct notify *);
/* Sends lines as they are, "READY=1\nSTATUS=...".  What cannot be sent is logged. */
__attribute__((format(printf, 2, 3))) void notify_send(struct notify *, const char *format, ...);
/* RELOADING=1 with the time that Type=notify-reload asks for. */
void notify_reloading(struct notify *, const char *status);
/* READY=1: also the end of a reload, whatever its outcome. */
void notify_ready(struct notify *, pid_t main_pid, const char *status);
void notify_stopping(struct notify *, const char *status);
/* Many times a second, from the loop whose life it vouches for: WATCHDOG=1 at half the time that
 * the manager waits. */
void notify_tick(struct notify *, uint64_t now_ns);
/* The address as in NOTIFY_SOCKET, for a process that takes over; NULL: there is none.  Good until
 * the next call. */
const char *notify_address(const struct notify *);

#endif
