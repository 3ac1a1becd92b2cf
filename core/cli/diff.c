/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/admin_call.h"
#include "cli/child.h"
#include "cli/print.h"
#include "cli/survey.h"
#include "config/secrets.h"
#include "control/control.h"
#include "control/reload_rollout.h"

/* As diff(1) has them. */
enum { DIFF_SAME = 0, DIFF_DIFFERENT = 1, DIFF_TROUBLE = 2 };

/* ---- what it is compared with ---- */

static json_t *diff_text(const struct gateway_config *config)
{
	char *hidden = secrets_hide(config);
	json_t *text = json_stringn(hidden, config->text.n);

	free(hidden);
	return text;
}

static json_t *diff_input(const struct gateway_config *old, const struct gateway_config *new)
{
	return json_pack("{s:{s:o}, s:{s:o}}", "old", "text", diff_text(old), "new", "text",
			 diff_text(new));
}

/* The answer that a gateway would give which had read that file.  NULL after lines on stderr. */
static json_t *diff_with_file(const char *file, struct str new)
{
	static const struct control_options options = { .log_level = -1, .log_format = -1 };
	const char *operands[] = { "diff", file, NULL };
	struct config_errors errors = { 0 };
	struct gateway_config *config = gateway_config_load(file, &new, &errors);
	struct error e = { "" };
	struct survey s;
	json_t *answer = NULL;

	if (survey_open(&s, file)) {
		config_errors_print(&s.errors, file, stderr);
	} else if (!config) {
		/* It is right where it is, but not in the other one's place. */
		config_errors_print(&errors, file, stderr);
	} else {
		json_t *input = diff_input(s.config, config), *notes = json_array();
		char *text = input ? json_dumps(input, JSON_COMPACT) : NULL;

		must(text);
		answer = child_report(operands, str_from(text), &e);
		if (!answer)
			fprintf(stderr, "gatehouse diff: %s\n", e.text);
		reload_rollout_note(notes, &options, s.config, config);
		json_object_set_new(answer, "notes", notes);
		json_decref(input);
		free(text);
	}
	survey_close(&s);
	gateway_config_free(config);
	config_errors_fini(&errors);
	return answer;
}

static void diff_print_errors(const json_t *answer)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, item)
	{
		const char *line = json_is_string(item) ?
					   json_string_value(item) :
					   json_string_value(json_object_get(item, "line"));
		fprintf(stderr, "%s\n", line);
	}
}

/* Whether the answer has changes, be it none; else why not is told. */
static bool diff_is_answered(const json_t *answer)
{
	const char *fault = json_string_value(json_object_get(answer, "fault"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));

	if (!answer || json_object_get(answer, "changes"))
		return answer != NULL;
	diff_print_errors(answer);
	if (fault)
		fprintf(stderr, "gatehouse diff: plugin \"%s\" %s\n",
			json_string_value(json_object_get(answer, "plugin")), fault);
	else
		fprintf(stderr, "gatehouse diff: %s\n",
			detail ? detail :
				 "it cannot be used in the place of what it is "
				 "compared with");
	return false;
}

/* ---- printing ---- */

static void diff_print_value(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | PRINT_NUMBERS);

	must(text);
	fputs(text, stdout);
	free(text);
}

static void diff_print_change(const json_t *item)
{
	const char *change = json_string_value(json_object_get(item, "change"));
	const char *route = json_string_value(json_object_get(item, "route"));
	const json_t *old = json_object_get(item, "old"), *new = json_object_get(item, "new");
	/* An object that is new or gone has its name in the pointer, or is an endpoint. */
	const json_t *one = old ? old : new, *address = json_object_get(one, "address");

	printf("%-8s %s", change ? change : "",
	       json_string_value(json_object_get(item, "pointer")));
	if (route)
		printf(" (%s)", route);
	if (old && new) {
		printf(": ");
		diff_print_value(old);
		printf(" -> ");
		diff_print_value(new);
	} else if (address || !json_is_object(one)) {
		printf(": ");
		diff_print_value(address ? address : one);
	}
	putchar('\n');
}

static void diff_print(const json_t *changes, const json_t *notes)
{
	const json_t *item;
	size_t i;

	json_array_foreach(changes, i, item) diff_print_change(item);
	json_array_foreach(notes, i, item) printf("%-8s %s\n", "remains", json_string_value(item));
}

/* ---- the command ---- */

static int diff_answer(const struct cli_args *args, const json_t *answer)
{
	json_t *changes = json_object_get(answer, "changes");
	json_t *notes = json_object_get(answer, "notes");

	if (!diff_is_answered(answer))
		return DIFF_TROUBLE;
	if (cli_value(args, "json"))
		print_json(json_pack("{s:b, s:O, s:O}", "different", json_array_size(changes) > 0,
				     "changes", changes, "notes", notes));
	else
		diff_print(changes, notes);
	if (fflush(stdout) != 0) {
		perror("gatehouse: standard output");
		return DIFF_TROUBLE;
	}
	return json_array_size(changes) ? DIFF_DIFFERENT : DIFF_SAME;
}

static int diff_run(const struct cli_args *args)
{
	const char *against = cli_value(args, "against");
	struct survey s;
	json_t *answer;
	int status = DIFF_TROUBLE;

	if (against && cli_value(args, "admin")) {
		fprintf(stderr, "gatehouse diff: --admin and --against exclude each other\n");
		return CLI_USAGE;
	}
	if (survey_open(&s, cli_config_file(args))) {
		config_errors_print(&s.errors, s.file, stderr);
	} else {
		answer = against ? diff_with_file(against, s.config->text) :
				   admin_call(args, "/diff", s.config->text);
		status = diff_answer(args, answer);
		json_decref(answer);
	}
	survey_close(&s);
	return status;
}

const struct cli_command cli_diff_command = {
	.name = "diff",
	.summary = "Say what a reload to another configuration would change.",
	.details =
		"FILE is checked, and then compared with what the running gateway serves, which\n"
		"is found by the admin address in FILE, or with another file.  It is taken as if\n"
		"it were in the place of the other one: its relative paths start there.  Defaults\n"
		"count as if they were written; a secret is never printed.  A line is\n"
		"\"changed POINTER: OLD -> NEW\", or begins with \"added\", \"removed\" or\n"
		"\"moved\" (a route in match order), or with \"remains\" for what a reload cannot\n"
		"change.\n",
	.statuses = "0 no difference, 1 differences, 2 trouble",
	.flags = { CLI_FLAG_CONFIG,
		   { "against", 0, "FILE", "compare with this file instead of a running gateway" },
		   CLI_FLAG_ADMIN,
		   CLI_FLAG_JSON },
	.run = diff_run,
};
