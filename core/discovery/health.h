/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/health.h -- an answer of Consul's /v1/health/service as a set of instances.
 * Called by: discovery/consul, fuzzers.  Never: lets one bad instance spoil the others. */
#ifndef GATEHOUSE_DISCOVERY_HEALTH_H
#define GATEHOUSE_DISCOVERY_HEALTH_H

#include <gatehouse/plugin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "discovery/instance.h"

struct config_match_header;

enum { HEALTH_INSTANCES_MAX = 20000, HEALTH_WEIGHT_MAX = 65535 };

/* What the service's declaration says about reading it. */
struct health_rules {
	uint16_t default_port;  /* for an instance that registered without one; 0: none */
	struct gh_strings tags; /* only instances with all of these */
	const struct config_match_header *meta; /* and all of these; value NULL: any */
	size_t meta_count;
	/* Names or IDs of checks: an instance that lacks one, or that fails one, is critical. */
	struct gh_strings require_checks;
};

/* An instance that was left out, and why; both texts are gone when it returns. */
typedef void (*health_skip_cb)(void *arg, const char *id, const char *reason);

/* Parses a body; out is sorted and empty before.  0, or -1 when it is not what Consul answers
 * with: then out is empty. */
int health_parse(struct str body, const struct health_rules *, struct instance_set *out,
		 health_skip_cb, void *arg, struct error *);

#endif
