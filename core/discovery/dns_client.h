/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/dns_client.h -- questions to DNS servers: c-ares on the loop.
 * Called by: discovery/dns and dns_ask.  Never: reads records, keeps answers, or blocks. */
#ifndef GATEHOUSE_DISCOVERY_DNS_CLIENT_H
#define GATEHOUSE_DISCOVERY_DNS_CLIENT_H

#include <uv.h>

#include "base/error.h"
#include "base/str.h"

struct config_dns;
struct dns_client;

enum dns_outcome {
	DNS_ANSWERED,   /* with records */
	DNS_NOTHING,    /* the name is not there, or has no such records */
	DNS_SILENT,     /* no server could be reached, or none answered in time */
	DNS_REFUSED,    /* the servers say that they cannot answer: SERVFAIL, REFUSED, ... */
	DNS_UNREADABLE, /* what came is no answer */
	DNS_CLOSED      /* the client is being closed */
};

struct dns_reply {
	enum dns_outcome outcome;
	struct str message; /* of DNS_ANSWERED; gone when the callback returns */
	const char *error;  /* of the others */
};

typedef void (*dns_reply_cb)(void *arg, const struct dns_reply *);

/* NULL: what is wrong with the settings, or with the resolver's. */
struct dns_client *dns_client_new(uv_loop_t *, const struct config_dns *, struct error *);
/* Asks for the records of a type of an absolute name, at once or when so many other questions have
 * ended that a server takes it.  The callback comes exactly once, and may
 * come before this returns. */
void dns_client_ask(struct dns_client *, const char *name, int type, dns_reply_cb, void *arg);
/* Every question that is open ends with DNS_CLOSED at once; then, later, on_closed. */
void dns_client_close(struct dns_client *, void (*on_closed)(void *arg), void *arg);

#endif
