/* SPDX-License-Identifier: Apache-2.0 */
/* control/notify.c: what a service manager that listens is told. */
#include "control/notify.h"

#include <stdio.h>

#include "base/clock.h"
#include "said.h"
#include "scratch.h"
#include "suite.h"

static struct notify n;
static int manager;

/* A manager's socket: at a path, or under an abstract name ("@..."). */
static void listen_at(const char *where)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t size = strlen(where);

	memcpy(un.sun_path, where, size + 1);
	if (where[0] == '@')
		un.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
			 0);
	setenv("NOTIFY_SOCKET", where, 1);
}

/* The next message; "" when there is none. */
static const char *heard(void)
{
	static char text[4096];
	ssize_t got = recv(manager, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

START_TEST(tells_each_state)
{
	char expected[128];

	listen_at(scratch_path("manager"));
	notify_open(&n);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_str_eq(notify_address(&n), scratch_path("manager"));
	notify_ready(&n, 4711, "two\nlines");
	ck_assert_str_eq(heard(), "READY=1\nMAINPID=4711\nSTATUS=two lines");
	uint64_t before = clock_mono_ns() / 1000;
	notify_reloading(&n, "reloading");
	unsigned long long at = 0;
	ck_assert_int_eq(
		sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=%99s", &at, expected), 2);
	ck_assert_uint_ge(at, before);
	ck_assert_uint_le(at, clock_mono_ns() / 1000);
	notify_stopping(&n, "ending");
	ck_assert_str_eq(heard(), "STOPPING=1\nSTATUS=ending");
	notify_send(&n, "MAINPID=%d", 12);
	ck_assert_str_eq(heard(), "MAINPID=12");
	notify_close(&n);
	notify_send(&n, "MAINPID=%d", 13);
	ck_assert_str_eq(heard(), "");
	close(manager);
}
END_TEST

START_TEST(an_abstract_name)
{
	char name[64];

	snprintf(name, sizeof(name), "@gatehouse-unit-%d", getpid());
	listen_at(name);
	notify_open(&n);
	ck_assert_str_eq(notify_address(&n), name);
	notify_stopping(&n, "");
	ck_assert_str_eq(heard(), "STOPPING=1\nSTATUS=");
	notify_close(&n);
	close(manager);
}
END_TEST

START_TEST(the_watchdog_hears_at_half_its_time)
{
	char pid[16];

	listen_at(scratch_path("dog"));
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_open(&n);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
	ck_assert_uint_eq(n.watchdog_ns, 1000000);
	notify_tick(&n, 10000000);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	notify_tick(&n, 10499999);
	ck_assert_str_eq(heard(), "");
	notify_tick(&n, 10500000);
	ck_assert_str_eq(heard(), "WATCHDOG=1");
	notify_close(&n);
	/* Meant for another process. */
	setenv("NOTIFY_SOCKET", scratch_path("dog"), 1);
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open(&n);
	notify_tick(&n, 20000000);
	ck_assert_str_eq(heard(), "");
	notify_close(&n);
	close(manager);
}
END_TEST

START_TEST(what_is_wrong_is_logged)
{
	said_begin();
	notify_open(&n);
	notify_ready(&n, 1, "nobody");
	ck_assert_ptr_null(notify_address(&n));
	ck_assert_str_eq(said(), "");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_open(&n);
	ck_said("NOTIFY_SOCKET is not the path of a socket: ignored");
	said_clear();
	setenv("NOTIFY_SOCKET", scratch_path("nobody"), 1);
	setenv("WATCHDOG_USEC", "soon", 1);
	notify_open(&n);
	ck_said("WATCHDOG_USEC is not a time: ignored");
	said_clear();
	notify_ready(&n, 1, "nobody");
	ck_said("the service manager was not told");
	ck_said("READY=1");
	notify_close(&n);
}
END_TEST

int main(void)
{
	return SUITE("notify", tells_each_state, an_abstract_name,
		     the_watchdog_hears_at_half_its_time, what_is_wrong_is_logged);
}
