/* SPDX-License-Identifier: Apache-2.0 */
/* The gatehouse program.  Each command has a file of its own in cli/. */
#include "cli/command.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
