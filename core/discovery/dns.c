/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "config/gateway.h"
#include "discovery/discovery.h"
#include "discovery/dns_ask.h"
#include "discovery/dns_client.h"
#include "discovery/memory.h"
#include "discovery/publish.h"
#include "discovery/publish_watch.h"
#include "discovery/skipped.h"
#include "discovery/watch.h"

enum { DNS_MAGIC = 0x646e7320, DNS_SERVICE_MAGIC = 0x646e7374 };

struct dns {
	unsigned magic;
	uv_loop_t *loop;
	const struct config_dns *config;
	struct registry *registry;
	struct resolver *resolver;
	struct dns_client *client; /* NULL: no service is in DNS */
	struct rand rand;
	struct list services;
	struct list inherited; /* of struct memory */
	bool has_ipv6;         /* this machine */
	bool silent;           /* and that was logged */
	uint64_t answers[DNS_CLOSED], skips;
	size_t open; /* handles and the client */
	void (*on_closed)(void *arg);
	void *arg;
};

struct dns_service {
	unsigned magic;
	struct list link;
	struct dns *dns;
	struct dns_ask_spec spec;
	char *key;
	struct registry_service *record;
	struct watch watch;
	struct publish publish;
	struct skipped skipped;
	bool restored; /* and not published yet */
	uv_timer_t timer;
	bool said_fault; /* what was logged last, so that each change is logged once */
	enum dns_outcome said;
	struct publish_said said_of_watch;
};

/* An address of the family that others could have sent us to: neither the loopback's nor one that
 * is good for a single link. */
static bool dns_has_ipv6(void)
{
	uv_interface_address_t *all = NULL;
	bool found = false;
	int count = 0;

	if (uv_interface_addresses(&all, &count))
		return false;
	for (int i = 0; i < count; i++)
		found |= all[i].address.address6.sin6_family == AF_INET6 && !all[i].is_internal &&
			 !IN6_IS_ADDR_LINKLOCAL(&all[i].address.address6.sin6_addr);
	uv_free_interface_addresses(all, count);
	return found;
}

struct dns *dns_new(uv_loop_t *loop, const struct gateway_config *config, struct registry *registry,
		    struct resolver *resolver, struct error *e)
{
	struct dns *d = xcalloc(1, sizeof(*d));
	bool needed = false;

	d->magic = DNS_MAGIC;
	d->loop = loop;
	d->config = &config->dns;
	d->registry = registry;
	d->resolver = resolver;
	list_init(&d->services);
	list_init(&d->inherited);
	for (size_t i = 0; i < config->service_count; i++)
		needed |= config->services[i].discovery == CONFIG_DNS;
	if (!needed)
		return d;
	d->client = dns_client_new(loop, d->config, e);
	if (!d->client) {
		free(d);
		return NULL;
	}
	d->has_ipv6 = dns_has_ipv6();
	rand_seed_kernel(&d->rand);
	return d;
}

void dns_inherit(struct dns *d, const struct dns *from)
{
	list_each(at, &from->services)
	{
		const struct dns_service *s = container_of(at, struct dns_service, link);
		struct memory *m = memory_new(&d->inherited, s->key);

		watch_restore(&m->watch, &s->watch);
		m->confirmed_ms = s->record->confirmed_ms;
	}
}

json_t *dns_snapshot(const struct dns *d)
{
	json_t *list = json_array();

	list_each(at, &d->services)
	{
		const struct dns_service *s = container_of(at, struct dns_service, link);

		if (s->watch.answered)
			json_array_append_new(list, memory_json(s->record->name, s->key, &s->watch,
								s->record->confirmed_ms));
	}
	if (json_array_size(list) > 0)
		return json_pack("{s:o}", "services", list);
	json_decref(list);
	return NULL;
}

int dns_restore(struct dns *d, const json_t *json, struct error *e)
{
	const json_t *services = json_object_get(json, "services");

	if (!json_is_array(services))
		return error_set(e, "it is not a snapshot of services in DNS");
	return memory_restore(&d->inherited, services, uv_now(d->loop), e);
}

/* ---- one service ---- */

static void dns_service_run(struct dns_service *);

static void dns_on_skip(void *arg, const char *what, const char *reason)
{
	struct dns_service *s = arg;

	s->dns->skips++;
	skipped_say(&s->skipped, s->record->name, what, reason);
}

