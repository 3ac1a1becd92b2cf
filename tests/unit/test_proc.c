/* SPDX-License-Identifier: Apache-2.0 */
/* control/proc.c: a worker's start, its messages and its end; the worker is this program. */
#include "control/proc.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "control/channel.h"
#include "suite.h"
#include "worker/worker.h"

/* ---- the other side ---- */

static struct channel theirs;

static void send_back(json_t *message)
{
	if (channel_send(&theirs, message))
		_exit(4);
	json_decref(message);
}

/* The first bytes of each descriptor from the slab on. */
static json_t *contents(void)
{
	json_t *out = json_array();
	char text[32];
	ssize_t n;

	for (int fd = WORKER_FD_SLAB; (n = pread(fd, text, sizeof(text), 0)) >= 0; fd++)
		json_array_append_new(out, json_stringn(text, (size_t)n));
	return out;
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 3; /* without "." and ".." and that of the directory */
}

/* "echo": the message comes back; "exit": ends with 7 after some last words. */
static void on_order(struct channel *c, const json_t *message, void *arg)
{
	const char *type = json_string_value(json_object_get(message, "type"));

	(void)c;
	(void)arg;
	if (!message)
		_exit(3);
	if (strcmp(type, "echo") == 0)
		send_back(json_pack("{s:s, s:O}", "type", "echoed", "what", message));
	for (int i = 0; strcmp(type, "exit") == 0 && i < 50; i++)
		send_back(json_pack("{s:s, s:i}", "type", "last", "n", i));
	if (strcmp(type, "exit") == 0)
		_exit(7);
}

static int worker(int argc)
{
	uv_loop_t loop;
	char input;
	/* Before the loop has its own. */
	json_t *start = json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:i, s:i}", "type", "started",
				  "env", getenv("GATEHOUSE_WORKER"), "kept", getenv("PROC_TEST"),
				  "argc", argc, "input", (int)read(STDIN_FILENO, &input, 1),
				  "contents", contents(), "count", (int)open_descriptors(), "pid",
				  (int)getpid());

	uv_loop_init(&loop);
	channel_open(&theirs, &loop, WORKER_FD_CHANNEL, on_order, NULL);
	send_back(start);
	return uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- this side ---- */

enum { SOCKETS = 3, PLUGINS = 2 };

static uv_loop_t loop;
static struct error e;
static struct proc *proc;
static json_t *first, *last; /* messages */
static unsigned messages, closed, exits;
static int64_t exit_status;
static int exit_signal;
static bool order_exit; /* as soon as it has started */

static void on_message(void *arg, const json_t *message)
{
	ck_assert_ptr_eq(arg, &loop);
	ck_assert_uint_eq(exits, 0);
	if (!message) {
		closed++;
		return;
	}
	ck_assert_uint_eq(closed, 0);
	json_decref(last);
	last = json_deep_copy(message);
	if (messages++ == 0)
		first = json_incref(last);
	if (order_exit) {
		json_t *order = json_pack("{s:s}", "type", "exit");
		order_exit = false;
		proc_send(proc, order);
		json_decref(order);
	}
}

static void on_end(void *arg, int64_t status, int signal)
{
	ck_assert_ptr_eq(arg, &loop);
	exits++;
	exit_status = status;
	exit_signal = signal;
}

static const struct proc_events events = { on_message, on_end };

