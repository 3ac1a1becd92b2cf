/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_status.c: what /status and /readyz are made of, from the start to the end. */
#include <jansson.h>

#include "config.h"
#include "control/admin_pages.h"
#include "plane.h"
#include "said.h"

/* The value at "a/0/b" of an object; it is there. */
static const json_t *at(const json_t *json, const char *path)
{
	char copy[128], *rest, *word;

	snprintf(copy, sizeof(copy), "%s", path);
	for (word = strtok_r(copy, "/", &rest); word; word = strtok_r(NULL, "/", &rest)) {
		json = json_is_array(json) ? json_array_get(json, strtoul(word, NULL, 10)) :
					     json_object_get(json, word);
		ck_assert_msg(json != NULL, "no %s (%s)", path, word);
	}
	return json;
}

#define ck_text(json, path, expected) ck_assert_str_eq(json_string_value(at(json, path)), expected)
#define ck_number(json, path, expected)                                                            \
	ck_assert_int_eq(json_integer_value(at(json, path)), expected)
#define ck_is_null(json, path)         ck_assert(json_is_null(at(json, path)))
#define ck_items(json, path, expected) ck_assert_uint_eq(json_array_size(at(json, path)), expected)

/* The only text of an array, which is let go of. */
static void only(json_t *list, const char *expected)
{
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)), expected);
	json_decref(list);
}

static void nothing_in(json_t *list)
{
	ck_assert(json_is_array(list));
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
}

START_TEST(before_anything_serves)
{
	json_t *s;

	plane_open();
	only(admin_missing(&plane), "the workers are starting");
	nothing_in(admin_restored(&plane));
	s = admin_status(&plane);
	ck_text(s, "version", PACKAGE_VERSION);
	ck_number(s, "pid", getpid());
	ck_text(s, "state", "starting");
	ck_text(s, "config_file", scratch_path("gateway.json"));
	ck_text(s, "admin", "off");
	ck_is_null(s, "generation");
	ck_is_null(s, "config_hash");
	ck_is_null(s, "reloaded");
	ck_is_null(s, "consul");
	ck_items(s, "missing", 1);
	ck_items(s, "generations", 0);
	ck_items(s, "workers", 0);
	ck_items(s, "listen", 0);
	ck_items(s, "plugins", 0);
	ck_items(s, "dropins", 0);
	ck_items(s, "routes", 0);
	ck_items(s, "services", 0);
	json_decref(s);
	plane_close();
}
END_TEST

#define ROUTES                                                                                     \
	"\"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:1\"]}}, \"routes\": ["                 \
	"{\"path\": \"/faults/*\", \"plugin\": \"faults\", \"host\": \"a\","                       \
	" \"methods\": [\"GET\", \"POST\"], \"filters\": [{\"plugin\": \"lab_trace\"}]},"          \
	"{\"path\": \"/s\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"s\"}}]"

START_TEST(while_it_serves)
{
	const struct generation *g;
	char url[200];
	json_t *s;

	plane_open();
	plane_write(2, ROUTES);
	g = plane_serve();
	plane_until(json_array_size(at(s = admin_status(&plane), "missing")) == 0 ||
		    (json_decref(s), false));
	json_decref(s);
	plane_get("/faults/no");
	plane_get("/s");
	s = admin_status(&plane);
	ck_text(s, "state", "serving");
	ck_number(s, "generation", 1);
	ck_text(s, "config_hash", g->config_hash);
	snprintf(url, sizeof(url), "unix:%s", scratch_path("gw"));
	ck_text(s, "listen/0", url);
	ck_text(s, "generations/0/state", "live");
	ck_number(s, "generations/0/workers_ready", 2);
	ck_items(s, "workers", 2);
	ck_number(s, "workers/1/worker", 1);
	ck_number(s, "workers/1/pid", proc_pid(g->slots[1].proc));
	ck_text(s, "workers/0/state", "ready");
	ck_number(s, "workers/0/restarts", 0);
	ck_assert_int_eq(json_integer_value(at(s, "workers/0/requests")) +
				 json_integer_value(at(s, "workers/1/requests")),
			 2);
	ck_items(s, "plugins", 3);
	ck_text(s, "routes/0/path", "/faults/*");
	ck_text(s, "routes/0/host", "a");
	ck_text(s, "routes/0/methods/1", "POST");
	ck_text(s, "routes/0/plugin", "faults");
	ck_text(s, "routes/0/filters/0", "lab_trace");
	ck_assert(json_is_false(at(s, "routes/0/default")));
	ck_number(s, "routes/0/requests", 1);
	ck_number(s, "routes/0/answers_5xx", 0);
	ck_is_null(s, "routes/1/host");
	ck_items(s, "routes/1/methods", 0);
	ck_number(s, "routes/1/requests", 1);
	ck_number(s, "routes/1/answers_5xx", 1);
	ck_text(s, "services/0/name", "s");
	ck_assert(json_is_false(at(s, "consul/used")));
	json_decref(s);
	plane_close();
}
END_TEST

