/* SPDX-License-Identifier: Apache-2.0 */
/* control/passed.h -- listening sockets that this process was started with: by a service manager
 * (LISTEN_FDS of sd_listen_fds(3)), or by the gateway that it takes over from.
 * Called by: control (reads), control/listen (takes).  Never: accepts, listens, binds. */
#ifndef GATEHOUSE_CONTROL_PASSED_H
#define GATEHOUSE_CONTROL_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct config_listen;

enum { PASSED_FDS_MAX = 4096, PASSED_TEXT_SIZE = 160 };

struct passed {
	int fd;
	char *name; /* what whoever passed it calls it; "" when it has no name */
	char *key;  /* of the listener that it was, control/listen.h; NULL: found by its address */
	bool ours;  /* bound by a gateway, not by the service manager */
	bool taken; /* some listener has used it */
};

struct passed_set {
	struct passed *items;
	size_t count;
};

/* Takes the sockets that LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES tell of, and these variables out
 * of the environment.  What cannot be used is logged with the reason and closed. */
void passed_read(struct passed_set *);
/* Adds one; fd is the set's from now on, key and name are copied. */
void passed_add(struct passed_set *, int fd, const char *name, const char *key, bool ours);
/* The next one after *at (0 at first) for that address, or NULL.  A socket on [::] that takes IPv4
 * too is good for 0.0.0.0. */
struct passed *passed_find(struct passed_set *, const struct config_listen *, const char *key,
			   size_t *at);
/* Logs those that no listener has used, and why. */
void passed_report(const struct passed_set *);
/* Closes what whoever held them before has bound and no listener has used; the service manager's
 * stay open for a later reload. */
void passed_trim(struct passed_set *);
void passed_fini(struct passed_set *);
/* The address of a socket for people: "127.0.0.1:80", "unix:/path". */
const char *passed_text(int fd, char out[PASSED_TEXT_SIZE]);

#endif
