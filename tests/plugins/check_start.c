/* SPDX-License-Identifier: Apache-2.0 */
/* check_start -- aborts while its file is loaded, before gatehouse can look at it. */
#include <gatehouse/plugin.h>
#include <stdlib.h>

__attribute__((constructor)) static void check_start_load(void)
{
	abort();
}

GH_PLUGIN(.name = "check_start", .version = "1.0");
