/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/dns_ask.h -- what DNS says of one service, once: a name's addresses, or its SRV records
 * and the addresses of their hosts, as a set of instances.
 * Called by: discovery/dns.  Never: judges what an answer is worth, or keeps one. */
#ifndef GATEHOUSE_DISCOVERY_DNS_ASK_H
#define GATEHOUSE_DISCOVERY_DNS_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "discovery/dns_client.h"
#include "discovery/instance.h"

/* Hosts of SRV records whose addresses do not come with them (many servers end a connection after
 * 128 questions), and instances. */
enum { DNS_HOSTS_MAX = 64, DNS_INSTANCES_MAX = 2048 };

struct dns_ask;

struct dns_ask_spec {
	const char *name; /* borrowed until the end */
	uint16_t port;    /* 0: SRV records have it */
	bool ipv4, ipv6;  /* addresses to use */
};

struct dns_ask_result {
	enum dns_outcome outcome; /* the set is empty unless this is DNS_ANSWERED */
	struct instance_set set;  /* sorted; may be taken.  Ids are "dns/ADDRESS:PORT". */
	uint64_t ttl_ms;          /* the smallest of all records; 0 for DNS_NOTHING */
	/* Something could not be asked: all IPv4 or all IPv6 addresses, or those of some hosts. */
	bool no_ipv4, no_ipv6, no_hosts;
	const char *error; /* of what could not */
};

/* The result is gone when it returns. */
typedef void (*dns_ask_cb)(void *arg, struct dns_ask_result *);
/* A record that cannot be used, and why. */
typedef void (*dns_skip_cb)(void *arg, const char *what, const char *reason);

/* done comes exactly once, perhaps before this returns; skip only before it. */
void dns_ask(struct dns_client *, const struct dns_ask_spec *, dns_skip_cb skip, dns_ask_cb done,
	     void *arg);

#endif
