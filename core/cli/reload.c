/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/admin_call.h"

static int reload_print(const json_t *answer)
{
	const char *outcome = json_string_value(json_object_get(answer, "outcome"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));

	if (!outcome) {
		fprintf(stderr, "gatehouse reload: %s\n", detail ? detail : "refused");
		return CLI_FAILED;
	}
	admin_print_texts(json_object_get(answer, "notes"), "not reloaded: ");
	if (strcmp(outcome, "done") != 0) {
		admin_print_texts(json_object_get(answer, "errors"), "");
		fprintf(stderr, "gatehouse reload: refused; the gateway goes on as it was\n");
		return CLI_FAILED;
	}
	printf("reloaded: generation %lld serves\n",
	       (long long)json_integer_value(json_object_get(answer, "generation")));
	return CLI_OK;
}

static int reload_run(const struct cli_args *args)
{
	json_t *answer = admin_call(args, "/reload", (struct str){ "", 0 });
	int status = answer ? reload_print(answer) : CLI_FAILED;

	json_decref(answer);
	return status;
}

const struct cli_command cli_reload_command = {
	.name = "reload",
	.summary = "Have the running gateway read its configuration again.",
	.details = "Waits until the new generation serves.  A configuration or plugin that cannot\n"
		   "be used leaves the gateway as it is: the reasons are printed, and the exit\n"
		   "status is 1.  The gateway is found by the admin address in FILE; it reads the\n"
		   "file that it was started with.\n",
	.flags = { CLI_FLAG_CONFIG, CLI_FLAG_ADMIN },
	.run = reload_run,
};
