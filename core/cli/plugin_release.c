/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_release.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/admin_call.h"
#include "cli/print.h"

/* POST /plugins/NAME/release; a name may have any character that a file's may. */
static void release_path(struct buf *out, const char *name)
{
	buf_lit(out, "/plugins/");
	buf_url(out, name);
	buf_append(out, "/release", sizeof("/release"));
	must(!out->failed);
}

static int release_print(const struct cli_args *args, json_t *answer, const char *name)
{
	const char *outcome = json_string_value(json_object_get(answer, "outcome"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));
	bool done = outcome && strcmp(outcome, "done") == 0;

	if (cli_value(args, "json")) {
		print_json(json_incref(answer));
		return done ? CLI_OK : CLI_FAILED;
	}
	if (!outcome) {
		fprintf(stderr, "gatehouse plugin release: %s\n", detail ? detail : "refused");
		return CLI_FAILED;
	}
	admin_print_texts(json_object_get(answer, "notes"), "not reloaded: ");
	if (!done) {
		admin_print_texts(json_object_get(answer, "errors"), "");
		fprintf(stderr, "gatehouse plugin release: refused; \"%s\" stays in quarantine\n",
			name);
		return CLI_FAILED;
	}
	printf("released: plugin \"%s\" runs again, generation %lld serves\n", name,
	       (long long)json_integer_value(json_object_get(answer, "generation")));
	return CLI_OK;
}

int plugin_release(const struct cli_args *args, const char *name)
{
	struct buf path = { 0 };

	release_path(&path, name);
	json_t *answer = admin_call(args, path.p, (struct str){ "", 0 });
	int status = answer ? release_print(args, answer, name) : CLI_FAILED;
	json_decref(answer);
	buf_fini(&path);
	return status;
}
