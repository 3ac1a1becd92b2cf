/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum { CLI_COMMANDS_MAX = 32 };

static const char *const cli_default_files[] = { "gateway.json", "/etc/gatehouse/gateway.json" };

static int cli_flag_count(const struct cli_command *c)
{
	int n = 0;

	while (n < CLI_FLAGS_MAX && c->flags[n].name)
		n++;
	return n;
}

static int cli_usage(const struct cli_command *c, const char *word, const char *fault)
{
	fprintf(stderr, "gatehouse %s: %s: %s; see gatehouse %s --help\n", c->name, word, fault,
		c->name);
	return -1;
}

static int cli_unknown_flag(const struct cli_command *c, const char *word)
{
	const char *names[CLI_FLAGS_MAX + 1], *near, *bare = word + strspn(word, "-");
	size_t n = (size_t)cli_flag_count(c);

	for (size_t i = 0; i < n; i++)
		names[i] = c->flags[i].name;
	names[n++] = "help";
	near = str_nearest(bare, names, n);
	if (!near || word[1] != '-')
		return cli_usage(c, word, "unknown option");
	fprintf(stderr, "gatehouse %s: %s: unknown option (did you mean --%s?)\n", c->name, word,
		near);
	return -1;
}

/* Whether word is this flag; *value is what stands in the same word, or NULL. */
static bool cli_flag_is(const struct cli_flag *f, const char *word, const char **value)
{
	size_t n = strlen(f->name);

	*value = NULL;
	if (word[1] != '-') {
		if (!f->letter || word[1] != f->letter)
			return false;
		*value = word[2] ? word + 2 : NULL;
		return !*value || f->metavar;
	}
	if (strncmp(word + 2, f->name, n) != 0 || (word[2 + n] != '\0' && word[2 + n] != '='))
		return false;
	*value = word[2 + n] ? word + 3 + n : NULL;
	return true;
}

/* One word that begins with "-"; moves *i when the value is the next word. */
static int cli_parse_flag(const struct cli_command *c, int argc, char **argv, int *i,
			  struct cli_args *out)
{
	const char *word = argv[*i], *value;

	for (int k = 0; k < cli_flag_count(c); k++) {
		const struct cli_flag *f = &c->flags[k];
		if (!cli_flag_is(f, word, &value))
			continue;
		if (value && !f->metavar)
			return cli_usage(c, word, "this option takes no value");
		if (!value && f->metavar) {
			if (*i + 1 >= argc)
				return cli_usage(c, word, "the value is missing");
			value = argv[++*i];
		}
		out->values[k] = value ? value : "";
		return 0;
	}
	return cli_unknown_flag(c, word);
}

int cli_parse(const struct cli_command *c, int argc, char **argv, struct cli_args *out)
{
	bool flags = true;

	*out = (struct cli_args){ .command = c };
	for (int i = 0; i < argc; i++) {
		if (flags && strcmp(argv[i], "--") == 0) {
			flags = false;
		} else if (flags && argv[i][0] == '-' && argv[i][1]) {
			if (cli_parse_flag(c, argc, argv, &i, out) < 0)
				return -1;
		} else if (out->operand_count == c->max_operands) {
			return cli_usage(c, argv[i], "unexpected");
		} else {
			out->operands[out->operand_count++] = argv[i];
		}
	}
	if (out->operand_count < c->min_operands)
		return cli_usage(c, c->operands, "missing");
	return 0;
}

const char *cli_value(const struct cli_args *args, const char *flag)
{
	for (int i = 0; i < cli_flag_count(args->command); i++)
		if (strcmp(args->command->flags[i].name, flag) == 0)
			return args->values[i];
	return NULL;
}

const char *cli_config_file(const struct cli_args *args)
{
	const char *file = cli_value(args, "config");

	if (file)
		return file;
	/* A file that is there and cannot be read is still the one that was meant. */
	return access(cli_default_files[0], F_OK) == 0 || access(cli_default_files[1], F_OK) != 0 ?
		       cli_default_files[0] :
		       cli_default_files[1];
}

const struct cli_command *cli_find(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++)
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	return NULL;
}

int cli_unknown_command(const char *name)
{
	const char *names[CLI_COMMANDS_MAX], *near;
	size_t n = 0;

	for (size_t i = 0; cli_commands[i] && n < CLI_COMMANDS_MAX; i++)
		if (!cli_commands[i]->hidden)
			names[n++] = cli_commands[i]->name;
	near = str_nearest(name, names, n);
	if (near)
		fprintf(stderr, "gatehouse: unknown command \"%s\" (did you mean \"%s\"?)\n", name,
			near);
	else
		fprintf(stderr, "gatehouse: unknown command \"%s\"; see gatehouse --help\n", name);
	return CLI_USAGE;
}

static void cli_help_all(void)
{
	printf("usage: gatehouse COMMAND [OPTION...]\n\n"
	       "An API gateway: routes requests through plugins to services found in Consul.\n\n"
	       "Commands:\n");
	for (size_t i = 0; cli_commands[i]; i++)
		if (!cli_commands[i]->hidden)
			printf("  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	printf("\nEvery command takes --help.\n");
}

static void cli_help_flag(const struct cli_flag *f)
{
	char text[64];

	if (f->letter)
		snprintf(text, sizeof(text), "-%c, --%s%s%s", f->letter, f->name,
			 f->metavar ? " " : "", f->metavar ? f->metavar : "");
	else
		snprintf(text, sizeof(text), "    --%s%s%s", f->name, f->metavar ? " " : "",
			 f->metavar ? f->metavar : "");
	printf("  %-22s %s\n", text, f->help);
}

void cli_help(const struct cli_command *c)
{
	static const struct cli_flag help = { "help", 'h', NULL, "print this" };

	if (!c) {
		cli_help_all();
	} else {
		printf("usage: gatehouse %s [OPTION...]%s%s\n\n%s\n\nOptions:\n", c->name,
		       c->operands ? " " : "", c->operands ? c->operands : "", c->summary);
		for (int i = 0; i < cli_flag_count(c); i++)
			cli_help_flag(&c->flags[i]);
		cli_help_flag(&help);
		if (c->details)
			printf("\n%s", c->details);
	}
	printf("\nExit status: %s.\n",
	       c && c->statuses ? c->statuses : "0 done, 1 failed, 2 the command line is wrong");
}

static bool cli_asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int cli_main(int argc, char **argv)
{
	const struct cli_command *command;
	struct cli_args args;
	int status;

	if (argc < 2) {
		fputs("gatehouse: a command is missing; see gatehouse --help\n", stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		cli_help(NULL);
		return CLI_OK;
	}
	command = cli_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (!command)
		return cli_unknown_command(argv[1]);
	if (cli_asks_help(argc - 2, argv + 2)) {
		cli_help(command);
		return CLI_OK;
	}
	if (cli_parse(command, argc - 2, argv + 2, &args) < 0)
		return CLI_USAGE;
	status = command->run(&args);
	/* What was printed and not written is a failure: a full disk, a closed pipe. */
	if (fflush(stdout) != 0 && status == CLI_OK) {
		perror("gatehouse: standard output");
		return CLI_FAILED;
	}
	return status;
}
