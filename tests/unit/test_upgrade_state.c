/* SPDX-License-Identifier: Apache-2.0 */
/* control/upgrade_state.c and takeover.c: what one gateway hands on is what the other finds. */
#include "control/upgrade_state.h"

#include <sys/wait.h>

#include "config/gateway.h"
#include "control/takeover.h"
#include "plane.h"

static bool words_have(const char *const *words, const char *flag, const char *value)
{
	for (; *words; words++)
		if (strcmp(*words, flag) == 0)
			return words[1] && strcmp(words[1], value) == 0;
	return false;
}

START_TEST(words)
{
	struct control c = { .options = { .file = "/f", .log_level = -1, .log_format = -1 } };
	const char *w[UPGRADE_WORDS_MAX];

	upgrade_words(&c, w);
	ck_assert_str_eq(w[1], "run");
	ck_assert(words_have(w, "-c", "/f"));
	ck_assert_ptr_null(w[4]);
	c.options = (struct control_options){ .file = "/f",
					      .consul_key = "k",
					      .user = "u:g",
					      .pid_file = "/p",
					      .log_level = LOG_WARN,
					      .log_format = CONFIG_LOG_TEXT };
	upgrade_words(&c, w);
	ck_assert(words_have(w, "--consul-kv", "k") && words_have(w, "--user", "u:g"));
	ck_assert(words_have(w, "--pid-file", "/p") && words_have(w, "--log-level", "warn"));
	ck_assert(words_have(w, "--log-format", "text"));
}
END_TEST

/* A condition in a child: its status is the line. */
#define require(condition) ((condition) ? (void)0 : _exit(__LINE__ % 255 + 1))

/* The new gateway, in a child: with the descriptors as control/takeover.h says. */
static void take_over(const struct upgrade_state *s, int channel)
{
	static struct control c;
	struct config_listen l = { .text = "unix", .path = scratch_path("gw") };
	char key[PATH_MAX];
	size_t at = 0;
	int state = fcntl(s->fd, F_DUPFD, 100), fd = fcntl(channel, F_DUPFD, 100);
	int sockets[8];

	for (size_t i = 0; i < s->socket_count; i++)
		sockets[i] = fcntl(s->sockets[i], F_DUPFD, 100);
	require(dup2(fd, TAKEOVER_FD_CHANNEL) >= 0 && dup2(state, TAKEOVER_FD_STATE) >= 0);
	for (size_t i = 0; i < s->socket_count; i++)
		require(dup2(sockets[i], TAKEOVER_FD_SOCKETS + (int)i) >= 0);
	setenv("GATEHOUSE_UPGRADE", "1", 1);
	takeover_read(&c.takeover, &c);
	require(c.takeover.on && !getenv("GATEHOUSE_UPGRADE"));
	require(c.last_number == 1 && c.passed.count == 1);
	snprintf(key, sizeof(key), "unix:%s", l.path);
	const struct passed *p = passed_find(&c.passed, &l, key, &at);
	require(p && p->ours && p->fd == TAKEOVER_FD_SOCKETS);
	require(quarantine_find(&c.quarantine, "bad", "00aa") &&
		quarantine_find(&c.quarantine, "bad", "00aa")->held);
	require(!takeover_text(&c.takeover).p);
	/* It does not start: the reasons are all that the other hears. */
	takeover_note(&c.takeover, "this is why");
	takeover_close(&c.takeover);
	require(!c.takeover.on);
	_exit(0);
}

START_TEST(what_is_handed_on)
{
	struct upgrade_state s;
	char said[128] = "";
	int pair[2], status = -1;

	plane_write(1, "\"routes\": []");
	plane_open();
	plane_serve();
	quarantine_hold(&plane.quarantine, "bad", "00aa", 1);
	ck_assert_int_eq(upgrade_state_make(&plane, &s), 0);
	ck_assert_uint_eq(s.socket_count, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid_t child = fork();
	if (child == 0)
		take_over(&s, pair[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status >> 8, 0);
	ck_assert_int_gt(recv(pair[0], said, sizeof(said) - 1, MSG_DONTWAIT), 0);
	ck_assert_str_eq(said, "{\"type\":\"failed\",\"errors\":[\"this is why\"]}\n");
	close(pair[0]);
	close(pair[1]);
	upgrade_state_fini(&s);
	plane_close();
}
END_TEST

START_TEST(nobody_hands_anything_over)
{
	struct control c = { .last_number = 7 };

	takeover_read(&c.takeover, &c);
	ck_assert(!c.takeover.on && c.last_number == 7);
	ck_assert_ptr_null(takeover_services(&c.takeover));
	takeover_note(&c.takeover, "to nobody");
	takeover_ready(&c.takeover);
	takeover_close(&c.takeover);
}
END_TEST

PLANE_SUITE("upgrade_state", words, what_is_handed_on, nobody_hands_anything_over)
