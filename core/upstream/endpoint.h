/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/endpoint.h -- one address of a service, as a worker uses it.
 * Called by: upstream/, proxy/.  Never: decides anything. */
#ifndef GATEHOUSE_UPSTREAM_ENDPOINT_H
#define GATEHOUSE_UPSTREAM_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/str.h"

struct service;
struct slab_endpoint;

enum { ENDPOINT_TEXT_SIZE = 56, ENDPOINT_ZONE_SIZE = 64 };

/* Referenced by the service while it lists it, and by each connection and each request that uses
 * it. */
struct endpoint {
	char *id;
	struct service *service;
	struct sockaddr_storage address;
	char text[ENDPOINT_TEXT_SIZE]; /* "1.2.3.4:80", "[::1]:80" */
	char zone[ENDPOINT_ZONE_SIZE]; /* "": none is known */
	uint32_t weight;               /* as published */
	uint32_t share;                /* weight for balancing: less of it in a slow start */
	int64_t turn;                  /* smooth weighted round robin */
	uint64_t hash;                 /* of text, the same in every process */
	uint64_t new_ms;               /* when its slow start began; 0: it has none */
	struct list idle;              /* upconns without a request, the last used first */
	uint32_t idle_count;
	uint32_t active; /* requests on it now */
	unsigned refs;
	struct str logged;            /* for proxy/: its members of a log line; freed with it */
	bool listed;                  /* false once discovery has dropped it */
	struct slab_endpoint *counts; /* what requests came to; never NULL */
};

#endif
