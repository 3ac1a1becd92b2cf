/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/dns_message.h -- the records of a DNS server's answer (RFC 1035, 4; SRV: RFC 2782).
 * Called by: discovery/dns_ask, fuzzers.  Never: trusts a length or a pointer in it, or asks. */
#ifndef GATEHOUSE_DISCOVERY_DNS_MESSAGE_H
#define GATEHOUSE_DISCOVERY_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };
/* A name as text has at most 253 bytes; a message of 64 KiB some 4,000 records of 16 bytes. */
enum { DNS_NAME_SIZE = 256, DNS_RECORDS_MAX = 4096, DNS_TTL_MAX_S = 86400 };

/* One of the types above; records of other types are left out. */
struct dns_record {
	uint16_t type;
	bool extra;                /* of the additional section, not of the answer */
	uint32_t ttl_s;            /* at most DNS_TTL_MAX_S; with the top bit 0 (RFC 2181, 8) */
	char name[DNS_NAME_SIZE];  /* its owner, in lower case; "" is the root */
	char value[DNS_NAME_SIZE]; /* the address as inet_ntop() writes it, or the host of a SRV */
	uint16_t priority, weight, port; /* of a SRV */
};

struct dns_message {
	struct dns_record *records;
	size_t count;
};

/* Reads a message.  0, or -1 and what is wrong: it is not an answer, is cut off, or has more than
 * DNS_RECORDS_MAX records. */
int dns_message_parse(struct str, struct dns_message *out, struct error *);
void dns_message_fini(struct dns_message *);

#endif
