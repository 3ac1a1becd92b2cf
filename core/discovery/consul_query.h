/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_query.h -- one question to Consul: its URL, its deadline, and
 * what an answer to it means.
 * Called by: discovery/consul.  Never: asks it. */
#ifndef GATEHOUSE_DISCOVERY_CONSUL_QUERY_H
#define GATEHOUSE_DISCOVERY_CONSUL_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "discovery/watch.h"

struct buf;
struct consul_settings;

/* What arrived, without the body. */
struct consul_reply {
	int status;    /* 0: no answer */
	int curl_code; /* CURLcode, then */
	double total_ms;
	struct str index, known_leader, last_contact; /* headers, absent when not there */
};

/* Where a question is asked, and who may answer. */
struct consul_scope {
	const char *datacenter, *ns; /* NULL: the agent's own */
	int consistency;             /* CONSUL_STALE, ... */
};

/* What discovery.consul says. */
struct consul_scope consul_scope_default(const struct consul_settings *);
/* Appends the URL for the state of a service later than index; index 0 does not block. */
void consul_query_url(struct buf *, const struct consul_settings *, const struct consul_scope *,
		      const char *service, uint64_t index);
/* The same for another path, which is not escaped. */
void consul_query_path(struct buf *, const struct consul_settings *, const struct consul_scope *,
		       const char *path, uint64_t index);
/* How long all of it may take, in milliseconds: Consul adds up to a sixteenth to the wait. */
uint64_t consul_query_deadline(const struct consul_settings *, uint64_t index);
/* Reads the headers of a 200 into the answer: 0; or -1 and what is wrong. */
int consul_query_read(const struct consul_reply *, struct watch_answer *, enum watch_fault *);

#endif
