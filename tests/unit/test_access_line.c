/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/access_line.c: the members of a line; what is formatted once is right each time. */
#include "proxy/access_line.h"

#include "proxy_rig.h"

static struct rig_peer *client;

/* One request over one connection, answered by that service. */
static void relayed(const char *path, unsigned service)
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	client = rig_connect();
	rig_send(client, request);
	rig_until(rig_accepted(service, 0)->got.n);
	buf_clear(&rig_accepted(service, 0)->got);
	rig_send(rig_accepted(service, 0), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_until(client->got.n && !rig_conn()->x);
	buf_clear(&client->got);
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
}

#define TARGET(path, route) "'path':'" path "','route':'" route "','plugin':'relay',"
#define LINE(path, route)                                                                          \
	"{'time':'~','request_id':'~','client':'127.0.0.1','method':'GET','host':'h'," TARGET(     \
		path, route) "'service':'s','endpoint':'@0','status':200,'reason':'ok',"           \
			     "'bytes_in':0,'bytes_out':0,'duration_ms':~,'upstream_ms':~}\n"

START_TEST(test_kept_members)
{
	rig_open("'access_log': '@log', 'plugin_dir': '@plugins', "
		 "'services': {'s': {'endpoints': ['@0']}}, "
		 "'routes': [{'path': '/a/*', 'plugin': 'relay', 'config': {'service': 's'}},"
		 "{'path': '/b/*', 'plugin': 'relay', 'config': {'service': 's'}}]");
	relayed("/a/1", 0);
	relayed("/b/2", 0);
	relayed("/a/3", 0);
	rig_like(rig_log_text(), LINE("/a/1", "/a/*") LINE("/b/2", "/b/*") LINE("/a/3", "/a/*"));
	rig_close();
}
END_TEST

/* Every byte of the path takes two in the line. */
START_TEST(test_room)
{
	static char request[8192];
	char quotes[4097] = { 0 };

	rig_open("'access_log': '@log', 'limits': {'uri': 8192}, " RIG_RELAY);
	memset(quotes, '"', sizeof(quotes) - 1);
	snprintf(request, sizeof(request), "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", quotes);
	client = rig_connect();
	rig_send(client, request);
	rig_until(client->ended);
	buf_clear(&client->got);
	json_t *line = json_loads(rig_log_text(), 0, NULL);
	ck_assert_ptr_nonnull(line);
	const char *path = json_string_value(json_object_get(line, "path"));
	ck_assert_uint_eq(strlen(path), sizeof(quotes));
	ck_assert_str_eq(path + 1, quotes);
	json_decref(line);
	rig_close();
}
END_TEST

/* The longest target there may be: six times as much would be more than a batch can hold. */
START_TEST(test_longest)
{
	enum { LONGEST = 64 * 1024 };
	char *request = malloc(LONGEST + 64), *path = malloc(LONGEST + 1);

	rig_open("'access_log': '@log', 'limits': {'uri': '64KiB', 'head': '256KiB'}, 'routes': "
		 "[{'path': '/never', 'plugin': 'relay', 'config': {'service': 's'}}], "
		 "'plugin_dir': '@plugins', 'services': {'s': {'endpoints': ['@0']}}");
	memset(path, 'a', LONGEST);
	path[0] = '/';
	path[LONGEST] = '\0';
	sprintf(request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	client = rig_connect();
	rig_send_bytes(client, request, strlen(request));
	rig_until(client->got.n);
	buf_clear(&client->got);
	json_t *line = json_loads(rig_log_text(), 0, NULL);
	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(json_string_value(json_object_get(line, "path")), path);
	ck_assert_uint_eq(rig.proxy.stats->access_log_dropped, 0);
	json_decref(line);
	rig_close();
	free(request);
	free(path);
}
END_TEST

int main(void)
{
	return SUITE("access_line", test_kept_members, test_room, test_longest);
}