/* That no server answers is said once, not once for each service. */
static void dns_say_silent(struct dns *d, bool silent, const char *error)
{
	const char *servers = d->config->servers ? d->config->servers : "/etc/resolv.conf";

	if (d->silent == silent)
		return;
	d->silent = silent;
	if (silent)
		log_warn(
			"DNS gives no answer; what is known stays in use",
			LOG_S("servers", servers), LOG_S("error", error),
			LOG_S("remedy", d->config->transport == CONFIG_DNS_TCP ?
						"look at the servers, and whether they answer over "
						"TCP: if not, set discovery.dns.transport to udp" :
						"look at the servers"));
	else
		log_info("DNS answers again", LOG_S("servers", servers));
}

static void dns_say_fault(struct dns_service *s, enum dns_outcome outcome, const char *error)
{
	if (s->said_fault && s->said == outcome)
		return;
	s->said_fault = true;
	s->said = outcome;
	if (outcome == DNS_SILENT)
		log_debug("DNS gives no answer about a service", LOG_S("service", s->record->name),
			  LOG_S("error", error));
	else
		log_warn(outcome == DNS_REFUSED ?
				 "DNS answers with an error about a service" :
				 "DNS's answer about a service cannot be understood",
			 LOG_S("service", s->record->name), LOG_S("name", s->spec.name),
			 LOG_S("error", error),
			 LOG_S("remedy", "none here; what is known stays in use"));
}

static void dns_fail(struct dns_service *s, const struct dns_ask_result *r)
{
	static const enum watch_fault faults[] = {
		[DNS_SILENT] = WATCH_UNREACHABLE,
		[DNS_REFUSED] = WATCH_FAILED,
		[DNS_UNREADABLE] = WATCH_GARBLED,
	};

	dns_say_silent(s->dns, r->outcome == DNS_SILENT, r->error);
	dns_say_fault(s, r->outcome, r->error);
	watch_failed(&s->watch, uv_now(s->dns->loop), faults[r->outcome]);
}

/* What could not be asked stays as it was. */
static void dns_keep_family(const struct watch *w, struct instance_set *set, bool ipv6)
{
	for (size_t i = 0; i < w->known.count; i++) {
		const struct instance *was = &w->known.items[i];

		if (!was->suspect && (strchr(was->host, ':') != NULL) == ipv6)
			instance_set_copy(set, was);
	}
	instance_set_sort(set);
}

static void dns_take(struct dns_service *s, struct dns_ask_result *r)
{
	struct watch *w = &s->watch;
	uint64_t ttl = r->ttl_ms > s->dns->config->min_ttl ? r->ttl_ms : s->dns->config->min_ttl;
	struct watch_answer answer = { .set = &r->set };
	bool partly = s->spec.port && (r->no_ipv4 || r->no_ipv6);

	if (partly && r->no_ipv4)
		dns_keep_family(w, &r->set, false);
	if (partly && r->no_ipv6)
		dns_keep_family(w, &r->set, true);
	/* However many there are: what is kept for lack of an answer is bounded. */
	answer.known_leader = !r->no_hosts || w->known.count > DNS_INSTANCES_MAX;
	w->rules.sweep_ms = ttl;
	watch_answered(w, uv_now(s->dns->loop), &answer);
	s->record->confirmed_ms = clock_wall_us() / 1000;
	dns_say_silent(s->dns, false, NULL);
	if (r->error && (partly || r->no_hosts)) {
		/* Said as a fault, though what there is counts. */
		if (!s->said_fault)
			log_warn("DNS answers for a part of a service's addresses only",
				 LOG_S("service", s->record->name), LOG_S("name", s->spec.name),
				 LOG_S("error", r->error));
		s->said_fault = true;
		s->said = DNS_ANSWERED;
		return;
	}
	if (s->said_fault && s->said != DNS_SILENT)
		log_info("DNS answers about a service again", LOG_S("service", s->record->name));
	s->said_fault = false;
}

static void dns_on_result(void *arg, struct dns_ask_result *r)
{
	struct dns_service *s = arg;

	must(s->magic == DNS_SERVICE_MAGIC);
	if (r->outcome == DNS_CLOSED)
		return;
	skipped_end(&s->skipped);
	s->dns->answers[r->outcome]++;
	if (r->outcome == DNS_ANSWERED || r->outcome == DNS_NOTHING)
		dns_take(s, r);
	else
		dns_fail(s, r);
	publish_watch(&s->publish, &s->watch, &s->said_of_watch);
	dns_service_run(s);
}

static void dns_on_timer(uv_timer_t *timer)
{
	struct dns_service *s = container_of(timer, struct dns_service, timer);

	must(s->magic == DNS_SERVICE_MAGIC);
	dns_service_run(s);
}

