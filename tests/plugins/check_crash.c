/* SPDX-License-Identifier: Apache-2.0 */
/* check_crash -- dies while its options are checked, as a plugin with a fault does. */
#include <gatehouse/plugin.h>
#include <signal.h>

struct check_crash_route {
	int64_t number;
	int overflow;
};

static const struct gh_option check_crash_rows[] = {
	GH_INT(struct check_crash_route, number, "11", 1, 31, "The signal; 11 is SIGSEGV."),
	GH_BOOL(struct check_crash_route, overflow, "false", "Use up the stack instead."),
};

/* Each call takes more of the stack than it gives back. */
static int check_crash_overflow(volatile char *from)
{
	volatile char room[4096];

	room[0] = from ? from[0] : 1;
	if (room[0] == 0)
		return 0;
	return check_crash_overflow(room) + room[0];
}

static int check_crash_route_open(struct gh_route *rt)
{
	const struct check_crash_route *o = gh_open_options(rt, struct check_crash_route);

	return o->overflow ? check_crash_overflow(NULL) : raise((int)o->number);
}

GH_PLUGIN(.name = "check_crash", .version = "1.0",
	  GH_OPTIONS(check_crash_rows, struct check_crash_route),
	  .route_open = check_crash_route_open);
