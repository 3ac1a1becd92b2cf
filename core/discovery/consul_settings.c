/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/consul_settings.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/gateway.h"

enum { CONSUL_WAIT_MS = 30000, CONSUL_HOLD_MS = 15000, CONSUL_TOKEN_MAX = 4096 };

static const char *const consul_address = "127.0.0.1:8500";

/* The configuration's word, else the environment's; a copy, NULL for none or "". */
static const char *consul_text(struct consul_settings *s, const char *configured, consul_env env,
			       const char *variable)
{
	const char *text = configured && configured[0] ? configured : NULL;

	if (!text && variable)
		text = env(variable);
	return text && text[0] ? arena_strdup(&s->arena, str_from(text)) : NULL;
}

/* The words that Consul itself takes for a boolean. */
static int consul_bool(consul_env env, const char *variable, bool *out, struct error *error)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	const char *text = env(variable);

	if (!text || !text[0])
		return 0;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*out = text[0] == yes[i][0];
			return 0;
		}
	}
	return error_set(error, "%s is \"%s\": write true or false", variable, text);
}

static int consul_check_url(const char *url, const char *address, struct error *error)
{
	CURLU *parsed = curl_url();
	char *host = NULL, *query = NULL;
	int rc = 0;

	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) ||
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(parsed, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
		rc = error_set(error,
			       "Consul's address \"%s\": write HOST:PORT, http://HOST:PORT, "
			       "https://HOST:PORT or unix:///PATH",
			       address);
	curl_free(host);
	curl_free(query);
	curl_url_cleanup(parsed);
	return rc;
}

static int consul_set_address(struct consul_settings *s, const char *address, bool tls,
			      struct error *error)
{
	const char *scheme = "";
	char *base;
	size_t n;

	if (strncmp(address, "unix:", 5) == 0) {
		const char *path = address + 5 + (strncmp(address + 5, "//", 2) == 0 ? 2 : 0);

		s->unix_socket = arena_strdup(&s->arena, str_from(path));
		s->base = "http://localhost";
		return path[0] == '/' ? 0 :
					error_set(error,
						  "Consul's address \"%s\": the path of a "
						  "unix socket must be absolute",
						  address);
	}
	if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0)
		scheme = tls ? "https://" : "http://";
	base = arena_printf(&s->arena, "%s%s", scheme, address);
	n = strlen(base);
	while (n > 0 && base[n - 1] == '/')
		base[--n] = '\0';
	s->base = base;
	return consul_check_url(base, address, error);
}

static void consul_set_token(struct consul_settings *s, const struct config_consul *c,
			     consul_env env)
{
	s->token_file = consul_text(s, c->token_file, env, NULL);
	s->token = consul_text(s, c->token, env, NULL);
	if (s->token_file || s->token)
		return;
	s->token_file = consul_text(s, NULL, env, "CONSUL_HTTP_TOKEN_FILE");
	s->token = consul_text(s, NULL, env, "CONSUL_HTTP_TOKEN");
}

static int consul_set_tls(struct consul_settings *s, const struct config_consul *c, consul_env env,
			  struct error *error)
{
	bool verify = true;

	s->ca_file = consul_text(s, c->ca_file, env, "CONSUL_CACERT");
	s->ca_path = consul_text(s, c->ca_path, env, "CONSUL_CAPATH");
	s->client_cert = consul_text(s, c->client_cert, env, "CONSUL_CLIENT_CERT");
	s->client_key = consul_text(s, c->client_key, env, "CONSUL_CLIENT_KEY");
	s->tls_server_name = consul_text(s, c->tls_server_name, env, "CONSUL_TLS_SERVER_NAME");
	if (consul_bool(env, "CONSUL_HTTP_SSL_VERIFY", &verify, error))
		return -1;
	s->tls_insecure = !verify || !c->tls_verify;
	if (!s->client_cert != !s->client_key)
		return error_set(error,
				 "a client certificate for Consul needs both client_cert and "
				 "client_key (CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY)");
	return 0;
}

int consul_settings_init(struct consul_settings *s, const struct config_consul *c, consul_env env,
			 struct error *error)
{
	const char *address;
	bool tls = false;

	*s = (struct consul_settings){
		.consistency = c->consistency,
		.wait_ms = c->wait ? c->wait : CONSUL_WAIT_MS,
		.hold_ms = c->hold,
	};
	arena_init(&s->arena, 1024, 0);
	address = consul_text(s, c->address, env, "CONSUL_HTTP_ADDR");
	s->datacenter = consul_text(s, c->datacenter, env, NULL);
	s->ns = consul_text(s, c->ns, env, "CONSUL_NAMESPACE");
	s->http_auth = consul_text(s, c->http_auth, env, "CONSUL_HTTP_AUTH");
	consul_set_token(s, c, env);
	if (consul_bool(env, "CONSUL_HTTP_SSL", &tls, error) || consul_set_tls(s, c, env, error) ||
	    consul_set_address(s, address ? address : consul_address, tls, error)) {
		consul_settings_fini(s);
		return -1;
	}
	return 0;
}

void consul_settings_fini(struct consul_settings *s)
{
	arena_fini(&s->arena);
}

char *consul_settings_token(const struct consul_settings *s, struct error *error)
{
	char text[CONSUL_TOKEN_MAX] = "";
	FILE *file;
	size_t n;

	error->text[0] = '\0';
	if (!s->token_file)
		return s->token ? xstrdup(s->token) : NULL;
	file = fopen(s->token_file, "re");
	if (!file) {
		error_set(error, "token file %s: %s", s->token_file, strerror(errno));
		return NULL;
	}
	n = fread(text, 1, sizeof(text) - 1, file);
	if (ferror(file))
		error_set(error, "token file %s: %s", s->token_file, strerror(errno));
	fclose(file);
	/* An end of line would begin a header of its own. */
	text[n] = '\0';
	text[strcspn(text, " \t\r\n")] = '\0';
	return text[0] ? xstrdup(text) : NULL;
}
