/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "config/hostname.h"

const char *address_path(struct arena *a, const char *base, const char *path)
{
	struct str dir = str_from(base);
	const char *out;

	if (path[0] == '/')
		return path;
	/* base has no symbolic links in it, so that ".." is its parent. */
	while (dir.n > 1 && strncmp(path, "../", 3) == 0) {
		while (dir.n > 0 && dir.p[dir.n - 1] != '/')
			dir.n--;
		dir.n--;
		path += 3;
	}
	out = arena_printf(a, "%.*s/%s", STR_ARGS(dir), path);
	must(out);
	return out;
}

/* Host and port; brackets around an IPv6 address are taken off, and needed. */
static int address_split(const char *text, struct str *host, uint16_t *port, struct error *e)
{
	const char *colon = strrchr(text, ':');
	uint64_t number;

	if (!colon || strchr(colon, ']'))
		return error_set(e, "\"%s\" has no port; write it behind a colon: \"%s:5000\"",
				 text, text);
	*host = (struct str){ text, (size_t)(colon - text) };
	if (str_to_u64(str_from(colon + 1), 65535, &number) < 0 || number == 0)
		return error_set(e, "\"%s\": the port must be a number from 1 to 65535", text);
	*port = (uint16_t)number;
	if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
		struct in6_addr ip;
		char name[INET6_ADDRSTRLEN];
		*host = (struct str){ host->p + 1, host->n - 2 };
		if (host->n >= sizeof(name))
			return error_set(e, "\"%s\": no IPv6 address in the brackets", text);
		memcpy(name, host->p, host->n);
		name[host->n] = '\0';
		if (inet_pton(AF_INET6, name, &ip) != 1)
			return error_set(e, "\"%s\": no IPv6 address in the brackets", text);
	} else if (memchr(host->p, ':', host->n)) {
		return error_set(e, "\"%s\": an IPv6 address needs brackets: \"[%.*s]:%s\"", text,
				 STR_ARGS(*host), colon + 1);
	}
	return 0;
}

static int address_unix(struct arena *a, const char *text, const char *base,
			struct config_listen *out, struct error *e)
{
	const char *path = text + strlen("unix:");

	if (!*path)
		return error_set(e, "\"%s\" has no path; write \"unix:/run/gatehouse.sock\"", text);
	out->path = address_path(a, base, path);
	if (strlen(out->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(
			e, "%s is longer than the %zu bytes that a unix socket's path may have",
			out->path, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	return 0;
}

int address_listen(struct arena *a, const char *text, const char *base, struct config_listen *out,
		   struct error *e)
{
	struct in6_addr ip;
	struct str host;

	*out = (struct config_listen){ .text = text };
	if (str_starts(str_from(text), STR("unix:")))
		return address_unix(a, text, base, out, e);
	if (address_split(text, &host, &out->port, e) < 0)
		return -1;
	if (host.n == 0)
		host = STR("0.0.0.0");
	out->host = arena_strdup(a, host);
	must(out->host);
	if (inet_pton(AF_INET, out->host, &ip) != 1 && inet_pton(AF_INET6, out->host, &ip) != 1)
		return error_set(
			e,
			"\"%s\": \"%s\" is not an IP address; write one of this machine, such "
			"as 127.0.0.1 or [::1], or 0.0.0.0 for all",
			text, out->host);
	return 0;
}

int address_endpoint(struct arena *a, const char *text, struct config_endpoint *out,
		     struct error *e)
{
	char name[HOSTNAME_SIZE];
	const char *wrong;
	struct str host;
	bool named;

	if (strstr(text, "://"))
		return error_set(e, "\"%s\" is a URL; write host:port alone", text);
	if (address_split(text, &host, &out->port, e) < 0)
		return -1;
	if ((wrong = hostname_parse(host, name, &named)))
		return error_set(e, "\"%s\": %s", text, wrong);
	out->host = arena_strdup(a, host);
	must(out->host);
	return 0;
}
