/* SPDX-License-Identifier: Apache-2.0 */
/* control/death.c: who was at work when a worker died, and the line that says so. */
#include "control/death.h"
#include "plane.h"
#include "plugin/image.h"
#include "said.h"

static struct generation generation;
static struct gateway_config config;
static struct slot slots[2];

/* Two workers of a generation, one route and two plugins; none of them runs. */
static void make(void)
{
	static struct config_use filter = { .plugin = "filter" };
	static struct config_route route = { .path = "/a/{id}",
					     .handler = { .plugin = "handler" },
					     .filters = &filter,
					     .filter_count = 1 };
	struct error e = { "" };

	config.routes = &route;
	config.route_count = 1;
	generation = (struct generation){ .config = &config, .slots = slots, .slot_count = 2 };
	for (uint32_t i = 0; i < 2; i++) {
		slots[i] = (struct slot){ .generation = &generation, .index = i };
		ck_assert_int_eq(slab_create(&slots[i].slab, i, 1, 1, 1, &e), 0);
	}
	slots[1].plugins = json_pack("[{s:s, s:s, s:s}, {s:s}]", "name", "one", "version", "1.5",
				     "hash", "0123456789abcdef", "name", "two");
}

static void unmake(void)
{
	for (int i = 0; i < 2; i++)
		slab_close(&slots[i].slab);
	json_decref(slots[1].plugins);
}

static struct death_blame read_of(int i, uint64_t now)
{
	struct death_blame blame;

	memset(&blame, 0x55, sizeof(blame));
	death_blame_read(&slots[i], now, &blame);
	return blame;
}

START_TEST(nobody)
{
	make();
	ck_assert(!read_of(0, 1).any);
	ck_assert_str_eq(read_of(0, 1).plugin, "");
	unmake();
}
END_TEST

START_TEST(who_was_at_work)
{
	struct death_blame b;

	make();
	slots[1].slab.header->running = (struct slab_running){
		.plugin = 1, .hook = HOOK_ON_REQUEST, .request_id = "r-1", .since_ns = 1000000
	};
	b = read_of(1, 8000000);
	ck_assert(b.any);
	ck_assert_str_eq(b.plugin, "one");
	ck_assert_str_eq(b.version, "1.5");
	ck_assert_str_eq(b.hash, "0123456789abcdef");
	ck_assert_str_eq(b.hook, "on_request");
	ck_assert_str_eq(b.route, "/a/{id}");
	ck_assert_str_eq(b.request_id, "r-1");
	ck_assert_uint_eq(b.for_ms, 7);
	/* One that was not ready yet has said nothing of its plugins: the other's are the same. */
	slots[0].slab.header->running = (struct slab_running){ .plugin = 2, .route = 0 };
	b = read_of(0, 1);
	ck_assert_str_eq(b.plugin, "two");
	ck_assert_str_eq(b.version, "");
	unmake();
}
END_TEST

/* A plugin gone wild can have written anything there. */
START_TEST(out_of_bounds)
{
	struct death_blame b;

	make();
	memset(&slots[1].slab.header->running, 0xff, sizeof(struct slab_running));
	b = read_of(1, 5);
	ck_assert_str_eq(b.plugin, "number 4294967295");
	ck_assert_str_eq(b.hash, "");
	ck_assert_str_eq(b.hook, "?");
	ck_assert_str_eq(b.route, "");
	ck_assert_uint_eq(strlen(b.request_id), sizeof(b.request_id) - 1);
	ck_assert_uint_eq(b.for_ms, 0);
	json_decref(slots[1].plugins);
	slots[1].plugins = NULL;
	slots[1].slab.header->running.plugin = 1;
	/* Before any worker has told its list, the configuration has the order. */
	ck_assert_str_eq(read_of(1, 5).plugin, "filter");
	slots[1].slab.header->running.plugin = 2;
	ck_assert_str_eq(read_of(1, 5).plugin, "handler");
	slots[1].slab.header->running.plugin = 99;
	ck_assert_str_eq(read_of(1, 5).plugin, "number 99");
	unmake();
}
END_TEST

