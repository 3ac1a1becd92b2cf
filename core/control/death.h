/* SPDX-License-Identifier: Apache-2.0 */
/* control/death.h -- the log line of a worker that died: who was at work, by what signal, where.
 * Called by: control/supervisor.  Never: parses a program's file itself: a child process finds the
 * names of the functions, since a plugin's file is nothing to trust, and the line waits for it. */
#ifndef GATEHOUSE_CONTROL_DEATH_H
#define GATEHOUSE_CONTROL_DEATH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "metrics/slab.h"

struct slot;

/* What plugin code a worker was running, read from its slab. */
struct death_blame {
	bool any;
	char plugin[64], version[32], hash[17], hook[24], route[SLAB_NAME_SIZE], request_id[40];
	uint64_t for_ms;
};

void death_blame_read(const struct slot *, uint64_t now_ns, struct death_blame *out);
/* The same of what the slot's worker has noted elsewhere. */
void death_blame_of(const struct slot *, struct slab_running, uint64_t now_ns,
		    struct death_blame *out);
/* Writes the line for a death that nobody asked for, now or when the child has ended.  Reads the
 * slot's slab and process before it returns. */
void death_log(const struct slot *, int64_t status, int signal, const struct death_blame *,
	       uint64_t restart_in_ms);
/* "SIGSEGV", "exit status 1". */
void death_how(int64_t status, int signal, char out[48]);

#endif
