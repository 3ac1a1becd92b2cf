/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <curl/curl.h>
#include <gatehouse/plugin.h>
#include <jansson.h>
#include <llhttp.h>
#include <stdio.h>
#include <uv.h>

#include "config.h"

/* libuv, libcurl and jansson say what runs; llhttp has no call for it: what was built against. */
static int version_run(const struct cli_args *args)
{
	(void)args;
	printf("gatehouse %s\n", PACKAGE_VERSION);
	printf("plugin ABI %d.%d\n", GH_ABI_MAJOR, GH_ABI_MINOR);
	printf("libuv %s\n", uv_version_string());
	printf("llhttp %d.%d.%d\n", LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR,
	       LLHTTP_VERSION_PATCH);
	printf("%s\n", curl_version());
	printf("jansson %s\n", jansson_version_str());
	return CLI_OK;
}

const struct cli_command cli_version_command = {
	.name = "version",
	.summary = "Print the version, and those of the libraries.",
	.run = version_run,
};
