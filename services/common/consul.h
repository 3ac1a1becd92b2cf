/* SPDX-License-Identifier: Apache-2.0 */

/* consul.h -- calls to the Consul agent's HTTP API, and a sleep that ends early on stop.
 * Called by: registration.c, on its thread.   Never: knows what a service is. */
#ifndef SERVICES_COMMON_CONSUL_H
#define SERVICES_COMMON_CONSUL_H

#include <stdbool.h>
#include <stdint.h>

struct consul;
struct consul_config;

struct consul_answer {
	long status;    /* HTTP status, 0 when there was no answer */
	char text[256]; /* status and first line of the body, or why there was no answer */
};

/* Returns a client, or NULL after logging why.  *config must outlive it. */
struct consul *consul_new(const struct consul_config *config);
void consul_free(struct consul *);

/* Sends PUT and waits for the answer until deadline (consul_now()).  After consul_stop() a
 * call that is under way gets at most one second more.  body may be NULL. */
void consul_put(struct consul *, const char *path, const char *body, int64_t deadline,
		struct consul_answer *);

/* Returns text escaped as one segment of a path; the caller frees it with free().  NULL
 * when out of memory. */
char *consul_escape(const char *text);

/* Sleeps; returns at once when consul_stop() was called. */
void consul_sleep(struct consul *, int64_t milliseconds);

/* Ends sleeps and hurries calls.  The one function to be called from another thread. */
void consul_stop(struct consul *);

/* Returns when consul_stop() was called (consul_now()), or 0. */
int64_t consul_stopped_at(const struct consul *);

/* Returns milliseconds of the monotonic clock, never 0. */
int64_t consul_now(void);

#endif