START_TEST(how)
{
	char out[48];

	death_how(0, SIGSEGV, out);
	ck_assert_str_eq(out, "SIGSEGV");
	death_how(7, 0, out);
	ck_assert_str_eq(out, "exit status 7");
	death_how(INT64_MIN, 0, out);
	ck_assert_str_eq(out, "exit status -9223372036854775808");
	death_how(0, 9999, out);
	ck_assert_str_eq(out, "SIGunknown");
}
END_TEST

/* ---- the line, of a worker that lives on ---- */

static struct slot *serve(void)
{
	plane_open();
	plane_write(1, PLANE_FAULTS);
	struct slot *s = &plane_serve()->slots[0];
	said_begin();
	return s;
}

START_TEST(nothing_was_noted)
{
	struct slot *s = serve();
	struct death_blame none = { 0 };
	char text[128];

	/* Of another signal. */
	s->slab.header->crash = (struct slab_crash){ .signal = SIGABRT, .frame_count = 1 };
	death_log(s, 0, SIGKILL, &none, 250);
	snprintf(text, sizeof(text),
		 "\"message\":\"worker died\",\"worker\":0,\"pid\":%d,"
		 "\"how\":\"SIGKILL\",\"generation\":1,\"restart_in_ms\":250}\n",
		 proc_pid(s->proc));
	ck_said("\"level\":\"error\"");
	ck_said(text);
	plane_close();
}
END_TEST

START_TEST(with_a_backtrace)
{
	struct slot *s = serve();
	struct slab_crash *c = &s->slab.header->crash;
	struct death_blame blame = { .any = true,
				     .plugin = "p",
				     .version = "1",
				     .hook = "on_end",
				     .route = "/r",
				     .request_id = "id" };

	*c = (struct slab_crash){ .signal = SIGSEGV,
				  .code = 1,
				  .address = 0x40,
				  .frame_count = 2,
				  .frames = { 0x1234, 0x5678 } };
	death_log(s, 0, SIGSEGV, &blame, 0);
	/* All was read before it returned. */
	memset(c, 0, sizeof(*c));
	plane_until(strstr(said(), "worker died in plugin code"));
	ck_said("\"how\":\"SIGSEGV\",\"plugin\":\"p\",\"version\":\"1\",\"hook\":\"on_end\","
		"\"route\":\"/r\",\"request_id\":\"id\",\"generation\":1,\"restart_in_ms\":0,"
		"\"address\":\"0x40\",\"backtrace\":\"0x1234 < 0x5678\"}\n");
	plane_close();
}
END_TEST

/* A signal that was sent has no address. */
START_TEST(a_signal_that_was_sent)
{
	struct slot *s = serve();
	struct death_blame none = { 0 };

	s->slab.header->crash = (struct slab_crash){
		.signal = SIGABRT, .code = -6, .address = 9, .frame_count = 1, .frames = { 1 }
	};
	death_log(s, 0, SIGABRT, &none, 0);
	plane_until(strstr(said(), "worker died"));
	ck_said("\"backtrace\":\"0x1\"");
	ck_assert_ptr_null(strstr(said(), "\"address\""));
	plane_close();
}
END_TEST

START_TEST(a_crash_that_is_out_of_bounds)
{
	struct slot *s = serve();
	struct slab_crash *c = &s->slab.header->crash;
	struct death_blame none = { 0 };

	memset(c, 0xff, sizeof(*c));
	memset(c->maps, 'a', sizeof(c->maps));
	c->signal = SIGSEGV;
	death_log(s, 0, SIGSEGV, &none, 0);
	plane_until(strstr(said(), "worker died"));
	ck_said("\"backtrace\":\"0xffffffffffffffff < ");
	plane_close();
}
END_TEST

START_TEST(functions_are_named)
{
	struct slot *s = serve();
	int fd = plane_ask("/faults/null");

	plane_receive(fd, NULL);
	close(fd);
	plane_until(strstr(said(), "worker died in plugin code"));
	ck_said("\"address\":\"0x40\",\"backtrace\":\"faults_");
	ck_said("faults_on_request");
	plane_until(s->state == SLOT_READY);
	plane_close();
}
END_TEST

PLANE_SUITE("death", nobody, who_was_at_work, out_of_bounds, how, nothing_was_noted,
	    with_a_backtrace, a_signal_that_was_sent, a_crash_that_is_out_of_bounds,
	    functions_are_named)
