/* SPDX-License-Identifier: Apache-2.0 */
/* cli/command.c: words become flags and operands, each slip is one line, and help is complete. */
#include "cli/command.h"

#include "cli.h"

static const struct cli_command spy = {
	.name = "spy",
	.summary = "Sees what it is given.",
	.operands = "NAME...",
	.details = "And no more.\n",
	.flags = { CLI_FLAG_CONFIG,
		   CLI_FLAG_JSON,
		   { "depth", 0, "N", "how deep" },
		   { "verbose", 'v', NULL, "say more" } },
	.min_operands = 1,
	.max_operands = 3,
};

static struct cli_args args;

static int parse_words(const char *const *words)
{
	int argc = 0;

	while (words[argc])
		argc++;
	cli_catch();
	int rc = cli_parse(&spy, argc, (char **)(uintptr_t)words, &args);
	cli_caught();
	ck_assert_str_eq(cli_out.text, "");
	return rc;
}

#define parse(...) parse_words((const char *const[]){ __VA_ARGS__, NULL })

/* Fails unless the words are refused with that line. */
#define ck_refused(line, ...)                                                                      \
	do {                                                                                       \
		ck_assert_int_eq(parse(__VA_ARGS__), -1);                                          \
		ck_assert_str_eq(cli_err.text, line "\n");                                         \
	} while (0)

START_TEST(test_flags_and_operands)
{
	ck_assert_int_eq(parse("a", "-c", "f.json", "b", "--json", "--depth=3"), 0);
	ck_assert_str_eq(cli_value(&args, "config"), "f.json");
	ck_assert_str_eq(cli_value(&args, "json"), "");
	ck_assert_str_eq(cli_value(&args, "depth"), "3");
	ck_assert_ptr_null(cli_value(&args, "verbose"));
	ck_assert_ptr_null(cli_value(&args, "nothing"));
	ck_assert_int_eq(args.operand_count, 2);
	ck_assert_str_eq(args.operands[0], "a");
	ck_assert_str_eq(args.operands[1], "b");
	ck_assert_ptr_eq(args.command, &spy);
}
END_TEST

START_TEST(test_ways_to_give_a_value)
{
	static const char *const ways[][4] = {
		{ "x", "-cfile" },
		{ "x", "-c", "file" },
		{ "x", "--config=file" },
		{ "x", "--config", "file" },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		ck_assert_int_eq(parse_words(ways[i]), 0);
		ck_assert_str_eq(cli_value(&args, "config"), "file");
	}
	ck_assert_int_eq(parse("x", "--depth="), 0);
	ck_assert_str_eq(cli_value(&args, "depth"), "");
	/* The next word is the value, whatever it looks like. */
	ck_assert_int_eq(parse("x", "-c", "--json"), 0);
	ck_assert_str_eq(cli_value(&args, "config"), "--json");
	ck_assert_ptr_null(cli_value(&args, "json"));
	/* The last one counts. */
	ck_assert_int_eq(parse("x", "-c", "one", "--config=two"), 0);
	ck_assert_str_eq(cli_value(&args, "config"), "two");
}
END_TEST

START_TEST(test_words_that_are_no_flags)
{
	ck_assert_int_eq(parse("-", "--", "-c", "--json"), 0);
	ck_assert_int_eq(args.operand_count, 3);
	ck_assert_str_eq(args.operands[0], "-");
	ck_assert_str_eq(args.operands[1], "-c");
	ck_assert_str_eq(args.operands[2], "--json");
	ck_assert_ptr_null(cli_value(&args, "config"));
	/* Only the first one ends the flags. */
	ck_assert_int_eq(parse("--", "--"), 0);
	ck_assert_str_eq(args.operands[0], "--");
}
END_TEST

START_TEST(test_slips)
{
	ck_refused("gatehouse spy: --jsn: unknown option (did you mean --json?)", "--jsn");
	ck_refused("gatehouse spy: --hlp: unknown option (did you mean --help?)", "--hlp");
	ck_refused("gatehouse spy: --zzzzzz: unknown option; see gatehouse spy --help", "--zzzzzz");
	ck_refused("gatehouse spy: -x: unknown option; see gatehouse spy --help", "-x");
	/* Letters are not gathered, and a longer name is another one. */
	ck_refused("gatehouse spy: -vv: unknown option; see gatehouse spy --help", "-vv");
	ck_refused("gatehouse spy: --jsonx: unknown option (did you mean --json?)", "--jsonx");
	ck_refused("gatehouse spy: -c: the value is missing; see gatehouse spy --help", "x", "-c");
	ck_refused("gatehouse spy: --depth: the value is missing; see gatehouse spy --help", "x",
		   "--depth");
	ck_refused("gatehouse spy: --json=1: this option takes no value; see gatehouse spy --help",
		   "--json=1");
	ck_refused("gatehouse spy: d: unexpected; see gatehouse spy --help", "a", "b", "c", "d");
	ck_refused("gatehouse spy: NAME...: missing; see gatehouse spy --help", "--json");
}
END_TEST

