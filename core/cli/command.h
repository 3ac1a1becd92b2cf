/* SPDX-License-Identifier: Apache-2.0 */
/* cli/command.h -- one command of the command line: a descriptor, its flags, and a function.
 * Called by: main.c and every file here.  Never: holds state between commands. */
#ifndef GATEHOUSE_CLI_COMMAND_H
#define GATEHOUSE_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses; every --help names them. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

enum { CLI_FLAGS_MAX = 8, CLI_OPERANDS_MAX = 12 };

/* "--name" and, unless letter is 0, "-l".  metavar NULL: it takes no value. */
struct cli_flag {
	const char *name;
	char letter;
	const char *metavar;
	const char *help;
};

struct cli_args;

struct cli_command {
	const char *name;
	const char *summary;                  /* one line of "gatehouse --help" */
	const char *operands;                 /* "METHOD URL"; NULL: none */
	const char *details;                  /* further lines of its own --help; may be NULL */
	const char *statuses;                 /* exit statuses; NULL: those above */
	struct cli_flag flags[CLI_FLAGS_MAX]; /* ends at the first without a name */
	int min_operands, max_operands;
	bool hidden; /* not for people: gatehouse runs it itself */
	int (*run)(const struct cli_args *);
};

/* What stands behind the command's name. */
struct cli_args {
	const struct cli_command *command;
	const char *values[CLI_FLAGS_MAX]; /* by position of the flag; NULL: not given */
	const char *operands[CLI_OPERANDS_MAX];
	int operand_count;
};

#define CLI_FLAG_CONFIG                                                                            \
	{                                                                                          \
		"config", 'c', "FILE", "default: gateway.json, else /etc/gatehouse/gateway.json"   \
	}
#define CLI_FLAG_JSON                                                                              \
	{                                                                                          \
		"json", 0, NULL, "print JSON"                                                      \
	}

/* All commands, in the order of --help; ends with NULL. */
extern const struct cli_command *const cli_commands[];

/* Reads the command line and runs the command: the exit status. */
int cli_main(int argc, char **argv);
/* Parses the words behind a command's name.  0, or -1 after a line on stderr. */
int cli_parse(const struct cli_command *, int argc, char **argv, struct cli_args *);
/* The value of a flag ("" for one without a value), or NULL when it was not given. */
const char *cli_value(const struct cli_args *, const char *flag);
/* The file of -c, or the default. */
const char *cli_config_file(const struct cli_args *);
/* The help of one command (NULL: of gatehouse) on stdout. */
void cli_help(const struct cli_command *);
/* The command of that name, the hidden ones too, or NULL. */
const struct cli_command *cli_find(const char *name);
/* One line on stderr, with "did you mean" when a command is near.  Returns CLI_USAGE. */
int cli_unknown_command(const char *name);

#endif
