/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service_config.h"
#include "service_log.h"

#define CONFIG_ID_MAX 128

static const char *config_text(const char *variable, const char *otherwise)
{
	const char *value = getenv(variable);

	return value && *value ? value : otherwise;
}

static int config_port(const char *variable, unsigned otherwise, unsigned *out)
{
	const char *value = config_text(variable, NULL);
	char *end;
	unsigned long number;

	*out = otherwise;
	if (!value)
		return 0;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || number < 1 || number > 65535) {
		service_log("%s: \"%s\" is not a port from 1 to 65535", variable, value);
		return -1;
	}
	*out = (unsigned)number;
	return 0;
}

/* Seconds, fractions allowed, as milliseconds. */
static int config_seconds(const char *variable, double otherwise, double least, double most,
			  unsigned *out)
{
	const char *value = config_text(variable, NULL);
	double seconds = otherwise;
	char *end;

	if (value) {
		seconds = strtod(value, &end);
		/* Written so that NaN is refused too. */
		if (end == value || *end || !(seconds >= least && seconds <= most)) {
			service_log("%s: \"%s\" is not a number of seconds from %g to %g", variable,
				    value, least, most);
			return -1;
		}
	}
	*out = (unsigned)(seconds * 1000 + 0.5);
	return 0;
}

static int config_bool(const char *variable, bool otherwise, bool *out)
{
	static const char *const yes[] = { "1", "t", "true" };
	static const char *const no[] = { "0", "f", "false" };
	const char *value = config_text(variable, NULL);

	*out = otherwise;
	if (!value)
		return 0;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*out = !strcasecmp(value, yes[i]);
		if (*out || !strcasecmp(value, no[i]))
			return 0;
	}
	service_log("%s: \"%s\" is neither true nor false", variable, value);
	return -1;
}

static int config_url(struct consul_config *c, bool ssl)
{
	const char *address = config_text("CONSUL_HTTP_ADDR", "127.0.0.1:8500");
	const char *scheme = ssl ? "https://" : "http://";
	int length;

	c->address = address;
	if (strchr(address, '@')) {
		/* Addresses are logged. */
		service_log("CONSUL_HTTP_ADDR: a user and password go into CONSUL_HTTP_AUTH");
		return -1;
	}
	if (!strncasecmp(address, "unix://", 7)) {
		c->unix_socket = address + 7;
		address = "localhost";
	} else if (!strncasecmp(address, "http://", 7) || !strncasecmp(address, "https://", 8)) {
		scheme = "";
	} else if (strstr(address, "://")) {
		service_log("CONSUL_HTTP_ADDR: \"%s\" is none of HOST:PORT, http://, https:// and "
			    "unix://",
			    address);
		return -1;
	}
	length = snprintf(c->url, sizeof(c->url), "%s%s", scheme, address);
	if (length >= (int)sizeof(c->url)) {
		service_log("CONSUL_HTTP_ADDR is longer than %zu bytes", sizeof(c->url));
		return -1;
	}
	while (length > 0 && c->url[length - 1] == '/')
		c->url[--length] = '\0';
	return 0;
}

static int config_consul(struct consul_config *c)
{
	bool ssl;
	int rc = config_bool("CONSUL_HTTP_SSL", false, &ssl);

	rc |= config_bool("CONSUL_HTTP_SSL_VERIFY", true, &c->verify);
	rc |= config_url(c, ssl);
	c->token = config_text("CONSUL_HTTP_TOKEN", NULL);
	c->token_file = config_text("CONSUL_HTTP_TOKEN_FILE", NULL);
	c->cacert = config_text("CONSUL_CACERT", NULL);
	c->capath = config_text("CONSUL_CAPATH", NULL);
	c->client_cert = config_text("CONSUL_CLIENT_CERT", NULL);
	c->client_key = config_text("CONSUL_CLIENT_KEY", NULL);
	c->server_name = config_text("CONSUL_TLS_SERVER_NAME", NULL);
	c->auth = config_text("CONSUL_HTTP_AUTH", NULL);
	c->namespace = config_text("CONSUL_NAMESPACE", NULL);
	if (!c->client_cert != !c->client_key) {
		service_log("CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY must be set together");
		rc = -1;
	}
	return rc;
}

int service_config_read(struct service_config *c, const char *name, unsigned port)
{
	int rc = 0;

	memset(c, 0, sizeof(*c));
	c->name = name;
	c->id = config_text("SERVICE_ID", name);
	c->address = config_text("SERVICE_ADDRESS", "127.0.0.1");
	c->bind = config_text("SERVICE_BIND", "0.0.0.0");
	if (strlen(c->id) > CONFIG_ID_MAX) {
		service_log("SERVICE_ID is longer than %d bytes", CONFIG_ID_MAX);
		rc = -1;
	}
	rc |= config_port("SERVICE_PORT", port, &c->port);
	rc |= config_seconds("SERVICE_DRAIN_SECONDS", 5, 0, 3600, &c->drain_ms);
	rc |= config_seconds("CONSUL_RETRY_SECONDS", 5, 0.1, 3600, &c->retry_ms);
	rc |= config_seconds("CONSUL_TTL_SECONDS", 15, 0.3, 3600, &c->ttl_ms);
	rc |= config_consul(&c->consul);
	return rc;
}

void service_config_help(const char *name, unsigned port)
{
	printf("  SERVICE_PORT           port to listen on and to register (%u)\n", port);
	printf("  SERVICE_BIND           address to listen on (0.0.0.0)\n"
	       "  SERVICE_ADDRESS        address or host name to register (127.0.0.1)\n");
	printf("  SERVICE_ID             ID to register, one for each instance (%s)\n", name);
	printf("  SERVICE_DRAIN_SECONDS  go on serving so long after deregistering (5)\n"
	       "  CONSUL_RETRY_SECONDS   pause between tries to register, +-20 %% (5)\n"
	       "  CONSUL_TTL_SECONDS     Consul's limit for a heartbeat, sent each third of it "
	       "(15)\n"
	       "  CONSUL_HTTP_ADDR       HOST:PORT, http://, https:// or unix:// "
	       "(127.0.0.1:8500)\n"
	       "  CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_AUTH, CONSUL_HTTP_SSL,\n"
	       "  CONSUL_HTTP_SSL_VERIFY, CONSUL_CACERT, CONSUL_CAPATH, CONSUL_CLIENT_CERT,\n"
	       "  CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME, CONSUL_NAMESPACE\n"
	       "                         as for the consul command\n");
}