static void dns_service_run(struct dns_service *s)
{
	uint64_t now = uv_now(s->dns->loop), due;

	if (watch_tick(&s->watch, now) || s->restored) {
		s->restored = false;
		publish_watch(&s->publish, &s->watch, &s->said_of_watch);
	}
	if (!s->watch.asking && s->watch.ask_at_ms <= now) {
		watch_asked(&s->watch, now);
		skipped_begin(&s->skipped);
		dns_ask(s->dns->client, &s->spec, dns_on_skip, dns_on_result, s);
	}
	due = watch_due(&s->watch);
	if (due == UINT64_MAX)
		uv_timer_stop(&s->timer);
	else
		uv_timer_start(&s->timer, dns_on_timer, due > now ? due - now : 1, 0);
}

/* All that chooses the instances. */
static char *dns_key(const struct dns *d, const struct dns_ask_spec *spec)
{
	struct buf b;

	buf_init(&b, 0);
	buf_printf(&b, "%s %u %d%d %s", spec->name, spec->port, spec->ipv4, spec->ipv6,
		   d->config->servers ? d->config->servers : "-");
	buf_char(&b, '\0');
	must(!b.failed);
	return b.p;
}

void dns_watch(struct dns *d, struct registry_service *record,
	       const struct config_service *declared)
{
	struct dns_service *s = xcalloc(1, sizeof(*s));
	struct watch_rules rules = { .source = "DNS",
				     .hold_ms = d->config->hold,
				     .sweep_ms = d->config->min_ttl };

	must(d->client);
	s->magic = DNS_SERVICE_MAGIC;
	s->dns = d;
	s->record = record;
	s->spec = (struct dns_ask_spec){
		.name = declared->dns_name,
		.port = declared->dns_port,
		.ipv4 = declared->dns_family != CONFIG_FAMILY_IPV6,
		.ipv6 = declared->dns_family == CONFIG_FAMILY_IPV6 ||
			(declared->dns_family == CONFIG_FAMILY_ANY && d->has_ipv6),
	};
	s->key = dns_key(d, &s->spec);
	watch_init(&s->watch, &rules, &d->rand);
	publish_init(&s->publish, d->registry, record, d->resolver);
	must(uv_timer_init(d->loop, &s->timer) == 0);
	d->open++;
	list_push(&d->services, &s->link);
	s->restored = memory_take(&d->inherited, s->key, &s->watch, &record->confirmed_ms);
	watch_poll(&s->watch, uv_now(d->loop));
	watch_start(&s->watch, uv_now(d->loop));
	uv_timer_start(&s->timer, dns_on_timer, 0, 0);
}

void dns_stats(const struct dns *d, struct discovery_stats *stats)
{
	stats->dns_answered = d->answers[DNS_ANSWERED];
	stats->dns_nothing = d->answers[DNS_NOTHING];
	stats->dns_silent = d->answers[DNS_SILENT];
	stats->dns_refused = d->answers[DNS_REFUSED];
	stats->dns_unreadable = d->answers[DNS_UNREADABLE];
	stats->dns_skipped = d->skips;
	stats->dns_services = stats->dns_holding = stats->dns_restored = 0;
	list_each(at, &d->services)
	{
		const struct dns_service *s = container_of(at, struct dns_service, link);

		stats->dns_services++;
		stats->dns_holding += s->watch.holding > 0;
		stats->dns_restored += s->watch.restored;
	}
	stats->dns_reachable = stats->dns_services > 0 && !d->silent &&
			       stats->dns_answered + stats->dns_nothing + stats->dns_refused > 0;
}

/* ---- the end ---- */

static void dns_part_closed(struct dns *d)
{
	void (*on_closed)(void *) = d->on_closed;
	void *arg = d->arg;

	if (--d->open > 0)
		return;
	memory_forget(&d->inherited);
	d->magic = 0;
	free(d);
	on_closed(arg);
}

static void dns_on_client_closed(void *arg)
{
	dns_part_closed(arg);
}

static void dns_on_service_closed(uv_handle_t *handle)
{
	struct dns_service *s = container_of((uv_timer_t *)handle, struct dns_service, timer);
	struct dns *d = s->dns;

	s->magic = 0;
	free(s->key);
	free(s);
	dns_part_closed(d);
}

void dns_close(struct dns *d, void (*on_closed)(void *arg), void *arg)
{
	must(d->magic == DNS_MAGIC);
	d->on_closed = on_closed;
	d->arg = arg;
	d->open += d->client ? 2 : 1;
	if (d->client)
		dns_client_close(d->client, dns_on_client_closed, d);
	while (!list_empty(&d->services)) {
		struct dns_service *s = container_of(d->services.next, struct dns_service, link);

		list_remove(&s->link);
		publish_fini(&s->publish);
		watch_fini(&s->watch);
		skipped_fini(&s->skipped);
		uv_close((uv_handle_t *)&s->timer, dns_on_service_closed);
	}
	dns_part_closed(d);
}
