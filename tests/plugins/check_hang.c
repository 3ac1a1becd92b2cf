/* SPDX-License-Identifier: Apache-2.0 */
/* check_hang -- never comes back from route_open. */
#include <gatehouse/plugin.h>
#include <unistd.h>

static int check_hang_route_open(struct gh_route *rt)
{
	(void)rt;
	for (;;)
		pause();
	return 0;
}

GH_PLUGIN(.name = "check_hang", .version = "1.0", .route_open = check_hang_route_open);
