/* SPDX-License-Identifier: Apache-2.0 */

/* registration.h -- keeps one service instance registered in Consul, on a thread of its
 * own, for as long as the process serves.
 * Called by: sample_service.c.   Never: touches the HTTP server. */
#ifndef SERVICES_COMMON_REGISTRATION_H
#define SERVICES_COMMON_REGISTRATION_H

struct registration;
struct service_config;

/* Starts the thread; it registers now and tries again for ever.  Call it when the port
 * accepts connections.  Returns NULL after logging why.  *config must outlive it. */
struct registration *registration_start(const struct service_config *config);

/* Begins to deregister and returns at once; takes 2 s at most. */
void registration_leave(struct registration *);

/* Returns a descriptor that polls readable once the instance has left.  Still owned by the
 * registration. */
int registration_left_fd(const struct registration *);

/* Waits for the thread, after registration_leave(), and releases everything. */
void registration_free(struct registration *);

#endif
