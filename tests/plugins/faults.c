/* SPDX-License-Identifier: Apache-2.0 */
/* faults -- a plugin that goes wrong in the way that the path asks for: for tests of what the
 * gateway makes of it. */
#include <gatehouse/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct faults_route {
	int load; /* crash when the route is opened */
};

static const struct gh_option faults_options[] = {
	GH_BOOL(struct faults_route, load, "false", "Crash while the worker starts."),
};

/* No compiler or sanitizer must see it coming. */
static void faults_null(void)
{
	volatile int *volatile nowhere = (volatile int *)64;

	*nowhere = 1;
}

/* Each call takes more of the stack than it gives back. */
static int faults_overflow(volatile char *from)
{
	volatile char room[4096];

	room[0] = from ? from[0] : 1;
	if (room[0] == 0)
		return 0;
	return faults_overflow(room) + room[0];
}

/* In front of what was allocated, into what the allocator keeps there. */
static void faults_heap(void)
{
	volatile char *volatile room = malloc(2000);

	for (int i = 1; room && i <= 8; i++)
		room[-i] = 0x41;
	free((void *)(uintptr_t)room);
}

/* 8 MiB that nobody has any more. */
static void faults_leak(void)
{
	volatile char *room = malloc(8 << 20);

	for (size_t i = 0; room && i < 8 << 20; i += 4096)
		room[i] = 1;
}

/* What no check sees: it does not run this. */
static int faults_load(void)
{
	const char *which = getenv("FAULTS_LOAD"), *start = getenv("GATEHOUSE_WORKER");

	/* "late": the second worker, when the first has been through for a while. */
	if (which && strcmp(which, "late") != 0)
		abort();
	if (which && start && strstr(start, "\"worker\":1")) {
		usleep(300 * 1000);
		abort();
	}
	return 0;
}

static int faults_route_open(struct gh_route *rt)
{
	if (gh_open_options(rt, struct faults_route)->load)
		abort();
	return 0;
}

static enum gh_verdict faults_on_request(struct gh_request *r)
{
	struct gh_str path = gh_get(r, GH_PATH);
	volatile int forever = 1;

	if (gh_str_eq(path, "/faults/null"))
		faults_null();
	if (gh_str_eq(path, "/faults/abort"))
		abort();
	if (gh_str_eq(path, "/faults/leak"))
		faults_leak();
	if (gh_str_eq(path, "/faults/heap"))
		faults_heap();
	if (gh_str_eq(path, "/faults/overflow"))
		return faults_overflow(NULL) ? GH_FAIL : GH_DROP;
	if (gh_str_eq(path, "/faults/exit"))
		exit(7);
	while (gh_str_eq(path, "/faults/loop") && forever)
		;
	return gh_reply(r, 200, "text/plain", "fine", 4);
}

GH_PLUGIN(.name = "faults", .version = "1.2", .summary = "Goes wrong when asked to.",
	  GH_OPTIONS(faults_options, struct faults_route), .route_open = faults_route_open,
	  .load = faults_load, .on_request = faults_on_request);
