/* SPDX-License-Identifier: Apache-2.0 */
/* control/supervisor.c: real workers that die, hang or are silent, and who is named for it. */
#include <sys/resource.h>

#include "control/supervisor.h"
#include "plane.h"
#include "said.h"

#define SECOND UINT64_C(1000000000)

/* The first slot of a generation that serves, with so many workers. */
static struct slot *serve(int workers, const char *members)
{
	plane_open();
	plane_write(workers, members);
	return &plane_serve()->slots[0];
}

/* Has its worker go wrong. */
static void fault(const char *path)
{
	int fd = plane_ask(path);

	plane_receive(fd, NULL);
	close(fd);
}

START_TEST(another_takes_its_place)
{
	struct slot *s = serve(1, PLANE_FAULTS);
	int pid = proc_pid(s->proc);

	ck_assert_int_eq(s->state, SLOT_READY);
	ck_assert_uint_eq(s->restarts, 0);
	said_begin();
	fault("/faults/abort");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	ck_assert_int_ne(proc_pid(s->proc), pid);
	plane_until(strstr(said(), "worker died in plugin code"));
	ck_said("\"how\":\"SIGABRT\",\"plugin\":\"faults\",\"version\":\"1.2\","
		"\"hook\":\"on_request\",\"route\":\"/faults/*\"");
	ck_said("\"restart_in_ms\":0");
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	/* The crash counts, and holds nothing yet. */
	ck_assert_uint_eq(plane.quarantine.count, 1);
	ck_assert(!plane.quarantine.files[0].held);
	plane_close();
}
END_TEST

START_TEST(killed_from_outside)
{
	struct slot *s = serve(1, "\"routes\": []");

	said_begin();
	kill(proc_pid(s->proc), SIGKILL);
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	ck_said("\"message\":\"worker died\"");
	ck_said("\"how\":\"SIGKILL\"");
	ck_assert_uint_eq(plane.quarantine.count, 0);
	plane_close();
}
END_TEST

START_TEST(a_plugin_that_ends_the_process)
{
	struct slot *s = serve(1, PLANE_FAULTS);

	said_begin();
	fault("/faults/exit");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	ck_said("\"how\":\"exit status 7\",\"plugin\":\"faults\"");
	plane_close();
}
END_TEST

START_TEST(quarantine)
{
	struct slot *s = serve(1, PLANE_FAULTS ", \"quarantine\": {\"crashes\": 2}");

	said_begin();
	fault("/faults/null");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	fault("/faults/null");
	plane_until(s->restarts == 2 && s->state == SLOT_READY);
	ck_said("\"message\":\"plugin quarantined\",\"plugin\":\"faults\",\"version\":\"1.2\"");
	ck_assert(plane.quarantine.files[0].held);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
	ck_assert_uint_eq(s->restarts, 2);
	/* Its cause is gone: the next death is replaced at once again. */
	ck_assert_uint_eq(s->backoff.next_ms, BACKOFF_FIRST_MS);
	plane_close();
}
END_TEST

/* The third death in a row has its worker wait, though not for long while nobody else serves. */
START_TEST(it_waits_before_the_next)
{
	struct slot *s = serve(1, "\"routes\": []");
	uint64_t before;

	said_begin();
	s->backoff.next_ms = 5000;
	kill(proc_pid(s->proc), SIGKILL);
	before = clock_mono_ns();
	plane_until(s->state == SLOT_WAITING);
	ck_assert_ptr_null(s->proc);
	ck_assert_uint_ge(s->due_ns, before + SECOND / 4);
	ck_assert_uint_le(s->due_ns, clock_mono_ns() + SECOND / 4);
	plane_still = true;
	supervisor_tick(s, s->due_ns - 1, false);
	ck_assert_int_eq(s->state, SLOT_WAITING);
	supervisor_tick(s, s->due_ns, false);
	ck_assert_int_eq(s->state, SLOT_STARTING);
	plane_until(s->state == SLOT_READY);
	ck_assert_uint_eq(s->restarts, 1);
	plane_close();
}
END_TEST

START_TEST(it_waits_longer_while_others_serve)
{
	struct slot *s = serve(2, "\"routes\": []");
	uint64_t before = clock_mono_ns();

	said_begin();
	s->backoff.next_ms = 5000;
	kill(proc_pid(s->proc), SIGKILL);
	plane_until(s->state == SLOT_WAITING);
	ck_assert_uint_ge(s->due_ns, before + 5 * SECOND);
	/* The other accepts from its sockets. */
	ck_assert(s->lent);
	plane_close();
}
END_TEST

START_TEST(stuck_in_a_plugin)
{
	struct slot *s = serve(1, PLANE_FAULTS);
	int fd;

	said_begin();
	plane_still = true;
	fd = plane_ask("/faults/loop");
	plane_until(s->slab.header->running.plugin != 0);
	supervisor_tick(s, clock_mono_ns() + SECOND, false);
	ck_assert(!s->killed);
	/* Whoever was late itself does not know. */
	supervisor_tick(s, clock_mono_ns() + 3 * SECOND, true);
	ck_assert(!s->killed);
	supervisor_tick(s, clock_mono_ns() + 3 * SECOND, false);
	ck_assert(s->killed);
	ck_said("\"message\":\"worker stuck in plugin code: killed\"");
	ck_said("\"plugin\":\"faults\",\"version\":\"1.2\",\"hook\":\"on_request\","
		"\"route\":\"/faults/*\"");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	ck_assert_uint_eq(plane.quarantine.files[0].crashes, 1);
	close(fd);
	plane_close();
}
END_TEST

