/* SPDX-License-Identifier: Apache-2.0 */
#include "config/hostname.h"

#include <arpa/inet.h>
#include <string.h>

enum { HOSTNAME_LABEL_MAX = 63, HOSTNAME_MAX = 253 };

/* An address that only the machine it is written on could mean, or that means many. */
static const char *hostname_ipv4(const struct in_addr *in)
{
	uint32_t a = ntohl(in->s_addr);

	if (a >> 24 == 0)
		return "the address is of no machine";
	if (a >> 28 >= 0xe)
		return "the address is a multicast or broadcast address";
	return NULL;
}

static const char *hostname_ipv6(const struct in6_addr *in)
{
	if (IN6_IS_ADDR_UNSPECIFIED(in))
		return "the address is of no machine";
	if (IN6_IS_ADDR_MULTICAST(in))
		return "the address is a multicast or broadcast address";
	return NULL;
}

static bool hostname_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* A label may not begin or end with a hyphen; the last one not be a number, or the
 * resolver would take "10.1" for an address. */
static const char *hostname_check(const char *name)
{
	static const char *const bad = "the address is neither an IP address nor a host name";
	bool number = false;

	while (*name) {
		size_t n = 0;

		number = true;
		for (; hostname_label_char(name[n]); n++)
			number &= name[n] >= '0' && name[n] <= '9';
		if (n == 0 || n > HOSTNAME_LABEL_MAX || name[0] == '-' || name[n - 1] == '-')
			return bad;
		name += n;
		if (*name == '.')
			name++;
		else if (*name)
			return bad;
	}
	return number ? bad : NULL;
}

const char *hostname_parse(struct str text, char host[HOSTNAME_SIZE], bool *named)
{
	struct in_addr v4;
	struct in6_addr v6;
	bool brackets = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';

	*named = false;
	if (brackets)
		text = (struct str){ text.p + 1, text.n - 2 };
	if (text.n == 0)
		return "there is no address";
	if (text.n > HOSTNAME_MAX || memchr(text.p, '\0', text.n))
		return "the address is neither an IP address nor a host name";
	memcpy(host, text.p, text.n);
	host[text.n] = '\0';
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		inet_ntop(AF_INET6, &v6, host, HOSTNAME_SIZE);
		return hostname_ipv6(&v6);
	}
	if (brackets)
		return "what stands in brackets is no IPv6 address";
	if (inet_pton(AF_INET, host, &v4) == 1)
		return hostname_ipv4(&v4);
	*named = true;
	return hostname_check(host);
}
