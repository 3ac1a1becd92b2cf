/* SPDX-License-Identifier: Apache-2.0 */
/* control/lend.c: whose sockets a worker holds, and what the others are told.  The workers are
 * processes of this program, which send back what they are told. */
#include "control/lend.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "control/channel.h"
#include "control/generation.h"
#include "control/listen.h"
#include "control/proc.h"
#include "scratch.h"
#include "suite.h"
#include "worker/worker.h"

enum { MOST_LISTENERS = 40 };

/* ---- a worker ---- */

static struct channel theirs;

static void on_told(struct channel *c, const json_t *message, void *arg)
{
	(void)arg;
	if (!message || channel_send(c, message))
		_exit(0);
}

static int worker(void)
{
	uv_loop_t loop;

	uv_loop_init(&loop);
	channel_open(&theirs, &loop, WORKER_FD_CHANNEL, on_told, NULL);
	return uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- a generation ---- */

static uv_loop_t loop;
static struct listen_set set;
static struct listener *listeners[MOST_LISTENERS];
static struct gateway_config *config;
static struct generation g;
static struct error e;
static char told[512]; /* "W<N+" or "W<N-": worker W was told of N */
static unsigned tells;

static void on_message(void *arg, const json_t *message)
{
	const struct slot *s = arg;
	const char *type;
	int of, on;

	if (!message)
		return;
	ck_assert_int_eq(json_unpack((json_t *)(uintptr_t)message, "{s:s, s:i, s:b}", "type", &type,
				     "worker", &of, "on", &on),
			 0);
	ck_assert_str_eq(type, "adopt");
	size_t n = strlen(told);
	snprintf(told + n, sizeof(told) - n, "%s%u<%d%c", n ? " " : "", s->index, of,
		 on ? '+' : '-');
	tells++;
}

static void on_end(void *arg, int64_t status, int signal)
{
	struct slot *s = arg;

	(void)status;
	(void)signal;
	s->proc = NULL;
}

static const struct proc_events events = { on_message, on_end };

/* Live, with so many workers that are ready, and this "listen" of the configuration. */
static void setup(const char *listen, uint32_t workers)
{
	struct config_errors errors = { 0 };
	char text[4096];

	log_init(LOG_ERROR + 1, true, "test");
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	snprintf(text, sizeof(text), "{\"listen\": [%s]}", listen);
	struct str bytes = str_from(text);
	config = gateway_config_load(scratch_path("gateway.json"), &bytes, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "");
	for (size_t i = 0; i < config->listen_count; i++) {
		/* A port that is free; the file cannot ask for one. */
		struct config_listen any = config->listen[i];
		any.port = 0;
		listeners[i] = listen_take(&set, &any, workers, &e);
		ck_assert_msg(listeners[i] != NULL, "%s", e.text);
	}
	g = (struct generation){ .state = GENERATION_LIVE,
				 .config = config,
				 .listeners = listeners,
				 .slots = calloc(workers, sizeof(struct slot)),
				 .slot_count = workers };
	for (uint32_t i = 0; i < workers; i++) {
		g.slots[i] = (struct slot){ .generation = &g, .index = i, .state = SLOT_READY };
		ck_assert_int_eq(slab_create(&g.slots[i].slab, i, 1, 1, 1, &e), 0);
	}
}

/* Workers that hear what they are told. */
static void spawn(void)
{
	json_t *nothing = json_array();

	for (uint32_t i = 0; i < g.slot_count; i++) {
		int fd = listen_fd(listeners[0], i);
		struct proc_spec spec = { .loop = &loop,
					  .worker = i,
					  .file = "gateway.json",
					  .slab_fd = g.slots[i].slab.fd,
					  .config_fd = g.slots[i].slab.fd,
					  .listen_fds = &fd,
					  .listen_count = 1,
					  .spares = nothing,
					  .hold = nothing };
		g.slots[i].proc = proc_spawn(&spec, &events, &g.slots[i], &e);
		ck_assert_msg(g.slots[i].proc != NULL, "%s", e.text);
	}
	json_decref(nothing);
}

static void teardown(void)
{
	for (uint32_t i = 0; i < g.slot_count; i++) {
		if (g.slots[i].proc)
			proc_kill(g.slots[i].proc, SIGKILL);
		slab_close(&g.slots[i].slab);
	}
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < config->listen_count; i++)
		listen_drop(&set, listeners[i]);
	gateway_config_free(config);
	free(g.slots);
}

/* What was told since the last call, once there were so many. */
static const char *heard(unsigned n)
{
	static char out[sizeof(told)];

	while (tells < n)
		ck_assert_int_ne(uv_run(&loop, UV_RUN_ONCE), 0);
	ck_assert_uint_eq(tells, n);
	snprintf(out, sizeof(out), "%s", told);
	told[0] = '\0';
	tells = 0;
	return out;
}

/* Either order: two workers answer. */
static void ck_heard_two(const char *one, const char *two)
{
	char either[2][32];

	snprintf(either[0], sizeof(either[0]), "%s %s", one, two);
	snprintf(either[1], sizeof(either[1]), "%s %s", two, one);
	const char *got = heard(2);
	ck_assert_msg(!strcmp(got, either[0]) || !strcmp(got, either[1]), "%s", got);
}

/* The workers whose sockets the slot's worker holds, and *each of them. */
static const char *spares(uint32_t of, uint32_t *each, int *fds)
{
	static char out[1024];
	json_t *workers = lend_spares(&g.slots[of], each, fds), *item;
	size_t n = 0, i;

	out[0] = '\0';
	json_array_foreach(workers, i, item)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%lld", i ? " " : "",
				      (long long)json_integer_value(item));
	json_decref(workers);
	return out;
}