START_TEST(without_a_heartbeat)
{
	struct slot *s = serve(1, "\"routes\": []");
	uint64_t beat;

	said_begin();
	plane_still = true;
	kill(proc_pid(s->proc), SIGSTOP);
	beat = s->slab.header->heartbeat_ns;
	supervisor_tick(s, beat + 4 * SECOND, false);
	ck_assert(!s->slow);
	supervisor_tick(s, beat + 6 * SECOND, false);
	ck_assert(s->slow && !s->killed);
	ck_said("\"level\":\"warn\"");
	said_clear();
	/* It is said once. */
	supervisor_tick(s, beat + 7 * SECOND, false);
	ck_assert_str_eq(said(), "");
	supervisor_tick(s, beat + 1 * SECOND, false);
	ck_assert(!s->slow);
	supervisor_tick(s, beat + 31 * SECOND, true);
	ck_assert(!s->killed);
	supervisor_tick(s, beat + 31 * SECOND, false);
	ck_assert(s->killed);
	ck_said("worker without a heartbeat: killed");
	/* One that was killed is not looked at again. */
	said_clear();
	supervisor_tick(s, beat + 40 * SECOND, false);
	ck_assert_str_eq(said(), "");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	plane_close();
}
END_TEST

START_TEST(without_its_channel)
{
	struct slot *s = serve(1, "\"routes\": []");

	said_begin();
	plane_still = true;
	kill(proc_pid(s->proc), SIGSTOP);
	s->lost_ns = clock_mono_ns();
	supervisor_tick(s, s->lost_ns + 2 * SECOND, true);
	ck_assert(!s->killed);
	supervisor_tick(s, s->lost_ns + 2 * SECOND + 1, true);
	ck_assert(s->killed);
	ck_said("worker has closed its channel and does not end: killed");
	plane_until(s->restarts == 1 && s->state == SLOT_READY);
	ck_assert_uint_eq(s->lost_ns, 0);
	plane_close();
}
END_TEST

START_TEST(not_ready_in_time)
{
	struct slot *s = serve(1, "\"routes\": []");

	said_begin();
	plane_still = true;
	kill(proc_pid(s->proc), SIGKILL);
	plane_until(s->restarts == 1);
	ck_assert_int_eq(s->state, SLOT_STARTING);
	kill(proc_pid(s->proc), SIGSTOP);
	supervisor_tick(s, s->spawned_ns + 30 * SECOND, true);
	ck_assert(!s->killed);
	supervisor_tick(s, s->spawned_ns + 30 * SECOND + 1, true);
	ck_assert(s->killed);
	ck_said("worker not ready in time: killed");
	plane_until(s->restarts == 2 || s->state == SLOT_WAITING);
	plane_close();
}
END_TEST

/* No descriptors are left for a new worker: it is tried again later. */
START_TEST(no_process_can_be_started)
{
	struct slot *s = serve(1, "\"routes\": []");
	struct rlimit all, none;
	struct error e = { "" };
	int pid = proc_pid(s->proc);

	said_begin();
	plane_still = true;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = (struct rlimit){ 3, all.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	kill(pid, SIGKILL);
	plane_until(s->state == SLOT_WAITING && !s->proc);
	ck_assert_int_eq(supervisor_spawn(s, &e), -1);
	ck_assert_int_eq(strncmp(e.text, "cannot start a worker: ", 23), 0);
	ck_assert_ptr_null(s->proc);
	supervisor_tick(s, s->due_ns, false);
	ck_assert_int_eq(s->state, SLOT_WAITING);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	ck_said("worker not replaced yet");
	supervisor_tick(s, s->due_ns, false);
	plane_until(s->state == SLOT_READY);
	plane_close();
}
END_TEST

START_TEST(not_replaced_while_it_drains)
{
	struct slot *s = serve(2, "\"routes\": []");
	int pid = proc_pid(s->proc), other = proc_pid(s[1].proc);

	said_begin();
	kill(pid, SIGSTOP);
	kill(other, SIGSTOP);
	generation_drain(plane.current, 60000, 60000, false);
	kill(pid, SIGKILL);
	plane_until(s->state == SLOT_ENDED);
	ck_assert_ptr_null(s->proc);
	ck_assert_uint_eq(s->restarts, 0);
	ck_said("\"how\":\"SIGKILL\"");
	kill(other, SIGKILL);
	plane_close();
}
END_TEST

PLANE_SUITE("supervisor", another_takes_its_place, killed_from_outside,
	    a_plugin_that_ends_the_process, quarantine, it_waits_before_the_next,
	    it_waits_longer_while_others_serve, stuck_in_a_plugin, without_a_heartbeat,
	    without_its_channel, not_ready_in_time, no_process_can_be_started,
	    not_replaced_while_it_drains)
