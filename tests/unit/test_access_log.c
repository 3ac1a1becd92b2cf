/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/access_log.c: one line of JSON for each request, and none lost without being counted. */
#include "proxy/access_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy_rig.h"

#define LINE(client) "{'time':'~','request_id':'~','client':'" client "','method':'GET',"

static struct rig_peer *client;

static void answered(const char *request, const char *answer)
{
	client = rig_connect();
	rig_send(client, request);
	rig_until(rig_accepted(0, 0)->got.n);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_send(rig_accepted(0, 0), answer);
	rig_until(client->got.n && !rig_conn()->x);
	buf_clear(&client->got);
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
}

START_TEST(test_members)
{
	rig_open("'access_log': '@log', " RIG_RELAY);
	answered(RIG_ASK("PUT", "/a/../b?q=1") "Content-Length: 5\r\n\r\nhello",
		 "HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok");
	rig_like(rig_log_text(),
		 "{'time':'~','request_id':'~','client':'127.0.0.1','method':'PUT','host':'h',"
		 "'path':'/b','route':'/*','plugin':'relay','service':'s','endpoint':'@0',"
		 "'status':201,'reason':'ok','bytes_in':5,'bytes_out':2,'duration_ms':~,"
		 "'upstream_ms':~}\n");
	/* The time is of the request's first byte, in UTC. */
	ck_assert_int_eq(rig_log_text()[9 + 10], 'T');
	rig_close();
}
END_TEST

/* What a client sends cannot break out of its member, nor out of its line. */
START_TEST(test_escaping)
{
	rig_open("'access_log': '@log', " RIG_RELAY);
	client = rig_connect();
	/* The path is not valid: what is logged is the target as it came. */
	rig_send(client, RIG_GET("/'\\</%2F{}"));
	rig_until(client->ended);
	buf_clear(&client->got);
	const char *line = rig_log_text();
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	json_t *json = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "path")), "/\"\\</%2F{}");
	ck_assert_str_eq(json_string_value(json_object_get(json, "reason")), "bad_path");
	ck_assert_str_eq(json_string_value(json_object_get(json, "why")),
			 "a character in the path that must be percent-encoded");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "status")), 400);
	json_decref(json);
	rig_close();
}
END_TEST

/* Without a route, a service or an answer the line has fewer members. */
START_TEST(test_absent_members)
{
	rig_open("'access_log': '@log', 'plugin_dir': '@lab', 'routes': [{'path': '/a', 'plugin': "
		 "'lab_info'}, {'path': '/drop', 'plugin': 'lab_info', 'filters': [{'plugin': "
		 "'lab_trace', 'config': {'at': 'request', 'act': 'drop'}}]}]");
	client = rig_connect();
	rig_send(client, "GET /x HTTP/1.0\r\n\r\n");
	rig_until(client->ended);
	size_t n = client->got.n;
	buf_clear(&client->got);
	ck_assert_uint_gt(n, 0);
	client = rig_connect();
	rig_send(client, RIG_GET("/drop"));
	rig_ended(client);
	rig_like(rig_log_text(),
		 LINE("127.0.0.1") "'host':'','path':'/x','status':404,'reason':'no_route',"
				   "'bytes_in':0,'bytes_out':~,'duration_ms':~}\n" LINE(
					   "127.0.0.1") "'host':'h','path':'/drop','route':'/drop',"
							"'plugin':'lab_info','status':0,'reason':"
							"'plugin_dropped','bytes_in':0,"
							"'bytes_out':0,'duration_ms':~}\n");
	rig_close();
}
END_TEST

/* A connection that ended in the middle of a head was a request, if only half of one. */
START_TEST(test_half_a_head)
{
	rig_open("'access_log': '@log', " RIG_RELAY);
	client = rig_connect();
	rig_send(client, "GET /half HT");
	rig_until(rig_conn()->x);
	rig_end(client);
	rig_ended(client);
	ck_assert_ptr_nonnull(strstr(rig_log_text(), "\"status\":0,\"reason\":\"client_gone\""));
	/* One that ended before its first byte was none. */
	client = rig_connect();
	rig_end(client);
	rig_ended(client);
	ck_assert_ptr_eq(strchr(rig_log_text(), '\n'), rig_log_text() + strlen(rig_log_text()) - 1);
	ck_assert_uint_eq(rig.slab.header->requests, 1);
	rig_close();
}
END_TEST

static off_t log_size(void)
{
	struct stat st;
	return stat(rig.log, &st) ? -1 : st.st_size;
}

