/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/instance.h -- one instance of a service as its source describes it, and sets of them.
 * Called by: discovery/health (makes), watch (judges), publish and static.  Never: does input or
 * output, or looks at a clock. */
#ifndef GATEHOUSE_DISCOVERY_INSTANCE_H
#define GATEHOUSE_DISCOVERY_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { INSTANCE_WHY_SIZE = 160, INSTANCE_ZONE_SIZE = 64 };

/* From best to worst: the status of an instance is the worst of its checks. */
enum instance_status {
	INSTANCE_PASSING,
	INSTANCE_WARNING,
	INSTANCE_CRITICAL,
	INSTANCE_MAINTENANCE
};

struct instance {
	char *id;   /* "node/service-id" or "static/0" */
	char *host; /* IPv4 or IPv6 text as inet_ntop() writes it, or a host name */
	bool named; /* host is a name, to be resolved */
	uint16_t port;
	uint32_t weight;   /* 0: no traffic */
	uint16_t priority; /* the smallest that is well is used; 0 where there are none */
	char zone[INSTANCE_ZONE_SIZE]; /* "": none is known */
	enum instance_status status;
	bool usable;      /* as judged by discovery/watch */
	bool suspect;     /* not in the source's last answer, and held by discovery/watch */
	uint64_t lost_ms; /* of a suspect: since when */
	char why[INSTANCE_WHY_SIZE];
	/* What its source has checked, as JSON for people; NULL: nothing.  It makes no difference
	 * to whether two instances are the same. */
	char *checks;
};

/* Sorted by id once instance_set_sort() has run. */
struct instance_set {
	struct instance *items;
	size_t count, cap;
};

/* Frees what a member of a set owns. */
void instance_fini(struct instance *);
void instance_set_fini(struct instance_set *);
/* A new zeroed member with copies of both texts; valid until the next one is added. */
struct instance *instance_set_add(struct instance_set *, const char *id, const char *host);
/* A copy of another set's member. */
struct instance *instance_set_copy(struct instance_set *, const struct instance *);
void instance_set_sort(struct instance_set *);
/* In a sorted set; NULL when there is none. */
struct instance *instance_set_find(const struct instance_set *, const char *id);
/* Whether source, address and status of two instances agree. */
bool instance_same(const struct instance *, const struct instance *);
/* printf, cut where the text is still UTF-8. */
__attribute__((format(printf, 3, 4))) void instance_text(char *out, size_t size, const char *format,
							 ...);

#endif
