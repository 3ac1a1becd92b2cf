/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/hostname.h"
#include "discovery/dns_message.h"

/* Where instances are: the name itself, or a host and port of a SRV record. */
struct dns_place {
	char host[DNS_NAME_SIZE];
	uint16_t port, priority, weight;
	bool found; /* there are addresses */
};

struct dns_ask {
	struct dns_client *client;
	struct dns_ask_spec spec;
	dns_skip_cb skip;
	dns_ask_cb done;
	void *arg;
	struct dns_place *places;
	size_t place_count;
	size_t pending; /* questions, and one while they are being asked */
	struct dns_ask_result result;
	enum dns_outcome fault; /* of what could not be asked */
	uint64_t ttl_s;
	size_t added; /* instances, some perhaps again and again */
};

/* The addresses of a host, of one family. */
struct dns_lookup {
	struct dns_ask *ask;
	int type;
	char host[DNS_NAME_SIZE];
};

static void dns_ask_skip(const struct dns_ask *a, const char *what, const char *reason)
{
	a->skip(a->arg, what, reason);
}

static void dns_ask_ttl(struct dns_ask *a, uint32_t ttl_s)
{
	if (ttl_s < a->ttl_s)
		a->ttl_s = ttl_s;
}

/* An instance that is there twice keeps the better of its priorities. */
static void dns_ask_add(struct dns_ask *a, const struct dns_place *p, const char *address)
{
	char id[HOSTNAME_SIZE + 16], host[HOSTNAME_SIZE];
	struct instance *item = NULL;
	const char *bad;
	bool named;

	if (++a->added > 2 * DNS_INSTANCES_MAX)
		return;
	bad = hostname_parse(str_from(address), host, &named);
	if (bad || a->result.set.count >= DNS_INSTANCES_MAX) {
		dns_ask_skip(a, address, bad ? bad : "there are too many");
		return;
	}
	snprintf(id, sizeof(id), strchr(host, ':') ? "dns/[%s]:%u" : "dns/%s:%u", host, p->port);
	for (size_t i = 0; i < a->result.set.count && !item; i++)
		if (strcmp(a->result.set.items[i].id, id) == 0)
			item = &a->result.set.items[i];
	if (item && item->priority <= p->priority)
		return;
	if (!item)
		item = instance_set_add(&a->result.set, id, host);
	item->port = p->port;
	item->priority = p->priority;
	/* A weight of 0 is a very small chance (RFC 2782), not none. */
	item->weight = p->weight ? p->weight : 1;
	if (a->spec.port)
		instance_text(item->why, sizeof(item->why), "in DNS");
	else
		instance_text(item->why, sizeof(item->why), "in DNS as %s", p->host);
}

static bool dns_ask_wants(const struct dns_ask *a, int type)
{
	return type == DNS_A ? a->spec.ipv4 : type == DNS_AAAA && a->spec.ipv6;
}

static void dns_ask_free(struct dns_ask *a)
{
	instance_set_fini(&a->result.set);
	free(a->places);
	free(a);
}

static void dns_ask_end(struct dns_ask *a)
{
	struct dns_ask_result *r = &a->result;

	if (--a->pending > 0)
		return;
	for (size_t i = 0; i < a->place_count && !a->spec.port && !r->no_hosts; i++)
		if (!a->places[i].found)
			dns_ask_skip(a, a->places[i].host, "the host has no address in DNS");
	instance_set_sort(&r->set);
	r->ttl_ms = r->set.count ? a->ttl_s * 1000 : 0;
	r->outcome = DNS_ANSWERED;
	if (a->fault == DNS_CLOSED)
		r->outcome = DNS_CLOSED;
	else if (r->set.count == 0)
		r->outcome = a->fault != DNS_ANSWERED ? a->fault : DNS_NOTHING;
	a->done(a->arg, r);
	dns_ask_free(a);
}

static void dns_ask_failed(struct dns_ask *a, enum dns_outcome outcome, const char *error)
{
	/* The first is told: of what comes later, silence says the least. */
	if (a->fault != DNS_ANSWERED && outcome != DNS_CLOSED)
		return;
	a->fault = outcome;
	a->result.error = error;
}

/* ---- addresses ---- */

/* Those of the host, by whatever names (CNAME) the server got there. */
static void dns_ask_addresses(struct dns_ask *a, const struct dns_lookup *l, struct str text)
{
	struct dns_message m;
	struct error e;

	if (dns_message_parse(text, &m, &e)) {
		dns_ask_failed(a, DNS_UNREADABLE, "the answer is damaged or was cut off");
		a->result.no_ipv4 |= l->type == DNS_A;
		a->result.no_ipv6 |= l->type == DNS_AAAA;
		return;
	}
	for (size_t i = 0; i < m.count; i++) {
		if (m.records[i].type != l->type || m.records[i].extra)
			continue;
		dns_ask_ttl(a, m.records[i].ttl_s);
		for (size_t k = 0; k < a->place_count; k++) {
			if (strcmp(a->places[k].host, l->host) != 0)
				continue;
			a->places[k].found = true;
			dns_ask_add(a, &a->places[k], m.records[i].value);
		}
	}
	dns_message_fini(&m);
}