START_TEST(test_unknown_command)
{
	ck_assert_int_eq(cli("rutes"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse: unknown command \"rutes\" (did you mean \"routes\"?)\n");
	ck_assert_int_eq(cli("xyzzy"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse: unknown command \"xyzzy\"; see gatehouse --help\n");
	/* Nobody is sent to a hidden one. */
	ck_assert_int_eq(cli("prob"), CLI_USAGE);
	ck_assert_ptr_null(strstr(cli_err.text, "\"probe\""));
	ck_assert_int_eq(cli_words((const char *const[]){ "gatehouse", NULL }), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse: a command is missing; see gatehouse --help\n");
	ck_assert_int_eq(cli("check", "--nothing"), CLI_USAGE);
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_help_of_all)
{
	char line[64];

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(cli(i ? "-h" : "--help"), CLI_OK);
		ck_assert_str_eq(cli_err.text, "");
		for (size_t k = 0; cli_commands[k]; k++) {
			snprintf(line, sizeof(line), "\n  %-10s ", cli_commands[k]->name);
			ck_assert_msg(!strstr(cli_out.text, line) == cli_commands[k]->hidden, "%s",
				      cli_commands[k]->name);
		}
		ck_contains(cli_out.text, "\nExit status: 0 done, 1 failed, 2 ");
	}
}
END_TEST

START_TEST(test_help_of_one)
{
	cli_catch();
	cli_help(&spy);
	cli_caught();
	ck_assert_str_eq(cli_out.text,
			 "usage: gatehouse spy [OPTION...] NAME...\n\nSees what it is given.\n\n"
			 "Options:\n"
			 "  -c, --config FILE      default: gateway.json, else "
			 "/etc/gatehouse/gateway.json\n"
			 "      --json             print JSON\n"
			 "      --depth N          how deep\n"
			 "  -v, --verbose          say more\n"
			 "  -h, --help             print this\n"
			 "\nAnd no more.\n"
			 "\nExit status: 0 done, 1 failed, 2 the command line is wrong.\n");
}
END_TEST

/* Help is given whatever else is wrong, and not for an operand that looks like the question. */
START_TEST(test_asking_for_help)
{
	ck_assert_int_eq(cli("check", "--nothing", "-h"), CLI_OK);
	ck_contains(cli_out.text, "usage: gatehouse check [OPTION...]\n");
	ck_assert_int_eq(cli("version", "--", "--help"), CLI_USAGE);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "gatehouse version: --help: unexpected");
}
END_TEST

START_TEST(test_version_as_a_flag)
{
	ck_assert_int_eq(cli("--version"), CLI_OK);
	ck_assert_int_eq(strncmp(cli_out.text, "gatehouse ", 10), 0);
}
END_TEST

START_TEST(test_output_that_cannot_be_written)
{
	char *words[] = { (char[]){ "gatehouse" }, (char[]){ "--version" }, NULL };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	cli_catch();
	dup2(full, STDOUT_FILENO);
	int status = cli_main(2, words);
	dup2(cli_out.saved, STDOUT_FILENO);
	close(cli_out.saved);
	caught_end(&cli_err);
	close(full);
	ck_assert_int_eq(status, CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse: standard output: No space left on device\n");
}
END_TEST

START_TEST(test_config_file)
{
	ck_assert_int_eq(parse("x", "-c", "/some/where"), 0);
	ck_assert_str_eq(cli_config_file(&args), "/some/where");
	ck_assert_int_eq(parse("x"), 0);
	ck_assert_int_eq(chdir(scratch_dir()), 0);
	/* Nothing anywhere: the one of this directory is what is missed. */
	if (access("/etc/gatehouse/gateway.json", F_OK) != 0)
		ck_assert_str_eq(cli_config_file(&args), "gateway.json");
	scratch_write("gateway.json", "{");
	ck_assert_int_eq(chmod("gateway.json", 0), 0);
	ck_assert_str_eq(cli_config_file(&args), "gateway.json");
}
END_TEST

CLI_SUITE("command", test_flags_and_operands, test_ways_to_give_a_value,
	  test_words_that_are_no_flags, test_slips, test_unknown_command, test_help_of_all,
	  test_help_of_one, test_asking_for_help, test_version_as_a_flag,
	  test_output_that_cannot_be_written, test_config_file)