/* ---- sockets ---- */

START_TEST(test_spares)
{
	int fds[WORKER_SPARES_MAX];
	uint32_t each;

	setup("\"127.0.0.1:1\", \"unix:socket\", \"127.0.0.2:1\"", 3);
	/* Those of the workers behind it, in a circle; a unix socket is one for all. */
	ck_assert_str_eq(spares(1, &each, fds), "2 0");
	ck_assert_uint_eq(each, 2);
	ck_assert_int_eq(fds[0], listen_fd(listeners[0], 2));
	ck_assert_int_eq(fds[1], listen_fd(listeners[2], 2));
	ck_assert_int_eq(fds[2], listen_fd(listeners[0], 0));
	ck_assert_int_eq(fds[3], listen_fd(listeners[2], 0));
	teardown();
}
END_TEST

START_TEST(test_no_spares)
{
	int fds[WORKER_SPARES_MAX];
	uint32_t each;

	setup("\"127.0.0.1:1\"", 1);
	ck_assert_str_eq(spares(0, &each, fds), "");
	ck_assert_uint_eq(each, 1);
	teardown();
	setup("\"unix:socket\"", 3);
	ck_assert_str_eq(spares(0, &each, fds), "");
	ck_assert_uint_eq(each, 0);
	teardown();
}
END_TEST

/* As many whole workers as there is room for. */
START_TEST(test_most_spares)
{
	int fds[WORKER_SPARES_MAX + 1];
	char listen[1024] = "";
	uint32_t each;

	for (size_t i = 0, n = 0; i < 21; i++)
		n += (size_t)snprintf(listen + n, sizeof(listen) - n, "%s\"127.0.0.%zu:1\"",
				      i ? "," : "", i + 1);
	setup(listen, 5);
	fds[WORKER_SPARES_MAX] = -7;
	ck_assert_str_eq(spares(3, &each, fds), "4 0 1");
	ck_assert_uint_eq(each, 21);
	ck_assert_int_eq(fds[62], listen_fd(listeners[20], 1));
	teardown();
	setup("\"127.0.0.1:1\"", WORKER_SPARES_MAX + 6);
	spares(0, &each, fds);
	ck_assert_int_eq(fds[WORKER_SPARES_MAX - 1], listen_fd(listeners[0], WORKER_SPARES_MAX));
	ck_assert_int_eq(fds[WORKER_SPARES_MAX], -7);
	teardown();
}
END_TEST

/* ---- messages ---- */

#define MS UINT64_C(1000000)

START_TEST(test_a_worker_that_is_gone)
{
	setup("\"127.0.0.1:1\"", 3);
	spawn();
	g.slots[1].state = SLOT_WAITING;
	lend_check(&g.slots[1], 0, false);
	ck_assert(g.slots[1].lent);
	ck_heard_two("0<1+", "2<1+");
	/* Told once. */
	lend_check(&g.slots[1], 0, true);
	/* One that comes up is told of it. */
	lend_greet(&g.slots[2]);
	ck_assert_str_eq(heard(1), "2<1+");
	lend_greet(&g.slots[1]);
	g.slots[1].state = SLOT_READY;
	g.slots[1].slab.header->heartbeat_ns = 1000 * MS;
	lend_check(&g.slots[1], 1001 * MS, true);
	ck_assert(!g.slots[1].lent);
	ck_heard_two("0<1-", "2<1-");
	lend_greet(&g.slots[2]);
	ck_assert_uint_eq(tells, 0);
	teardown();
}
END_TEST

START_TEST(test_a_worker_that_is_silent)
{
	setup("\"127.0.0.1:1\"", 2);
	spawn();
	g.slots[0].slab.header->heartbeat_ns = 1000 * MS;
	lend_check(&g.slots[0], 1000 * MS + LEND_SILENT_MS * MS, true);
	ck_assert(!g.slots[0].lent);
	lend_check(&g.slots[0], 1001 * MS + LEND_SILENT_MS * MS, true);
	ck_assert(g.slots[0].lent);
	ck_assert_str_eq(heard(1), "1<0+");
	/* Its heart says nothing when the one who listens was late: all stays as it is. */
	lend_check(&g.slots[0], 1000 * MS, false);
	ck_assert(g.slots[0].lent);
	/* One that beats later than now. */
	g.slots[0].slab.header->heartbeat_ns = 9000 * MS;
	lend_check(&g.slots[0], 8000 * MS, true);
	ck_assert(!g.slots[0].lent);
	ck_assert_str_eq(heard(1), "1<0-");
	lend_check(&g.slots[0], 99000 * MS, false);
	ck_assert(!g.slots[0].lent);
	ck_assert_uint_eq(tells, 0);
	teardown();
}
END_TEST

/* Nobody is told who is not ready, and nothing by a generation that does not serve. */
START_TEST(test_who_is_told)
{
	setup("\"127.0.0.1:1\"", 4);
	spawn();
	g.slots[0].state = SLOT_STARTING;
	g.slots[3].state = SLOT_ENDED;
	g.state = GENERATION_STARTING;
	lend_check(&g.slots[3], 0, false);
	g.state = GENERATION_DRAINING;
	lend_check(&g.slots[3], 0, false);
	ck_assert(!g.slots[3].lent);
	g.state = GENERATION_LIVE;
	lend_check(&g.slots[3], 0, false);
	ck_heard_two("1<3+", "2<3+");
	teardown();
}
END_TEST

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return worker();
	return SUITE("lend", test_spares, test_no_spares, test_most_spares,
		     test_a_worker_that_is_gone, test_a_worker_that_is_silent, test_who_is_told);
}