/* Nobody needs to flush: lines are written after a while, those of many requests together. */
START_TEST(test_flushes_by_itself)
{
	rig_open("'access_log': '@log', " RIG_RELAY);
	answered(RIG_GET("/"), "HTTP/1.1 204 No Content\r\n\r\n");
	off_t one = (off_t)rig.proxy.log.filling.n;
	answered(RIG_GET("/"), "HTTP/1.1 204 No Content\r\n\r\n");
	rig_until(log_size() > one);
	ck_assert_uint_eq(rig.proxy.log.filling.n, 0);
	rig_close();
}
END_TEST

/* A file is added to; what is still held is written before it is closed. */
START_TEST(test_appends_and_closes)
{
	char text[64] = "";

	rig_open("'access_log': '@log', " RIG_RELAY);
	ck_assert_str_eq(rig_log_text(), "");
	int fd = open(rig.log, O_RDWR | O_APPEND);
	ck_assert_int_eq(write(fd, "before\n", 7), 7);
	answered(RIG_GET("/"), "HTTP/1.1 204 No Content\r\n\r\n");
	rig_close();
	ck_assert_int_eq(pread(fd, text, 14, 0), 14);
	ck_assert_str_eq(text, "before\n{\"time\"");
	close(fd);
}
END_TEST

START_TEST(test_opens)
{
	struct access_log log;
	struct error e = { "" };
	uint64_t dropped = 0;
	uv_loop_t loop;

	uv_loop_init(&loop);
	ck_assert_int_eq(access_log_open(&log, &loop, "/nonexistent/log", &dropped, &e), -1);
	ck_assert_str_eq(e.text, "access_log: cannot open /nonexistent/log: "
				 "No such file or directory");
	access_log_close(&log);
	ck_assert_int_eq(access_log_open(&log, &loop, "off", &dropped, &e), 0);
	ck_assert(!log.on);
	access_log_flush(&log);
	access_log_close(&log);
	/* Standard output has a descriptor of its own, and stays open. */
	ck_assert_int_eq(access_log_open(&log, &loop, "stdout", &dropped, &e), 0);
	ck_assert(log.on);
	ck_assert_int_ge(log.fd, 3);
	access_log_close(&log);
	ck_assert_int_ge(fcntl(STDOUT_FILENO, F_GETFD), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

/* A disk that is full takes nothing: lines are lost, and counted. */
START_TEST(test_full_disk)
{
	rig_open("'access_log': '/dev/full', " RIG_RELAY);
	for (int i = 0; i < 3; i++)
		answered(RIG_GET("/"), "HTTP/1.1 204 No Content\r\n\r\n");
	access_log_flush(&rig.proxy.log);
	rig_until(rig.slab.header->access_log_dropped == 3);
	answered(RIG_GET("/"), "HTTP/1.1 204 No Content\r\n\r\n");
	access_log_close(&rig.proxy.log);
	ck_assert_uint_eq(rig.slab.header->access_log_dropped, 4);
	rig_close();
}
END_TEST

/* A reader that does not read: two batches are held, no more, and nothing waits for it. */
START_TEST(test_slow_reader)
{
	int ends[2];
	char path[64];
	struct error e = { "" };
	uint64_t *dropped;

	rig_open(RIG_RELAY);
	dropped = &rig.slab.header->access_log_dropped;
	ck_assert_int_eq(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	ck_assert_int_eq(access_log_open(&rig.proxy.log, &rig.loop, path, dropped, &e), 0);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	rig_until(rig_accepted(0, 0)->got.n);
	const struct exchange *x = rig_conn()->x;
	uint64_t added = 0;
	while (*dropped == 0) {
		access_log_add(&rig.proxy.log, x, added);
		ck_assert_uint_lt(++added, 100000);
	}
	ck_assert(rig.proxy.log.busy);
	ck_assert_uint_le(rig.proxy.log.filling.n, ACCESS_LOG_BATCH);
	/* Read at last, every line that was not counted comes, whole. */
	uint64_t lines = 0;
	char *text = malloc(ACCESS_LOG_BATCH);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	uint64_t limit = rig_limit();
	while (lines < added - *dropped) {
		ssize_t n = read(ends[0], text, ACCESS_LOG_BATCH);
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
		access_log_flush(&rig.proxy.log);
		rig_turn(limit, "all lines");
	}
	ck_assert_uint_eq(lines, added - *dropped);
	free(text);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	rig_close();
	close(ends[0]);
	close(ends[1]);
}
END_TEST

int main(void)
{
	return SUITE("access_log", test_members, test_escaping, test_absent_members,
		     test_half_a_head, test_flushes_by_itself, test_appends_and_closes, test_opens,
		     test_full_disk, test_slow_reader);
}
