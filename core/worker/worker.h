/* SPDX-License-Identifier: Apache-2.0 */
/* worker/worker.h -- one worker process: a loop that accepts, relays and reports.
 * Called by: main.c, for the hidden command "gatehouse worker".  Never: reads a secret, binds a
 * socket, or talks to Consul. */
#ifndef GATEHOUSE_WORKER_WORKER_H
#define GATEHOUSE_WORKER_WORKER_H

#include <stdint.h>

/* How the control process starts a worker: "gatehouse worker", with these inherited
 * descriptors and the environment variable GATEHOUSE_WORKER
 * {"generation":N,"worker":N,"file":PATH,"text":BYTES,"listen":COUNT,"spares":[WORKER,...],
 * "spare_each":COUNT,"hold":[{"name":TEXT,"hash":TEXT},...],"log_level":N,"log_format":N}, the last
 * two -1 unless the command line overrides the configuration.
 *
 *	3              the channel
 *	4              the slab
 *	5              the configuration's text, "text" bytes, and what config/handed.h adds to it
 *	6              what all workers share (metrics/crowd.h)
 *	7 ... 7+n-1    listening sockets, "listen" of them: at least one per address
 *	7+n ...        "spare_each" sockets of each of the workers "spares" (worker/spares.h), then
 *	               copies of plugins, in the order of "plugins" in config/handed.h
 */
enum { WORKER_FD_CHANNEL = 3, WORKER_FD_SLAB, WORKER_FD_CONFIG, WORKER_FD_CROWD, WORKER_FD_LISTEN };

enum { WORKER_SPARES_MAX = 64 }; /* sockets of others that a worker holds */

/* Runs until drained or told to stop: the process's exit status. */
int worker_main(void);

#endif