static int file(const char *text)
{
	int fd = memfd_create(text, MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

/* A worker with a descriptor of each kind; the caller's are closed again. */
static void spawn(void)
{
	int sockets[SOCKETS] = { file("own"), file("spare 5"), file("spare 7") };
	int plugins[PLUGINS] = { file("p"), file("q") };
	json_t *spares = json_pack("[i,i]", 5, 7), *hold = json_pack("[{s:s}]", "name", "p");
	struct proc_spec spec = {
		.loop = &loop,
		.generation = 3,
		.worker = 6,
		.file = "/x/gateway.json",
		.log_level = -1,
		.log_format = 1,
		.slab_fd = file("slab"),
		.config_fd = file("config"),
		.crowd_fd = file("crowd"),
		.listen_fds = sockets,
		.listen_count = 1,
		.spares = spares,
		.spare_each = 1,
		.plugin_fds = plugins,
		.plugin_count = PLUGINS,
		.text_bytes = 99,
		.hold = hold,
	};

	proc = proc_spawn(&spec, &events, &loop, &e);
	for (int i = 0; i < SOCKETS; i++)
		close(sockets[i]);
	for (int i = 0; i < PLUGINS; i++)
		close(plugins[i]);
	close(spec.slab_fd);
	close(spec.config_fd);
	close(spec.crowd_fd);
	json_decref(spares);
	json_decref(hold);
}

static void setup(void)
{
	log_init(LOG_ERROR + 1, true, "test");
	signal(SIGPIPE, SIG_IGN); /* as both processes do */
	setenv("GATEHOUSE_WORKER", "another", 1);
	setenv("PROC_TEST", "kept", 1);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	spawn();
	ck_assert_msg(proc != NULL, "%s", e.text);
}

static void until_messages(unsigned n)
{
	while (messages < n)
		ck_assert_int_ne(uv_run(&loop, UV_RUN_ONCE), 0);
}

/* Nothing is left in the loop. */
static void teardown(void)
{
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	json_decref(first);
	json_decref(last);
}

START_TEST(test_what_a_worker_gets)
{
	json_t *env = json_pack("{s:i, s:i, s:s, s:i, s:i, s:[i,i], s:i, s:[{s:s}], s:i, s:i}",
				"generation", 3, "worker", 6, "file", "/x/gateway.json", "text", 99,
				"listen", 1, "spares", 5, 7, "spare_each", 1, "hold", "name", "p",
				"log_level", -1, "log_format", 1);
	json_t *fds = json_pack("[s,s,s,s,s,s,s,s]", "slab", "config", "crowd", "own", "spare 5",
				"spare 7", "p", "q");
	const char *text, *kept;
	int argc, input, count, pid;

	setup();
	until_messages(1);
	ck_assert_int_eq(json_unpack(first, "{s:s, s:s, s:i, s:i, s:i, s:i}", "env", &text, "kept",
				     &kept, "argc", &argc, "input", &input, "count", &count, "pid",
				     &pid),
			 0);
	json_t *got = json_loads(text, 0, NULL);
	ck_assert(json_equal(got, env));
	ck_assert_str_eq(kept, "kept");
	ck_assert_int_eq(argc, 2);
	/* Nothing to read, and nothing beside the contract. */
	ck_assert_int_eq(input, 0);
	ck_assert(json_equal(json_object_get(first, "contents"), fds));
	ck_assert_int_eq(count, 3 + 1 + 8);
	ck_assert_int_eq(pid, proc_pid(proc));
	proc_kill(proc, SIGKILL);
	json_decref(got);
	json_decref(env);
	json_decref(fds);
	teardown();
	ck_assert_uint_eq(exits, 1);
	ck_assert_int_eq(exit_signal, SIGKILL);
}
END_TEST

START_TEST(test_messages)
{
	json_t *order = json_pack("{s:s, s:i}", "type", "echo", "n", 1);

	setup();
	proc_send(proc, order);
	until_messages(2);
	ck_assert_str_eq(json_string_value(json_object_get(last, "type")), "echoed");
	ck_assert(json_equal(json_object_get(last, "what"), order));
	ck_assert_uint_eq(order->refcount, 1);
	proc_kill(proc, SIGTERM);
	json_decref(order);
	teardown();
	ck_assert_int_eq(exit_signal, SIGTERM);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

/* All that it said before its end is heard before its end. */
START_TEST(test_last_words)
{
	order_exit = true;
	setup();
	teardown();
	ck_assert_uint_eq(messages, 1 + 50);
	ck_assert_uint_eq(closed, 1);
	ck_assert_uint_eq(exits, 1);
	ck_assert_int_eq(exit_status, 7);
	ck_assert_int_eq(exit_signal, 0);
}
END_TEST

/* It is as good as gone: the end is still to come, once. */
START_TEST(test_send_to_the_dead)
{
	json_t *order = json_pack("{s:s}", "type", "echo");

	setup();
	until_messages(1);
	ck_assert_int_eq(kill(proc_pid(proc), SIGKILL), 0);
	while (!closed) {
		ck_assert_uint_eq(exits, 0);
		proc_send(proc, order);
		uv_run(&loop, UV_RUN_ONCE);
		if (exits)
			break;
	}
	json_decref(order);
	teardown();
	ck_assert_uint_eq(exits, 1);
	ck_assert_uint_eq(messages, 1);
}
END_TEST

/* No worker, no event, and no descriptor that is left. */
START_TEST(test_no_descriptors)
{
	struct rlimit all, limit;
	unsigned refused = 0;

	setup();
	proc_kill(proc, SIGKILL);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	unsigned before = open_descriptors();
	int lowest = dup(STDIN_FILENO);
	close(lowest);
	for (rlim_t n = 0; n < 20; n++) {
		exits = closed = 0;
		/* Those of the caller are open already. */
		limit = (struct rlimit){ (rlim_t)lowest + SOCKETS + PLUGINS + 3 + n, all.rlim_max };
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		spawn();
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		if (proc) {
			proc_kill(proc, SIGKILL);
		} else {
			ck_assert_int_eq(strncmp(e.text, "cannot start a worker: ", 23), 0);
			refused++;
		}
		ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
		ck_assert_uint_eq(exits, proc != NULL);
		ck_assert_uint_eq(open_descriptors(), before);
	}
	ck_assert_uint_ge(refused, 2);
	ck_assert_uint_lt(refused, 20);
	teardown();
}
END_TEST

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return worker(argc);
	return SUITE("proc", test_what_a_worker_gets, test_messages, test_last_words,
		     test_send_to_the_dead, test_no_descriptors);
}
