/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

#include <arpa/inet.h>
#include <llhttp.h>
#include <netinet/in.h>

static bool target_is_hex(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static bool target_port_valid(struct str port)
{
	uint64_t n;
	return port.n == 0 || (port.n <= 5 && str_to_u64(port, 65535, &n) == 0);
}

/* unreserved, sub-delims without the comma (a list in disguise), and percent-encodings. */
static const char target_name_classes[256] = "                "
					     "                "
					     " !  $%&'()*+ -. "  /*  !"#$%&'()*+,-./ */
					     "0123456789 ; =  "  /* 0123456789:;<=>? */
					     " ABCDEFGHIJKLMNO"  /* @ABCDEFGHIJKLMNO */
					     "PQRSTUVWXYZ    _"  /* PQRSTUVWXYZ[\]^_ */
					     " abcdefghijklmno"  /* `abcdefghijklmno */
					     "pqrstuvwxyz   ~ "; /* pqrstuvwxyz{|}~ */

static bool target_name_valid(struct str host)
{
	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];
		if (target_name_classes[c] <= ' ')
			return false;
		if (c != '%')
			continue;
		if (i + 2 >= host.n || !target_is_hex(host.p[i + 1]) ||
		    !target_is_hex(host.p[i + 2]))
			return false;
		i += 2;
	}
	return host.n > 0;
}

static bool target_ipv6_valid(struct str inside)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (inside.n >= sizeof(text) || memchr(inside.p, '\0', inside.n))
		return false;
	memcpy(text, inside.p, inside.n);
	text[inside.n] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

bool target_authority_valid(struct str authority)
{
	struct str host = target_host(authority);
	struct str rest = { authority.p + host.n, authority.n - host.n };

	if (authority.n == 0)
		return false;
	if (rest.n && rest.p[0] != ':')
		return false;
	if (rest.n && !target_port_valid((struct str){ rest.p + 1, rest.n - 1 }))
		return false;
	if (host.n && host.p[0] == '[')
		return host.p[host.n - 1] == ']' &&
		       target_ipv6_valid((struct str){ host.p + 1, host.n - 2 });
	return target_name_valid(host);
}

struct str target_host(struct str authority)
{
	if (authority.n && authority.p[0] == '[') {
		const char *end = memchr(authority.p, ']', authority.n);
		return end ? (struct str){ authority.p, (size_t)(end + 1 - authority.p) } :
			     authority;
	}
	const char *colon = authority.n ? memchr(authority.p, ':', authority.n) : NULL;
	return colon ? (struct str){ authority.p, (size_t)(colon - authority.p) } : authority;
}

/* Without an empty port, or the one that the scheme has anyway (RFC 9110, 4.2.3). */
static struct str target_without_port(struct str authority, struct str port)
{
	struct str host = target_host(authority);
	struct str rest = { authority.p + host.n, authority.n - host.n };

	return rest.n == 1 || str_eq(rest, port) ? host : authority;
}

bool target_same_authority(const struct head *h, struct str host)
{
	bool tls = ascii_lower(h->target.p[4]) == 's';
	struct str port = tls ? STR(":443") : STR(":80");

	return str_ieq(target_without_port(h->authority, port), target_without_port(host, port));
}

static void target_split_query(struct head *h, struct str path_and_query)
{
	const char *mark = memchr(path_and_query.p, '?', path_and_query.n);

	h->path = path_and_query;
	h->query = (struct str){ NULL, 0 };
	if (!mark)
		return;
	h->path.n = (size_t)(mark - path_and_query.p);
	h->query = (struct str){ mark + 1, path_and_query.n - h->path.n - 1 };
}

/* "http://authority[/path][?query]"; other schemes are not ours to serve. */
static enum end_reason target_absolute(struct head *h, const char **why)
{
	struct str t = h->target;
	size_t scheme = t.n > 7 && str_ieq((struct str){ t.p, 7 }, STR("http://"))  ? 7 :
			t.n > 8 && str_ieq((struct str){ t.p, 8 }, STR("https://")) ? 8 :
										      0;

	if (!scheme) {
		*why = "request target is neither a path nor an http URL";
		return END_BAD_REQUEST;
	}
	struct str rest = { t.p + scheme, t.n - scheme };
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	h->authority = (struct str){ rest.p, n };
	if (!target_authority_valid(h->authority)) {
		*why = "authority in the request target is not host[:port]";
		return END_BAD_HOST;
	}
	rest.p += n;
	rest.n -= n;
	if (rest.n == 0) {
		/* Such an OPTIONS is about the server (RFC 9112, 3.2.4). */
		h->path = h->method_id == HTTP_OPTIONS ? STR("*") : STR("/");
		h->query = (struct str){ NULL, 0 };
		return END_OK;
	}
	target_split_query(h, rest);
	if (h->path.n == 0)
		h->path = STR("/");
	return END_OK;
}

enum end_reason target_parse(struct head *h, const char **why)
{
	struct str t = h->target;

	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '#') {
			*why = "a character in the request target that must be percent-encoded";
			return END_BAD_REQUEST;
		}
	}
	if (t.n && t.p[0] == '/') {
		target_split_query(h, t);
		return END_OK;
	}
	if (t.n == 1 && t.p[0] == '*') {
		if (h->method_id != HTTP_OPTIONS) {
			*why = "\"*\" as target with a method other than OPTIONS";
			return END_BAD_REQUEST;
		}
		h->path = t;
		return END_OK;
	}
	return target_absolute(h, why);
}
