/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/memory.h -- what was known of services that nobody follows yet, by another discovery or
 * by an earlier process: in memory, and as JSON.
 * Called by: discovery/consul and dns.  Never: keeps an index or a TTL, which are of the moment. */
#ifndef GATEHOUSE_DISCOVERY_MEMORY_H
#define GATEHOUSE_DISCOVERY_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "discovery/watch.h"

struct memory {
	struct list link;
	char *key;             /* how the service is read: the same key, the same instances */
	struct watch watch;    /* never started */
	uint64_t confirmed_ms; /* wall clock */
};

/* A memory with nothing in it, in the list; key is copied. */
struct memory *memory_new(struct list *, const char *key);
/* In INIT: the watch begins with what is remembered under the key, which is forgotten here.
 * Whether there is something to publish. */
bool memory_take(struct list *, const char *key, struct watch *, uint64_t *confirmed_ms);
void memory_forget(struct list *);

/* What a watch knows of a service: a new reference. */
json_t *memory_json(const char *service, const char *key, const struct watch *,
		    uint64_t confirmed_ms);
/* Back from an array of these into the list, as of a snapshot on disk.  Instances that were held
 * are held from now_ms on.  0, or -1 and what is wrong: then the list is empty. */
int memory_restore(struct list *, const json_t *, uint64_t now_ms, struct error *);

#endif
