/* SPDX-License-Identifier: Apache-2.0 */
/* control/channel.c: messages whole and in order, and an end for whoever breaks the format. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "control/channel.h"
#include "suite.h"

static uv_loop_t loop;
static struct channel channel;
static int other; /* the far end, blocking */
static int messages, ends;
static json_int_t last;
static size_t longest;
static bool close_at_first;

static void on_message(struct channel *c, const json_t *message, void *arg)
{
	const char *text;

	ck_assert_ptr_eq(arg, &messages);
	if (!message) {
		ends++;
		return;
	}
	messages++;
	last = json_integer_value(json_object_get(message, "n"));
	text = json_string_value(json_object_get(message, "text"));
	if (text && strlen(text) > longest)
		longest = strlen(text);
	if (close_at_first)
		channel_close(c, NULL);
}

static void setup(void)
{
	int pair[2];

	log_init(LOG_ERROR + 1, true, "test");
	signal(SIGPIPE, SIG_IGN); /* as both processes do */
	messages = ends = 0;
	longest = 0;
	close_at_first = false;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(channel_open(&channel, &loop, pair[0], on_message, &messages), 0);
	other = pair[1];
}

static void teardown(void)
{
	if (other >= 0)
		close(other);
	if (!channel.closing)
		channel_close(&channel, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void far(const char *text)
{
	ck_assert_int_eq(write(other, text, strlen(text)), (ssize_t)strlen(text));
}

static void turn(void)
{
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

START_TEST(test_lines_in_any_pieces)
{
	setup();
	far("{\"n\":1}\n{\"n\":2}\n{\"n\"");
	turn();
	ck_assert_int_eq(messages, 2);
	for (const char *p = ":3}\n"; *p; p++) {
		ck_assert_int_eq(write(other, p, 1), 1);
		turn();
	}
	ck_assert_int_eq(messages, 3);
	ck_assert_int_eq(last, 3);
	ck_assert_int_eq(ends, 0);
	teardown();
}
END_TEST

START_TEST(test_end_of_file_is_told_once)
{
	setup();
	far("{\"n\":1}\n");
	close(other);
	other = -1;
	turn();
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(ends, 1);
	teardown();
	ck_assert_int_eq(ends, 1);
}
END_TEST

START_TEST(test_bad_lines_end_it)
{
	static const char *const bad[] = { "nonsense\n", "[1]\n", "\n", "{\"a\":1,\"a\":2}\n",
					   "{\"n\":1}{\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup();
		far(bad[i]);
		far("{\"n\":2}\n");
		turn();
		ck_assert_msg(ends == 1 && messages == 0, "%s", bad[i]);
		teardown();
	}
}
END_TEST

START_TEST(test_endless_line_ends_it)
{
	static char block[1024 * 1024];

	setup();
	memset(block, ' ', sizeof(block));
	ck_assert_int_eq(uv_stream_set_blocking((uv_stream_t *)&channel.pipe, 0), 0);
	for (int i = 0; i < 40 && !ends; i++)
		for (size_t sent = 0; sent < sizeof(block) && !ends;) {
			ssize_t n = send(other, block + sent, sizeof(block) - sent, MSG_DONTWAIT);

			sent += n > 0 ? (size_t)n : 0;
			turn();
		}
	ck_assert_int_eq(ends, 1);
	ck_assert_uint_le(channel.cap, 4 * (size_t)CHANNEL_LINE_MAX);
	teardown();
}
END_TEST

START_TEST(test_closing_inside_a_message)
{
	setup();
	close_at_first = true;
	far("{\"n\":1}\n{\"n\":2}\n");
	turn();
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(ends, 0);
	teardown();
}
END_TEST

START_TEST(test_send_arrives_before_close)
{
	char text[65536], got[65536];
	size_t n = 0;

	setup();
	memset(text, 'x', sizeof(text) - 1);
	text[40000] = '\0';
	json_t *message = json_pack("{s:s}", "text", text);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(channel_send(&channel, message), 0);
	json_decref(message);
	channel_close(&channel, NULL);
	ck_assert_int_eq(channel_send(&channel, NULL), UV_ECANCELED);
	for (;;) {
		turn();
		ssize_t r = recv(other, got, sizeof(got), MSG_DONTWAIT);
		if (r == 0)
			break;
		n += r > 0 ? (size_t)r : 0;
	}
	ck_assert_uint_eq(n, 50 * (40000 + strlen("{\"text\":\"\"}\n")));
	teardown();
}
END_TEST

START_TEST(test_queue_is_bounded)
{
	size_t size = 8 * 1024 * 1024;
	int rc = 0, sent = 0;

	setup();
	char *text = xcalloc(1, size + 1);
	memset(text, 'x', size);
	json_t *message = json_pack("{s:s}", "text", text);
	while (sent < 100 && (rc = channel_send(&channel, message)) == 0)
		sent++;
	ck_assert_int_eq(rc, UV_ENOBUFS);
	ck_assert_int_lt(sent, 10);
	json_decref(message);
	free(text);
	teardown();
}
END_TEST

START_TEST(test_drain_reads_last_words)
{
	setup();
	far("{\"n\":1}\n{\"n\":2}\n");
	channel_drain(&channel);
	ck_assert_int_eq(messages, 2);
	channel_drain(&channel);
	ck_assert_int_eq(ends, 0);
	teardown();
}
END_TEST

START_TEST(test_bad_descriptor)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_lt(channel_open(&channel, &loop, -1, on_message, &messages), 0);
	other = -1;
	teardown();
}
END_TEST

int main(void)
{
	return SUITE("channel", test_lines_in_any_pieces, test_end_of_file_is_told_once,
		     test_bad_lines_end_it, test_endless_line_ends_it,
		     test_closing_inside_a_message, test_send_arrives_before_close,
		     test_queue_is_bounded, test_drain_reads_last_words, test_bad_descriptor);
}
