/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/admin_call.h"

static int upgrade_print(const json_t *answer)
{
	const char *outcome = json_string_value(json_object_get(answer, "outcome"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));

	if (!outcome) {
		fprintf(stderr, "gatehouse upgrade: %s\n", detail ? detail : "refused");
		return CLI_FAILED;
	}
	if (strcmp(outcome, "done") != 0) {
		admin_print_texts(json_object_get(answer, "errors"), "");
		fprintf(stderr, "gatehouse upgrade: refused; the gateway goes on as it was\n");
		return CLI_FAILED;
	}
	printf("upgraded: process %lld serves\n",
	       (long long)json_integer_value(json_object_get(answer, "pid")));
	return CLI_OK;
}

/* What the gateway is told: an absolute path, since it may stand elsewhere.  NULL after a line on
 * stderr. */
static char *upgrade_body(const char *binary)
{
	char path[PATH_MAX];

	if (!binary)
		return xstrdup("{}");
	if (!realpath(binary, path)) {
		fprintf(stderr, "gatehouse upgrade: %s: %s\n", binary, strerror(errno));
		return NULL;
	}
	json_t *body = json_pack("{s:s}", "binary", path);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text)
		fprintf(stderr, "gatehouse upgrade: %s: not UTF-8\n", binary);
	return text;
}

static int upgrade_run(const struct cli_args *args)
{
	char *body = upgrade_body(cli_value(args, "binary"));
	json_t *answer = body ? admin_call(args, "/upgrade", str_from(body)) : NULL;
	int status = answer ? upgrade_print(answer) : CLI_FAILED;

	free(body);
	json_decref(answer);
	return status;
}

const struct cli_command cli_upgrade_command = {
	.name = "upgrade",
	.summary = "Have another binary take over from the running gateway.",
	.details =
		"The running gateway starts the binary, by default the file that it was started\n"
		"from, with its listening sockets and what it knows of services.  Once the new\n"
		"gateway serves, the old one finishes what it has and ends: no connection is\n"
		"refused and no request fails.  When the new one is not ready, for whatever\n"
		"reason, the old one goes on as it was: the reasons are printed, and the exit\n"
		"status is 1.  SIGUSR2 to the gateway does the same, with the reasons in the log.\n"
		"The gateway is found by the admin address in FILE; the new one reads the file\n"
		"that the old one was started with.\n",
	.flags = { CLI_FLAG_CONFIG,
		   CLI_FLAG_ADMIN,
		   { "binary", 0, "PATH", "the program to start instead" } },
	.run = upgrade_run,
};
