/* SPDX-License-Identifier: Apache-2.0 */
/* unit/plane.h -- a control process inside the test: the parts that core/control/control.c puts
 * together, on a loop that the test turns, with real workers.  Children run this very program, so
 * that main() must be PLANE_SUITE.
 * Called by: tests/unit/test_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_PLANE_H
#define GATEHOUSE_TESTS_PLANE_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/proc.h"
#include "control/reload.h"
#include "scratch.h"
#include "suite.h"

enum { PLANE_TICK_MS = 10, PLANE_WAIT_S = 20 };

static struct control plane;
static bool plane_still; /* generations are not looked after: the test does that itself */

static inline uint64_t plane_deadline(void)
{
	return clock_mono_ns() + (uint64_t)(suite_timeout() / 60 * PLANE_WAIT_S * 1e9);
}

/* Turns the loop until the condition holds. */
#define plane_until(condition)                                                                     \
	do {                                                                                       \
		uint64_t until_ = plane_deadline();                                                \
		while (!(condition)) {                                                             \
			ck_assert_msg(clock_mono_ns() < until_, "never: %s", #condition);          \
			uv_run(&plane.loop, UV_RUN_ONCE);                                          \
		}                                                                                  \
	} while (0)

/* ---- its file ---- */

/* Writes gateway.json: so many workers on the unix socket "gw", and further members of the object.
 * Plugins come from that directory; it is the whole directory, or those that the file names. */
static inline void plane_write_for(const char *plugin_dir, bool autoload, int workers,
				   const char *members)
{
	static char text[8192];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\"unix:%s\"], \"admin\": \"off\", \"workers\": %d,"
		 "\"plugin_dir\": \"%s\", \"autoload\": %s, \"access_log\": \"off\","
		 "\"log\": {\"level\": \"error\"}, %s}",
		 scratch_path("gw"), workers, plugin_dir, autoload ? "true" : "false", members);
	scratch_write("gateway.json", text);
}

/* The same with the plugins for tests. */
static inline void plane_write(int workers, const char *members)
{
	plane_write_for(scratch_plugins_built(), false, workers, members);
}

static inline struct gateway_config *plane_load(void)
{
	struct config_errors errors = { 0 };
	struct gateway_config *config = gateway_config_load(plane.options.file, NULL, &errors);

	if (!config)
		config_errors_print(&errors, "gateway.json", stderr);
	config_errors_fini(&errors);
	ck_assert_ptr_nonnull(config);
	return config;
}

/* Links to a plugin that was built in the folder of that variable, for a directory of plugins that
 * is the scratch directory itself. */
static inline void plane_link(const char *variable, const char *folder, const char *name)
{
	const char *dir = getenv(variable);
	char built[PATH_MAX], target[PATH_MAX + 100], file[100];

	ck_assert_ptr_nonnull(realpath(dir ? dir : folder, built));
	snprintf(target, sizeof(target), "%s/%s.so", built, name);
	snprintf(file, sizeof(file), "%s.so", name);
	ck_assert_int_eq(symlink(target, scratch_path(file)), 0);
}

/* One of the gateway's own, and one that is for tests. */
#define plane_plugin(name)      plane_link("PLUGIN_DIR", "plugins", name)
#define plane_test_plugin(name) plane_link("TEST_PLUGIN_DIR", "tests/plugins", name)

/* A route that asks faults.c, which goes wrong in the way that the path says. */
#define PLANE_FAULTS "\"routes\": [{\"path\": \"/faults/*\", \"plugin\": \"faults\"}]"

/* ---- from start to end ---- */

static inline void plane_on_tick(uv_timer_t *t)
{
	(void)t;
	plane.tick_ns = clock_mono_ns();
	list_each_safe(l, &plane.generations)
	{
		if (!plane_still)
			generation_tick(container_of(l, struct generation, link), plane.tick_ns,
					false);
	}
}

static inline void plane_signal(uv_signal_t *s)
{
	ck_assert_int_eq(uv_signal_init(&plane.loop, s), 0);
}

/* Everything is there, and nothing was started. */
static inline void plane_open(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, true, "control");
	plane = (struct control){
		.options = { .file = strdup(scratch_path("gateway.json")),
			     .log_level = -1,
			     .log_format = -1 },
		.started_us = clock_wall_us(),
		.started_ns = clock_mono_ns(),
	};
	list_init(&plane.generations);
	ck_assert_int_eq(uv_loop_init(&plane.loop), 0);
	ck_assert_int_eq(uv_timer_init(&plane.loop, &plane.tick), 0);
	ck_assert_int_eq(uv_timer_init(&plane.loop, &plane.linger), 0);
	ck_assert_int_eq(uv_timer_start(&plane.tick, plane_on_tick, PLANE_TICK_MS, PLANE_TICK_MS),
			 0);
	plane_signal(&plane.on_term);
	plane_signal(&plane.on_int);
	plane_signal(&plane.on_hup);
	plane_signal(&plane.on_usr2);
	plane.claims = claims_open(&plane);
	plane.reload = reload_open(&plane);
	observer_start(&plane.observer, &plane);
	worker_memory_start(&plane.worker_memory, &plane);
}

/* Starts what gateway.json says: the generation that serves. */
static inline struct generation *plane_serve(void)
{
	reload_first(plane.reload, plane_load());
	plane_until(plane.current || plane.finished);
	ck_assert(!plane.finished);
	return plane.current;
}

/* Ends all that runs, as SIGTERM does, and the loop. */
static inline void plane_close(void)
{
	plane.stopping = true;
	if (!plane.finished) {
		reload_stop(plane.reload);
		list_each_safe(l, &plane.generations)
			generation_drain(container_of(l, struct generation, link), 0, 0, false);
	}
	/* The end of the last generation closes all handles; without one, its part is played. */
	if (!plane.finished && list_empty(&plane.generations)) {
		json_t *none = json_array();

		control_first_failed(&plane, none);
		json_decref(none);
	}
	uv_run(&plane.loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&plane.loop), 0);
	total_fini(&plane.ended);
	quarantine_fini(&plane.quarantine);
	free((char *)(uintptr_t)plane.options.file);
}

/* ---- its clients ---- */

/* A connection to the unix socket of that name in the scratch directory. */
static inline int plane_connect(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", scratch_path(name));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static inline void plane_send(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What comes until the other end closes or the text "until" is there; the loop turns meanwhile.
 * Good until the next call. */
static inline const char *plane_receive(int fd, const char *until)
{
	static char text[256 * 1024];
	uint64_t deadline = plane_deadline();
	size_t n = 0;

	text[0] = '\0';
	while (!until || !strstr(text, until)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		ck_assert_msg(clock_mono_ns() < deadline, "no \"%s\" in \"%s\"",
			      until ? until : "end", text);
		uv_run(&plane.loop, UV_RUN_NOWAIT);
		if (poll(&p, 1, 1) <= 0)
			continue;
		got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
	}
	return text;
}

/* Asks a worker for a path; nothing is read. */
static inline int plane_ask(const char *path)
{
	char text[256];
	int fd = plane_connect("gw");

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		 path);
	plane_send(fd, text);
	return fd;
}

/* Its answer, whole. */
static inline const char *plane_get(const char *path)
{
	int fd = plane_ask(path);
	const char *text = plane_receive(fd, NULL);

	close(fd);
	return text;
}

#define PLANE_SUITE(name, ...)                                                                     \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return argc > 1 ? cli_main(argc, argv) : SUITE(name, __VA_ARGS__);                 \
	}

#endif
