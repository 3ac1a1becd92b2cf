/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin_call.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "config/address.h"
#include "config/errors.h"
#include "config/gateway.h"

enum { ADMIN_CALL_LIMIT_S = 150, ADMIN_CALL_ANSWER_MAX = 64 * 1024 * 1024 };

/* What is asked, and of whom. */
struct admin_call {
	const char *command; /* for messages */
	char where[300];     /* as people write the address */
	char url[400];
	char *path; /* of a unix socket, or NULL */
};

static int call_fail(const struct admin_call *call, const char *text)
{
	fprintf(stderr, "gatehouse %s: %s\n", call->command, text);
	return -1;
}

/* An address to listen on is not always one to connect to. */
static const char *call_host(const char *host)
{
	if (strcmp(host, "0.0.0.0") == 0)
		return "127.0.0.1";
	return strcmp(host, "::") == 0 ? "::1" : host;
}

static void call_address(struct admin_call *call, const struct config_listen *l, const char *target)
{
	if (l->path) {
		call->path = xstrdup(l->path);
		snprintf(call->where, sizeof(call->where), "unix:%s", l->path);
		snprintf(call->url, sizeof(call->url), "http://localhost%s", target);
		return;
	}
	const char *host = call_host(l->host);
	bool six = strchr(host, ':') != NULL;
	snprintf(call->where, sizeof(call->where), "%s%s%s:%u", six ? "[" : "", host,
		 six ? "]" : "", l->port);
	snprintf(call->url, sizeof(call->url), "http://%s%s", call->where, target);
}

static int call_find_flag(struct admin_call *call, const char *text, const char *target)
{
	struct config_listen l = { 0 };
	struct error e = { "" };
	struct arena arena;

	arena_init(&arena, 1024, 0);
	int rc = address_listen(&arena, text, ".", &l, &e);
	if (rc)
		fprintf(stderr, "gatehouse %s: --admin %s: %s\n", call->command, text, e.text);
	else
		call_address(call, &l, target);
	arena_fini(&arena);
	return rc;
}

static int call_find_config(struct admin_call *call, const char *file, const char *target)
{
	struct config_errors errors = { 0 };
	/* Faults elsewhere in the file are for the gateway to tell. */
	struct gateway_config *config = gateway_config_read(file, NULL, &errors);
	int rc = -1;

	if (!config)
		config_errors_print(&errors, file, stderr);
	else if (!config->admin_on)
		call_fail(call, "the configuration has \"admin\": \"off\"; name the listener of "
				"the running gateway with --admin, or send its process SIGHUP");
	else if (!config->admin.host && !config->admin.path)
		call_fail(call, "the configuration's \"admin\" is not an address; name the one of "
				"the running gateway with --admin");
	else
		rc = 0;
	if (rc == 0)
		call_address(call, &config->admin, target);
	gateway_config_free(config);
	config_errors_fini(&errors);
	return rc;
}

static size_t call_on_data(char *p, size_t one, size_t n, void *arg)
{
	struct buf *out = arg;

	buf_append(out, p, one * n);
	return out->failed ? 0 : one * n;
}

static CURLcode call_perform(const struct admin_call *call, struct str body, struct buf *out)
{
	CURL *curl = curl_easy_init();
	/* No pause before a body, and no type that a browser's form could have. */
	struct curl_slist *fields = curl_slist_append(NULL, "Expect:");

	must(curl && fields);
	fields = curl_slist_append(fields, "Content-Type: application/json");
	must(fields);
	curl_easy_setopt(curl, CURLOPT_URL, call->url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (call->path)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->path);
	if (body.p) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, call_on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 5L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ADMIN_CALL_LIMIT_S);
	CURLcode rc = curl_easy_perform(curl);
	curl_slist_free_all(fields);
	curl_easy_cleanup(curl);
	return rc;
}

static json_t *call_answer(const struct admin_call *call, CURLcode rc, const struct buf *text)
{
	if (rc == CURLE_COULDNT_CONNECT) {
		fprintf(stderr,
			"gatehouse %s: no gateway answers at %s; is gatehouse run running, and "
			"is this its admin address (--admin)?\n",
			call->command, call->where);
		return NULL;
	}
	if (rc != CURLE_OK) {
		fprintf(stderr, "gatehouse %s: %s: %s\n", call->command, call->where,
			curl_easy_strerror(rc));
		return NULL;
	}
	json_t *answer = json_loadb(text->p ? text->p : "", text->n, 0, NULL);
	if (json_is_object(answer))
		return answer;
	json_decref(answer);
	fprintf(stderr, "gatehouse %s: %s does not answer as a gateway's admin listener does\n",
		call->command, call->where);
	return NULL;
}

/* body.p NULL: GET. */
static json_t *call_run(const struct cli_args *args, const char *path, struct str body)
{
	struct admin_call call = { .command = args->command->name };
	const char *admin = cli_value(args, "admin");
	json_t *answer = NULL;
	struct buf text;

	if (admin ? call_find_flag(&call, admin, path) :
		    call_find_config(&call, cli_config_file(args), path))
		return NULL;
	buf_init(&text, ADMIN_CALL_ANSWER_MAX);
	must(curl_global_init(CURL_GLOBAL_ALL) == 0);
	answer = call_answer(&call, call_perform(&call, body, &text), &text);
	curl_global_cleanup();
	buf_fini(&text);
	free(call.path);
	return answer;
}

json_t *admin_call(const struct cli_args *args, const char *path, struct str body)
{
	must(body.p);
	return call_run(args, path, body);
}

json_t *admin_get(const struct cli_args *args, const char *path)
{
	return call_run(args, path, (struct str){ NULL, 0 });
}

void admin_print_texts(const json_t *texts, const char *prefix)
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
		fprintf(stderr, "%s%s\n", prefix, json_string_value(text));
}
