/* SPDX-License-Identifier: Apache-2.0 */

/* sample_service.h -- the life of a sample backend: read the environment, listen, register
 * in Consul, serve, leave.
 * Called by: main() of each service.   Never: knows what a service answers. */
#ifndef SERVICES_COMMON_SAMPLE_SERVICE_H
#define SERVICES_COMMON_SAMPLE_SERVICE_H

#include <jansson.h>

/* A path and what GET answers there.  A table of routes ends with a NULL path. */
struct sample_route {
	const char *path;
	/* Returns a new document, which the caller releases, or NULL for a 500.  Called on
	 * the server's thread, one request at a time. */
	json_t *(*answer)(void);
};

/* Runs the service until a signal ends it and returns the exit status of the process:
 * 0 after an orderly end, 1 when it could not start, 2 for a wrong command line. */
int sample_service_run(int argc, char **argv, const char *name, unsigned port,
		       const struct sample_route *routes);

#endif
