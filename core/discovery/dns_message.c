/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns_message.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	DNS_HEADER = 12,
	DNS_IS_ANSWER = 0x80,
	DNS_IS_CUT = 0x02,
	DNS_POINTER = 0xc0,
	DNS_CLASS_IN = 1,
	DNS_FIXED = 10, /* type, class, TTL and length of a record */
	DNS_SRV_FIXED = 6
};

/* Where in the message we are; failed once something did not fit. */
struct dns_reader {
	const unsigned char *p;
	size_t n, at;
	bool failed;
};

/* Where the next n bytes stand, or NULL. */
static const unsigned char *dns_take(struct dns_reader *r, size_t n)
{
	const unsigned char *p = r->p + r->at;

	if (r->failed || r->n - r->at < n) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	return p;
}

static uint16_t dns_u16(struct dns_reader *r)
{
	const unsigned char *p = dns_take(r, 2);

	return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static uint32_t dns_u32(struct dns_reader *r)
{
	uint32_t high = dns_u16(r);

	return high << 16 | dns_u16(r);
}

/* Whatever is no letter, digit, hyphen or underscore becomes "?", which is in no host name: a dot
 * within a label must not look like one between two. */
static char dns_letter(unsigned char c)
{
	char lower = ascii_lower((char)c);

	if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return lower;
	return '?';
}

static bool dns_label(char out[DNS_NAME_SIZE], size_t *used, const unsigned char *p, size_t n)
{
	size_t dot = *used > 0;

	/* 255 bytes with lengths (RFC 1035, 3.1) are 253 as text. */
	if (*used + dot + n > 253)
		return false;
	if (dot)
		out[(*used)++] = '.';
	for (size_t i = 0; i < n; i++)
		out[(*used)++] = dns_letter(p[i]);
	return true;
}

/* A name; pointers (RFC 1035, 4.1.4) may lead back only, so there is no circle. */
static void dns_name(struct dns_reader *r, char out[DNS_NAME_SIZE])
{
	struct dns_reader at = *r;
	size_t used = 0, before = r->at;
	bool jumped = false;

	for (;;) {
		const unsigned char *p = dns_take(&at, 1), *label;
		unsigned n = p ? *p : 0;

		if (!jumped)
			*r = at;
		if (n == 0)
			break;
		if ((n & DNS_POINTER) == DNS_POINTER) {
			p = dns_take(&at, 1);
			if (!jumped)
				*r = at;
			jumped = true;
			at.at = p ? (n & ~(unsigned)DNS_POINTER) << 8 | *p : 0;
			at.failed |= !p || at.at >= before;
			before = at.at;
			continue;
		}
		label = (n & DNS_POINTER) == 0 ? dns_take(&at, n) : NULL;
		at.failed |= !label || !dns_label(out, &used, label, n);
		if (!jumped)
			*r = at;
		if (at.failed)
			break;
	}
	r->failed |= at.failed;
	out[used] = '\0';
}

/* The data of a record; the reader ends with it. */
static void dns_data(struct dns_reader *r, struct dns_record *record)
{
	int family = record->type == DNS_A ? AF_INET : AF_INET6;
	const unsigned char *p;

	if (record->type == DNS_SRV) {
		record->priority = dns_u16(r);
		record->weight = dns_u16(r);
		record->port = dns_u16(r);
		dns_name(r, record->value);
		return;
	}
	p = dns_take(r, family == AF_INET ? 4 : 16);
	if (!p || !inet_ntop(family, p, record->value, sizeof(record->value)))
		r->failed = true;
}

/* One record: true when it is of a type that counts. */
static bool dns_record(struct dns_reader *r, struct dns_record *record)
{
	struct dns_reader data;
	uint16_t class, length;
	uint32_t ttl;

	dns_name(r, record->name);
	record->type = dns_u16(r);
	class = dns_u16(r);
	ttl = dns_u32(r);
	length = dns_u16(r);
	data = *r;
	if (!dns_take(r, length))
		return false;
	record->ttl_s = ttl > INT32_MAX ? 0 : ttl > DNS_TTL_MAX_S ? DNS_TTL_MAX_S : ttl;
	if (class != DNS_CLASS_IN ||
	    (record->type != DNS_A && record->type != DNS_AAAA && record->type != DNS_SRV))
		return false;
	/* What stands behind the record is not a part of it, though names may point before it. */
	data.n = r->at;
	dns_data(&data, record);
	r->failed |= data.failed || data.at != data.n;
	return !r->failed;
}

static void dns_section(struct dns_reader *r, struct dns_message *out, size_t n, bool keep,
			bool extra)
{
	struct dns_record dropped;

	for (size_t i = 0; i < n && !r->failed; i++) {
		bool room = keep && out->count < DNS_RECORDS_MAX; /* and then there is memory */
		struct dns_record *record = room ? &out->records[out->count] : &dropped;

		if (!dns_record(r, record))
			continue;
		r->failed |= keep && !room;
		record->extra = extra;
		out->count += room;
	}
}

int dns_message_parse(struct str text, struct dns_message *out, struct error *e)
{
	struct dns_reader r = { (const unsigned char *)text.p, text.n, 0, false };
	const unsigned char *head = dns_take(&r, DNS_HEADER);
	char name[DNS_NAME_SIZE];
	size_t counts[4], all;

	*out = (struct dns_message){ 0 };
	if (!head || !(head[2] & DNS_IS_ANSWER))
		return error_set(e, "not an answer of a DNS server");
	if (head[2] & DNS_IS_CUT)
		return error_set(e, "the answer was cut off by the server");
	for (size_t i = 0; i < 4; i++)
		counts[i] = (size_t)(head[4 + 2 * i] << 8 | head[5 + 2 * i]);
	for (size_t i = 0; i < counts[0] && !r.failed; i++) {
		dns_name(&r, name);
		dns_take(&r, 4);
	}
	all = counts[1] + counts[3];
	all = all > text.n / DNS_FIXED ? text.n / DNS_FIXED : all;
	all = all > DNS_RECORDS_MAX ? DNS_RECORDS_MAX : all;
	out->records = xcalloc(all + 1, sizeof(*out->records));
	dns_section(&r, out, counts[1], true, false);
	dns_section(&r, out, counts[2], false, false);
	dns_section(&r, out, counts[3], true, true);
	if (!r.failed)
		return 0;
	dns_message_fini(out);
	return error_set(e, "the answer is damaged at byte %zu", r.at);
}

void dns_message_fini(struct dns_message *m)
{
	free(m->records);
	*m = (struct dns_message){ 0 };
}