static void dns_ask_on_addresses(void *arg, const struct dns_reply *reply)
{
	struct dns_lookup *l = arg;
	struct dns_ask *a = l->ask;

	if (reply->outcome == DNS_ANSWERED) {
		dns_ask_addresses(a, l, reply->message);
	} else if (reply->outcome != DNS_NOTHING) {
		dns_ask_failed(a, reply->outcome, reply->error);
		a->result.no_ipv4 |= l->type == DNS_A;
		a->result.no_ipv6 |= l->type == DNS_AAAA;
	}
	/* Of several hosts it matters that something is not known, not which family. */
	if (!a->spec.port && (a->result.no_ipv4 || a->result.no_ipv6))
		a->result.no_hosts = true;
	free(l);
	dns_ask_end(a);
}

static void dns_ask_host(struct dns_ask *a, const char *host)
{
	static const int types[] = { DNS_A, DNS_AAAA };

	for (size_t i = 0; i < 2; i++) {
		struct dns_lookup *l;

		if (!dns_ask_wants(a, types[i]))
			continue;
		l = xcalloc(1, sizeof(*l));
		l->ask = a;
		l->type = types[i];
		snprintf(l->host, sizeof(l->host), "%s", host);
		a->pending++;
		dns_client_ask(a->client, l->host, l->type, dns_ask_on_addresses, l);
	}
}

/* ---- SRV records ---- */

static void dns_ask_place(struct dns_ask *a, const struct dns_record *record)
{
	struct dns_place *p = &a->places[a->place_count];
	char host[HOSTNAME_SIZE];
	const char *bad = "the host's name is none";
	bool named;

	/* "." says that the service is not to be had there (RFC 2782). */
	if (!record->value[0])
		return;
	if (hostname_parse(str_from(record->value), host, &named) || !named) {
		dns_ask_skip(a, record->value, bad);
		return;
	}
	if (record->port == 0) {
		dns_ask_skip(a, record->value, "it has port 0");
		return;
	}
	dns_ask_ttl(a, record->ttl_s);
	*p = (struct dns_place){ .port = record->port,
				 .priority = record->priority,
				 .weight = record->weight };
	snprintf(p->host, sizeof(p->host), "%s", record->value);
	a->place_count++;
}

/* The addresses that came along. */
static void dns_ask_extra(struct dns_ask *a, const struct dns_message *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct dns_record *r = &m->records[i];

		if (!dns_ask_wants(a, r->type))
			continue;
		for (size_t k = 0; k < a->place_count; k++) {
			if (strcmp(a->places[k].host, r->name) != 0)
				continue;
			a->places[k].found = true;
			dns_ask_ttl(a, r->ttl_s);
			dns_ask_add(a, &a->places[k], r->value);
		}
	}
}

/* Asks for those that did not; each host once. */
static void dns_ask_hosts(struct dns_ask *a)
{
	size_t asked = 0, count = a->place_count;

	for (size_t i = 0; i < count; i++) {
		bool again = a->places[i].found;

		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(a->places[k].host, a->places[i].host) == 0;
		if (again)
			continue;
		if (++asked > DNS_HOSTS_MAX) {
			a->result.no_hosts = true;
			dns_ask_skip(a, a->places[i].host, "there are too many hosts to ask for");
			return;
		}
		dns_ask_host(a, a->places[i].host);
	}
}

static void dns_ask_on_srv(void *arg, const struct dns_reply *reply)
{
	struct dns_ask *a = arg;
	struct dns_message m = { 0 };
	struct error e;

	if (reply->outcome == DNS_ANSWERED && dns_message_parse(reply->message, &m, &e)) {
		dns_ask_failed(a, DNS_UNREADABLE, "the answer is damaged or was cut off");
	} else if (reply->outcome == DNS_ANSWERED) {
		a->places = xcalloc(m.count + 1, sizeof(*a->places));
		for (size_t i = 0; i < m.count; i++)
			if (m.records[i].type == DNS_SRV && !m.records[i].extra)
				dns_ask_place(a, &m.records[i]);
		dns_ask_extra(a, &m);
		dns_message_fini(&m);
		dns_ask_hosts(a);
	} else if (reply->outcome != DNS_NOTHING) {
		dns_ask_failed(a, reply->outcome, reply->error);
	}
	dns_ask_end(a);
}

void dns_ask(struct dns_client *client, const struct dns_ask_spec *spec, dns_skip_cb skip,
	     dns_ask_cb done, void *arg)
{
	struct dns_ask *a = xcalloc(1, sizeof(*a));

	a->client = client;
	a->spec = *spec;
	a->skip = skip;
	a->done = done;
	a->arg = arg;
	a->fault = DNS_ANSWERED;
	a->ttl_s = DNS_TTL_MAX_S;
	a->pending = 1;
	if (!spec->port) {
		dns_client_ask(client, spec->name, DNS_SRV, dns_ask_on_srv, a);
		return;
	}
	a->places = xcalloc(1, sizeof(*a->places));
	a->place_count = 1;
	a->places[0].port = spec->port;
	snprintf(a->places[0].host, sizeof(a->places[0].host), "%s", spec->name);
	dns_ask_host(a, spec->name);
	dns_ask_end(a);
}
