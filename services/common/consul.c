/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consul.h"
#include "service_config.h"
#include "service_log.h"

#define CONSUL_CONNECT_MS 2000L
#define CONSUL_HURRY_MS   1000

struct consul {
	const struct consul_config *config;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *connect_to;
	char base[512];
	char error[CURL_ERROR_SIZE];
	_Atomic int64_t stopped_at;
};

int64_t consul_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

int64_t consul_stopped_at(const struct consul *c)
{
	return atomic_load(&c->stopped_at);
}

void consul_stop(struct consul *c)
{
	atomic_store(&c->stopped_at, consul_now());
	curl_multi_wakeup(c->multi);
}

void consul_sleep(struct consul *c, int64_t milliseconds)
{
	int64_t deadline = consul_now() + milliseconds;
	int64_t left;

	while (!consul_stopped_at(c) && (left = deadline - consul_now()) > 0)
		curl_multi_poll(c->multi, NULL, 0, (int)left, NULL);
}

char *consul_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}

/* Keeps the beginning of the body for the log and drops the rest. */
static size_t consul_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct consul_answer *answer = arg;
	size_t have = strlen(answer->text);
	size_t room = sizeof(answer->text) - 1 - have;
	size_t take = size * count < room ? size * count : room;

	memcpy(answer->text + have, data, take);
	answer->text[have + take] = '\0';
	return size * count;
}

/* libcurl takes the name to verify from the URL: put it there, and connect elsewhere. */
static int consul_set_server_name(struct consul *c)
{
	CURLU *url = curl_url();
	char *host = NULL;
	char *port = NULL;
	char *named = NULL;
	char target[512];
	int rc = -1;

	if (!url || curl_url_set(url, CURLUPART_URL, c->base, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
	    curl_url_set(url, CURLUPART_HOST, c->config->server_name, 0) ||
	    curl_url_get(url, CURLUPART_URL, &named, 0) || strlen(named) >= sizeof(c->base))
		goto done;
	snprintf(target, sizeof(target), "::%s:%s", host, port);
	snprintf(c->base, sizeof(c->base), "%s", named);
	if (c->base[strlen(c->base) - 1] == '/')
		c->base[strlen(c->base) - 1] = '\0';
	c->connect_to = curl_slist_append(NULL, target);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
	rc = c->connect_to ? 0 : -1;
done:
	curl_free(host);
	curl_free(port);
	curl_free(named);
	curl_url_cleanup(url);
	return rc;
}

static void consul_set_options(struct consul *c)
{
	const struct consul_config *config = c->config;

	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, consul_on_body);
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "PUT");
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, CONSUL_CONNECT_MS);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Do not wait for a name server when the process is to end. */
	curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	/* The token is for the agent: never hand it to a proxy found in the environment. */
	curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, config->verify ? 1L : 0L);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, config->verify ? 2L : 0L);
	if (config->unix_socket)
		curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, config->unix_socket);
	if (config->cacert)
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, config->cacert);
	if (config->capath)
		curl_easy_setopt(c->easy, CURLOPT_CAPATH, config->capath);
	if (config->client_cert) {
		curl_easy_setopt(c->easy, CURLOPT_SSLCERT, config->client_cert);
		curl_easy_setopt(c->easy, CURLOPT_SSLKEY, config->client_key);
	}
	if (config->auth)
		curl_easy_setopt(c->easy, CURLOPT_USERPWD, config->auth);
}

struct consul *consul_new(const struct consul_config *config)
{
	struct consul *c = calloc(1, sizeof(*c));

	if (!c)
		goto fail;
	c->config = config;
	snprintf(c->base, sizeof(c->base), "%s", config->url);
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (!c->multi || !c->easy)
		goto fail;
	consul_set_options(c);
	if (config->server_name && consul_set_server_name(c)) {
		service_log("CONSUL_TLS_SERVER_NAME \"%s\" and CONSUL_HTTP_ADDR \"%s\" give no URL",
			    config->server_name, config->url);
		consul_free(c);
		return NULL;
	}
	return c;
fail:
	service_log("cannot set up libcurl: out of memory");
	consul_free(c);
	return NULL;
}

void consul_free(struct consul *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	curl_slist_free_all(c->connect_to);
	free(c);
}

