/* SPDX-License-Identifier: Apache-2.0 */
/* check_crash -- dies while its options are checked, as a plugin with a fault does. */
#include <gatehouse/plugin.h>
#include <signal.h>

static int check_crash_route_open(struct gh_route *rt)
{
	(void)rt;
	return raise(SIGSEGV);
}

GH_PLUGIN(.name = "check_crash", .version = "1.0", .route_open = check_crash_route_open);
