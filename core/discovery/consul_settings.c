/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul_settings.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/gateway.h"
#include "net/fetch.h"

enum { CONSUL_TOKEN_MAX = 4096, CONSUL_CONNECT_MS = 2000 };

static const char *const consul_address = "127.0.0.1:8500";

/* Something to put a path behind: with a host, and nothing behind the path. */
static bool consul_url_ok(const char *text)
{
	CURLU *url = curl_url();
	char *host = NULL, *query = NULL, *fragment = NULL;
	bool ok = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		  curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		  curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY &&
		  curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_NO_FRAGMENT;

	curl_free(host);
	curl_free(query);
	curl_free(fragment);
	curl_url_cleanup(url);
	return ok;
}

int consul_settings_init(struct consul_settings *s, const struct config_consul *c,
			 struct error *error)
{
	const char *address = c->address && c->address[0] ? c->address : consul_address;
	bool schemed = strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0;
	size_t n;

	*s = (struct consul_settings){ .config = c };
	if (strncmp(address, "unix://", 7) == 0) {
		s->unix_socket = address + 7;
		s->base = xstrdup("http://localhost");
		return 0;
	}
	s->base = xcalloc(1, strlen(address) + sizeof("http://"));
	sprintf(s->base, "%s%s", schemed ? "" : "http://", address);
	for (n = strlen(s->base); n > 0 && s->base[n - 1] == '/'; n--)
		s->base[n - 1] = '\0';
	if (consul_url_ok(s->base))
		return 0;
	consul_settings_fini(s);
	return error_set(error,
			 "Consul's address \"%s\": write HOST:PORT, http://HOST:PORT, "
			 "https://HOST:PORT or unix:///PATH",
			 address);
}

void consul_settings_fini(struct consul_settings *s)
{
	free(s->base);
	s->base = NULL;
}

void consul_settings_spec(const struct consul_settings *s, struct fetch_spec *spec)
{
	const struct config_consul *c = s->config;

	spec->unix_socket = s->unix_socket;
	spec->connect_timeout_ms = CONSUL_CONNECT_MS;
	spec->ca_file = c->ca_file;
	spec->ca_path = c->ca_path;
	spec->client_cert = c->client_cert;
	spec->client_key = c->client_key;
	spec->tls_server_name = c->tls_server_name;
	spec->userpwd = c->http_auth;
	spec->tls_insecure = !c->tls_verify;
}

bool consul_settings_local(const struct consul_settings *s)
{
	static const char *const hosts[] = { "127.", "localhost", "[::1]" };
	const char *host = strstr(s->base, "://") + 3;

	if (s->unix_socket)
		return true;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t n = strlen(hosts[i]);

		/* Behind "127." comes the rest of the address, behind a whole host its port. */
		if (strncmp(host, hosts[i], n) == 0 && (i == 0 || strchr(":", host[n])))
			return true;
	}
	return false;
}

char *consul_settings_token(const struct consul_settings *s, struct error *error)
{
	const struct config_consul *c = s->config;
	char text[CONSUL_TOKEN_MAX];
	FILE *file;
	size_t n;

	error->text[0] = '\0';
	if (!c->token_file || !c->token_file[0])
		return c->token && c->token[0] ? xstrdup(c->token) : NULL;
	file = fopen(c->token_file, "re");
	if (!file) {
		error_set(error, "token file %s: %s", c->token_file, strerror(errno));
		return NULL;
	}
	n = fread(text, 1, sizeof(text) - 1, file);
	if (ferror(file))
		error_set(error, "token file %s: %s", c->token_file, strerror(errno));
	fclose(file);
	/* An end of line would begin a header of its own. */
	text[n] = '\0';
	text[strcspn(text, " \t\r\n")] = '\0';
	return text[0] ? xstrdup(text) : NULL;
}
