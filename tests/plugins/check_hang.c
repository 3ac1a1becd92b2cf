/* SPDX-License-Identifier: Apache-2.0 */
/* check_hang -- never comes back from route_open. */
#include <fcntl.h>
#include <gatehouse/plugin.h>
#include <unistd.h>

struct check_hang_route {
	const char *fifo;
};

static const struct gh_option check_hang_rows[] = {
	GH_STRING(struct check_hang_route, fifo, "", "Opened when it begins, for who waits."),
};

static int check_hang_route_open(struct gh_route *rt)
{
	const struct check_hang_route *o = gh_open_options(rt, struct check_hang_route);

	if (*o->fifo && open(o->fifo, O_RDONLY) < 0)
		return -1;
	for (;;)
		pause();
	return 0;
}

GH_PLUGIN(.name = "check_hang", .version = "1.0",
	  GH_OPTIONS(check_hang_rows, struct check_hang_route),
	  .route_open = check_hang_route_open);
