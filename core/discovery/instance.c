/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/instance.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum { INSTANCE_LABEL_MAX = 63, INSTANCE_NAME_MAX = 253 };

void instance_set_fini(struct instance_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free(set->items[i].id);
		free(set->items[i].host);
	}
	free(set->items);
	*set = (struct instance_set){ 0 };
}

struct instance *instance_set_add(struct instance_set *set, const char *id, const char *host)
{
	struct instance *item;

	if (set->count == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 8;
		set->items = xrealloc(set->items, set->cap * sizeof(*set->items));
	}
	item = &set->items[set->count++];
	*item = (struct instance){ .id = xstrdup(id), .host = xstrdup(host) };
	return item;
}

struct instance *instance_set_copy(struct instance_set *set, const struct instance *from)
{
	struct instance *item = instance_set_add(set, from->id, from->host);
	char *id = item->id, *host = item->host;

	*item = *from;
	item->id = id;
	item->host = host;
	return item;
}

static int instance_by_id(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void instance_set_sort(struct instance_set *set)
{
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(*set->items), instance_by_id);
}

static int instance_by_key(const void *key, const void *item)
{
	return strcmp(key, ((const struct instance *)item)->id);
}

struct instance *instance_set_find(const struct instance_set *set, const char *id)
{
	if (set->count == 0)
		return NULL;
	return bsearch(id, set->items, set->count, sizeof(*set->items), instance_by_key);
}

bool instance_same(const struct instance *a, const struct instance *b)
{
	return a->port == b->port && a->weight == b->weight && a->status == b->status &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->zone, b->zone) == 0 &&
	       strcmp(a->why, b->why) == 0;
}

void instance_text(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;
	int wanted;

	va_start(args, format);
	wanted = vsnprintf(out, size, format, args);
	va_end(args);
	if (wanted < 0)
		out[0] = '\0';
	if (wanted < (int)size)
		return;
	/* Back to the first byte of the character that was cut. */
	n = size - 1;
	while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && ((unsigned char)out[n - 1] & 0x80))
		n--;
	out[n] = '\0';
}

/* An address that only the machine it is written on could mean, or that means many. */
static const char *instance_ipv4(const struct in_addr *in)
{
	uint32_t a = ntohl(in->s_addr);

	if (a >> 24 == 0)
		return "the address is of no machine";
	if (a >> 28 >= 0xe)
		return "the address is a multicast or broadcast address";
	return NULL;
}

static const char *instance_ipv6(const struct in6_addr *in)
{
	if (IN6_IS_ADDR_UNSPECIFIED(in))
		return "the address is of no machine";
	if (IN6_IS_ADDR_MULTICAST(in))
		return "the address is a multicast or broadcast address";
	return NULL;
}

static bool instance_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* A label may not begin or end with a hyphen; the last one not be a number, or the
 * resolver would take "10.1" for an address. */
static const char *instance_name(const char *name)
{
	static const char *const bad = "the address is neither an IP address nor a host name";
	bool number = false;

	while (*name) {
		size_t n = 0;

		number = true;
		for (; instance_label_char(name[n]); n++)
			number &= name[n] >= '0' && name[n] <= '9';
		if (n == 0 || n > INSTANCE_LABEL_MAX || name[0] == '-' || name[n - 1] == '-')
			return bad;
		name += n;
		if (*name == '.')
			name++;
		else if (*name)
			return bad;
	}
	return number ? bad : NULL;
}

const char *instance_host(struct str text, char host[INSTANCE_HOST_SIZE], bool *named)
{
	struct in_addr v4;
	struct in6_addr v6;
	bool brackets = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';

	*named = false;
	if (brackets)
		text = (struct str){ text.p + 1, text.n - 2 };
	if (text.n == 0)
		return "there is no address";
	if (text.n > INSTANCE_NAME_MAX || memchr(text.p, '\0', text.n))
		return "the address is neither an IP address nor a host name";
	memcpy(host, text.p, text.n);
	host[text.n] = '\0';
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		inet_ntop(AF_INET6, &v6, host, INSTANCE_HOST_SIZE);
		return instance_ipv6(&v6);
	}
	if (brackets)
		return "what stands in brackets is no IPv6 address";
	if (inet_pton(AF_INET, host, &v4) == 1)
		return instance_ipv4(&v4);
	*named = true;
	return instance_name(host);
}
