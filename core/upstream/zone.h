/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/zone.h -- how much of the traffic stays in the gateway's own zone.
 * Called by: upstream/service.  Never: picks an endpoint. */
#ifndef GATEHOUSE_UPSTREAM_ZONE_H
#define GATEHOUSE_UPSTREAM_ZONE_H

#include <stdint.h>

#include "upstream/endpoint.h"

/* In the order of the choices of "prefer_zone". */
enum zone_mode {
	ZONE_OFF,
	ZONE_BALANCED, /* own zone, as far as its capacity goes */
	ZONE_ALWAYS,   /* own zone, while it has any endpoint */
};

enum { ZONE_ALL = 65536, ZONE_SEEN_MAX = 64 };

/* The part of the requests, of ZONE_ALL, that endpoints of the zone own take.  ZONE_BALANCED takes
 * it that every zone brings the same traffic: a zone with less than its part of all weights keeps
 * what it has capacity for, and the rest spills over. */
uint32_t zone_share(struct endpoint *const *, size_t count, const char *own, enum zone_mode);

#endif