/* Reads the file at every call, so that a new token counts at once.  Returns 0, or -1 and
 * the reason in the answer. */
static int consul_token(const struct consul *c, char *token, size_t size,
			struct consul_answer *answer)
{
	FILE *file;
	size_t length;

	token[0] = '\0';
	if (!c->config->token_file) {
		snprintf(token, size, "%s", c->config->token ? c->config->token : "");
	} else {
		file = fopen(c->config->token_file, "re");
		if (!file) {
			snprintf(answer->text, sizeof(answer->text), "token file %.150s: %s",
				 c->config->token_file, strerror(errno));
			return -1;
		}
		if (!fgets(token, (int)size, file))
			token[0] = '\0';
		fclose(file);
	}
	/* An end of line would begin a header of its own. */
	length = strcspn(token, " \t\r\n");
	token[length] = '\0';
	return 0;
}

static int consul_add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[512];
	struct curl_slist *grown;

	snprintf(line, sizeof(line), "%s: %s", name, value);
	grown = curl_slist_append(*list, line);
	if (!grown)
		return -1;
	*list = grown;
	return 0;
}

/* Returns the headers, or NULL and the reason in the answer. */
static struct curl_slist *consul_headers(const struct consul *c, struct consul_answer *answer)
{
	struct curl_slist *list = NULL;
	char token[256];

	if (consul_token(c, token, sizeof(token), answer))
		return NULL;
	if (consul_add_header(&list, "Content-Type", "application/json") ||
	    (token[0] && consul_add_header(&list, "X-Consul-Token", token)) ||
	    (c->config->namespace &&
	     consul_add_header(&list, "X-Consul-Namespace", c->config->namespace))) {
		curl_slist_free_all(list);
		snprintf(answer->text, sizeof(answer->text), "out of memory");
		return NULL;
	}
	return list;
}

/* Makes the answer one line that can stand in a log. */
static void consul_describe(struct consul_answer *answer)
{
	char begin[160];

	snprintf(begin, sizeof(begin), "%.*s", (int)strcspn(answer->text, "\r\n"), answer->text);
	snprintf(answer->text, sizeof(answer->text), "HTTP %ld: %s", answer->status, begin);
}

/* Drives the transfer to its end or to the deadline. */
static CURLcode consul_drive(struct consul *c, int64_t deadline)
{
	bool hurried = consul_stopped_at(c) != 0;
	int running = 1;
	int messages;
	CURLMsg *message;
	int64_t left;

	while (!curl_multi_perform(c->multi, &running) && running) {
		if (!hurried && consul_stopped_at(c)) {
			hurried = true;
			if (deadline > consul_now() + CONSUL_HURRY_MS)
				deadline = consul_now() + CONSUL_HURRY_MS;
		}
		left = deadline - consul_now();
		if (left <= 0) {
			snprintf(c->error, sizeof(c->error), "no answer in time");
			return CURLE_OPERATION_TIMEDOUT;
		}
		curl_multi_poll(c->multi, NULL, 0, (int)left, NULL);
	}
	message = curl_multi_info_read(c->multi, &messages);
	return message ? message->data.result : CURLE_FAILED_INIT;
}

void consul_put(struct consul *c, const char *path, const char *body, int64_t deadline,
		struct consul_answer *answer)
{
	struct curl_slist *headers;
	char url[2048];
	CURLcode rc;

	memset(answer, 0, sizeof(*answer));
	if (snprintf(url, sizeof(url), "%s%s", c->base, path) >= (int)sizeof(url)) {
		snprintf(answer->text, sizeof(answer->text), "the URL is too long");
		return;
	}
	headers = consul_headers(c, answer);
	if (!headers)
		return;
	c->error[0] = '\0';
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body ? body : "");
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, answer);
	curl_multi_add_handle(c->multi, c->easy);
	rc = consul_drive(c, deadline);
	curl_multi_remove_handle(c->multi, c->easy);
	if (rc == CURLE_OK) {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &answer->status);
		consul_describe(answer);
	} else {
		snprintf(answer->text, sizeof(answer->text), "%.200s",
			 c->error[0] ? c->error : curl_easy_strerror(rc));
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
}