START_TEST(what_is_missing)
{
	struct generation *g;
	json_t *list;

	plane_open();
	/* Nobody listens there. */
	plane_write(2, "\"discovery\": {\"consul\": {\"address\": \"127.0.0.1:1\"}}, \"routes\": ["
		       "{\"path\": \"/s\", \"plugin\": \"lab_info\","
		       " \"config\": {\"service\": \"web\"}}]");
	g = plane_serve();
	plane_until(g->needs.count);
	only(admin_missing(&plane), "service web has not been answered for yet");
	nothing_in(admin_restored(&plane));
	g->slots[1].state = SLOT_WAITING;
	plane.stopping = true;
	list = admin_missing(&plane);
	ck_text(list, "0", "the gateway is draining");
	ck_text(list, "1", "worker 1 is waiting");
	json_decref(list);
	g->slots[1].state = SLOT_READY;
	list = admin_status(&plane);
	ck_text(list, "state", "draining");
	ck_assert(json_is_true(at(list, "consul/used")));
	json_decref(list);
	plane_close();
}
END_TEST

START_TEST(what_comes_from_the_snapshot)
{
	static const char snapshot[] =
		"{\"format\":\"gatehouse-discovery\",\"version\":1,\"written_ms\":1,\"consul\":{"
		"\"agent\":\"http://127.0.0.1:1\",\"unix_socket\":\"\",\"services\":[{"
		"\"service\":\"web\",\"read_by\":\"\\\"web\\\" - - 0 0: 0:\",\"seen\":true,"
		"\"confirmed_ms\":1000,\"instances\":[{\"id\":\"n/a\",\"host\":\"10.0.0.1\","
		"\"port\":80,\"weight\":2,\"status\":\"passing\",\"missing\":false,"
		"\"why\":\"passing\"}]}]}}";

	plane_open();
	scratch_write("known.json", snapshot);
	ck_assert_int_eq(chmod(scratch_path("known.json"), 0600), 0);
	plane_write(1, "\"discovery\": {\"snapshot\": \"known.json\", \"consul\": {\"address\":"
		       " \"127.0.0.1:1\"}}, \"routes\": [{\"path\": \"/s\", \"plugin\":"
		       " \"lab_info\", \"config\": {\"service\": \"web\"}}]");
	plane_serve();
	json_t *list;
	plane_until(json_array_size(list = admin_restored(&plane)) == 1 ||
		    (json_decref(list), false));
	only(list, "web");
	/* It is enough to serve by. */
	nothing_in(admin_missing(&plane));
	plane_close();
}
END_TEST

START_TEST(plugins_and_their_quarantine)
{
	json_t *s;

	plane_open();
	plane_write(1, PLANE_FAULTS);
	const struct slot *slot = &plane_serve()->slots[0];
	char *hash = strdup(json_string_value(at(slot->plugins, "0/hash")));
	s = admin_status(&plane);
	ck_text(s, "plugins/0/name", "faults");
	ck_text(s, "plugins/0/version", "1.2");
	ck_text(s, "plugins/0/hash", hash);
	ck_number(s, "plugins/0/crashes", 0);
	ck_is_null(s, "plugins/0/quarantined");
	json_decref(s);
	said_begin();
	plane_get("/faults/abort");
	plane_until(slot->restarts == 1 && slot->state == SLOT_READY);
	quarantine_hold(&plane.quarantine, "faults", hash, 1000000);
	s = admin_status(&plane);
	ck_number(s, "plugins/0/crashes", 1);
	ck_text(s, "plugins/0/quarantined", "1970-01-01T00:00:01.000000Z");
	ck_number(s, "workers/0/restarts", 1);
	json_decref(s);
	free(hash);
	plane_close();
}
END_TEST

START_TEST(after_a_reload)
{
	json_t *s;
	int fd;

	plane_open();
	plane_write(1, "\"routes\": []");
	plane_serve();
	/* The first generation stays for a connection that is idle. */
	fd = plane_connect("gw");
	plane_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	plane_receive(fd, "}");
	reload_ask(plane.reload, &(struct reload_request){ .who = "test" });
	plane_until(plane.reloads == 1);
	s = admin_status(&plane);
	ck_number(s, "reloads", 1);
	ck_number(s, "reloads_refused", 0);
	ck_assert(json_is_string(at(s, "reloaded")));
	ck_number(s, "generation", 2);
	ck_items(s, "generations", 2);
	ck_text(s, "generations/0/state", "draining");
	ck_text(s, "generations/1/state", "live");
	json_decref(s);
	close(fd);
	plane_close();
}
END_TEST

PLANE_SUITE("admin_status", before_anything_serves, while_it_serves, what_is_missing,
	    what_comes_from_the_snapshot, plugins_and_their_quarantine, after_a_reload)
