/* SPDX-License-Identifier: Apache-2.0 */
/* control/listen.h -- the listening sockets: opened once, kept over reloads, handed to workers.
 * Called by: control (opens), control/proc (hands on), control/admin.  Never: accepts. */
#ifndef GATEHOUSE_CONTROL_LISTEN_H
#define GATEHOUSE_CONTROL_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct config_listen;
struct passed_set;

enum { LISTEN_URL_SIZE = 160 };

/* The sockets of one address. */
struct listener {
	char *key;  /* "127.0.0.1:5000": tells one address from another, however it is written */
	char *text; /* the address as first configured, for messages */
	char url[LISTEN_URL_SIZE]; /* "http://127.0.0.1:5000": with the port that was given */
	int *fds;                  /* one per worker; fewer when "shared" */
	uint32_t count;
	uint16_t port; /* 0: a unix socket */
	char *path;    /* a unix socket's file */
	dev_t device;  /* of the file, so that only our own is removed */
	ino_t inode;
	bool foreign;   /* the service manager's sockets, which the set "passed" has too */
	bool shared;    /* workers take turns on what there is: a unix socket, or passed ones */
	unsigned users; /* generations that use it */
	bool given;     /* the first descriptor is not ours to close */
};

/* All addresses that any living generation listens on. */
struct listen_set {
	struct listener **items;
	size_t count;
	struct passed_set *passed; /* sockets that the process was started with; NULL: none */
	bool handed_on;            /* another process has the sockets: their files stay */
};

/* Opens sockets for so many workers, bound and but for the first not listening, and keeps those
 * that are open: host and port, or path, tell which.  Sockets that were passed to the process are
 * taken first; the service manager's are all there are of an address, since no others can be bound
 * beside them.  The listener's users count is one higher.
 * NULL and one line that says what to do. */
struct listener *listen_take(struct listen_set *, const struct config_listen *, uint32_t workers,
			     struct error *);
/* Closes the sockets when nobody uses them any more; removes a unix socket's file. */
void listen_drop(struct listen_set *, struct listener *);
/* Closes the sockets of workers that there are no more. */
void listen_trim(struct listener *, uint32_t workers);
/* The first descriptor is somebody else's to close from now on. */
void listen_give(struct listener *);
/* The descriptor for that worker, which it may have together with others; borrowed. */
int listen_fd(const struct listener *, uint32_t worker);
/* Closes this process's descriptors, so that the kernel refuses new connections as soon as the
 * workers have closed theirs; a unix socket's file is removed. */
void listen_stop(struct listen_set *);

#endif
