/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "config_text.h"
#include "metrics/slab.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "suite.h"

static struct proxy proxy;
static struct slab slab;
static struct gateway_config *config;
static struct config_errors errors;

/* A configuration with these routes, one a line from line 2 on. */
static void load(const char *routes)
{
	const char *dir = getenv("TEST_PLUGIN_DIR");
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\"127.0.0.1:1\"], \"plugin_dir\": \"%s\", \"routes\": [\n%s]}",
		 dir ? dir : "tests/plugins", routes);
	struct str s = str_from(text);
	config = gateway_config_load("f", &s, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
}

static const json_t *held;

static int open_set(bool with_load)
{
	struct error e;

	if (with_load) {
		ck_assert_int_eq(slab_create(&slab, 0, 1, 4, 4, &e), 0);
		proxy.slab = &slab;
	}
	struct plugin_opening how = { .host = host_table(&proxy),
				      .running = with_load ? &slab.header->running : NULL,
				      .held = held,
				      .load = with_load };
	return plugin_set_open(&proxy.plugins, config, &how, &errors);
}

static void close_set(void)
{
	plugin_set_close(&proxy.plugins);
	if (proxy.slab)
		slab_close(&slab);
	memset(&proxy, 0, sizeof(proxy));
	gateway_config_free(config);
	config = NULL;
}

#define USE(plugin, name) "{\"plugin\": \"" plugin "\", \"config\": {\"name\": \"" name "\"}}"

START_TEST(lists_by_hook)
{
	load("{\"path\": \"/\", \"plugin\": \"lab_info\", \"filters\": [" USE(
		"lab_trace", "a") ", "
				  "{\"plugin\": \"lab_body\"}, " USE(
					  "lab_trace",
					  "b") "]},\n"
					       "{\"path\": \"/x\", \"plugin\": \"lab_stream\"}");
	ck_assert_int_eq(open_set(false), 0);
	const struct plugin_chain *c = proxy.plugins.chains[0];
	ck_assert_uint_eq(c->use_count, 4);
	ck_assert_uint_eq(c->count[CHAIN_ON_REQUEST], 3);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_REQUEST, 0)->slot, 0);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_REQUEST, 1)->slot, 2);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_REQUEST, 2)->slot, 3);
	ck_assert_uint_eq(c->count[CHAIN_ON_REQUEST_BODY], 3);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_REQUEST_BODY, 1)->slot, 1);
	/* The response goes back the other way. */
	ck_assert_uint_eq(c->count[CHAIN_ON_RESPONSE], 2);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_RESPONSE, 0)->slot, 2);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_RESPONSE, 1)->slot, 0);
	ck_assert_uint_eq(chain_use(c, CHAIN_ON_RESPONSE_BODY, 0)->slot, 2);
	ck_assert_uint_eq(c->count[CHAIN_ON_END], 3);
	/* A plugin that is used twice is loaded once. */
	ck_assert_uint_eq(proxy.plugins.image_count, 4);
	ck_assert_ptr_eq(c->uses[0].image, c->uses[2].image);
	ck_assert_ptr_ne(c->uses[0].options, c->uses[2].options);
	ck_assert_str_eq(c->uses[2].state, "state-of-b");
	ck_assert_uint_eq(proxy.plugins.chains[1]->count[CHAIN_ON_END], 0);
	ck_assert_uint_eq(proxy.plugins.chains[1]->uses[0].route, 1);
	close_set();
}
END_TEST

/* What a chain of one plugin needs is in the chain, which is where it was asked for. */
START_TEST(chains_of_one)
{
	static struct plugin_chain places[3];
	void *rooms[3] = { &places[2], &places[1], &places[0] };
	struct plugin_opening how = { .host = host_table(&proxy), .rooms = rooms };

	load("{\"path\": \"/\", \"plugin\": \"lab_trace\"},\n"
	     "{\"path\": \"/x\", \"plugin\": \"lab_options\"},\n"
	     "{\"path\": \"/y\", \"plugin\": \"lab_trace\", "
	     "\"filters\": [{\"plugin\": \"lab_body\"}]}");
	ck_assert_int_eq(plugin_set_open(&proxy.plugins, config, &how, &errors), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(proxy.plugins.chains[i], rooms[i]);
	const struct plugin_chain *one = rooms[0], *large = rooms[1], *two = rooms[2];
	ck_assert_ptr_eq(one->uses, &one->only);
	ck_assert_ptr_eq(one->only.options, one->options);
	ck_assert_ptr_eq(chain_use(one, CHAIN_ON_REQUEST, 0), &one->only);
	/* Its options are more than there is room for. */
	ck_assert_ptr_eq(large->uses, &large->only);
	ck_assert_ptr_ne(large->only.options, large->options);
	ck_assert_ptr_ne(two->uses, &two->only);
	ck_assert_ptr_null(two->only.image);
	close_set();
}
END_TEST

START_TEST(services_once_each)
{
	load("{\"path\": \"/\", \"plugin\": \"lab_options\"},\n"
	     "{\"path\": \"/x\", \"plugin\": \"lab_options\"},\n"
	     "{\"path\": \"/y\", \"plugin\": \"lab_options\", \"config\": {\"service\": \"s\"}},\n"
	     "{\"path\": \"/z\", \"plugin\": \"lab_info\"}");
	ck_assert_int_eq(open_set(false), 0);
	ck_assert_uint_eq(proxy.plugins.service_count, 2);
	ck_assert_str_eq(proxy.plugins.services[0], "lab-service");
	ck_assert_str_eq(proxy.plugins.services[1], "s");
	ck_assert_uint_eq(proxy.plugins.chains[2]->uses[0].service_count, 1);
	ck_assert_uint_eq(proxy.plugins.chains[3]->uses[0].service_count, 0);
	close_set();
}
END_TEST

START_TEST(all_errors_with_their_places)
{
	load("{\"path\": \"/1\", \"plugin\": \"lab_inof\"},\n"
	     "{\"path\": \"/2\", \"plugin\": \"refuse_version\"},\n"
	     "{\"path\": \"/3\", \"plugin\": \"lab_info\", \"config\": {\"rewrit\": 1}},\n"
	     "{\"path\": \"/4\", \"plugin\": \"lab_info\", \"filters\": ["
	     "{\"plugin\": \"lab_async\"}]}");
	ck_assert_int_eq(open_set(false), -1);
	ck_assert_uint_eq(errors.count, 4);
	config_errors_sort(&errors);
	ck_assert_str_eq(errors.items[0].pointer, "/routes/0/plugin");
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "(did you mean \"lab_info\"?)"));
	ck_assert_uint_eq(errors.items[0].line, 2);
	ck_assert_str_eq(errors.items[1].pointer, "/routes/1/plugin");
	ck_assert_uint_eq(errors.items[1].line, 3);
	ck_assert_str_eq(errors.items[2].pointer, "/routes/2/config/rewrit");
	ck_assert_uint_eq(errors.items[2].line, 4);
	ck_assert_ptr_nonnull(strstr(errors.items[3].pointer, "/routes/3/filters/0"));
	ck_assert_uint_eq(errors.items[3].line, 5);
	config_errors_fini(&errors);
	close_set();
}
END_TEST

/* A name that is in the folder is not "missing", and never the better spelling of itself. */
START_TEST(links_that_lead_nowhere)
{
	char dir[] = "/tmp/test_chain.XXXXXX", dangling[64], loop[64], text[512], want[512];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(dangling, sizeof(dangling), "%s/dangling.so", dir);
	snprintf(loop, sizeof(loop), "%s/loop.so", dir);
	ck_assert_int_eq(symlink("/nonexistent/x.so", dangling), 0);
	ck_assert_int_eq(symlink("loop.so", loop), 0);
	snprintf(text, sizeof(text),
		 "{\"listen\": [\"127.0.0.1:1\"], \"plugin_dir\": \"%s\", \"routes\": [\n"
		 "{\"path\": \"/1\", \"plugin\": \"dangling\"},\n"
		 "{\"path\": \"/2\", \"plugin\": \"loop\"}]}",
		 dir);
	struct str s = str_from(text);
	config = gateway_config_load("f", &s, &errors);
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(open_set(false), -1);
	snprintf(want, sizeof(want),
		 "f:2:26: /routes/0/plugin: %s: is a link to a file that is not there\n"
		 "f:3:26: /routes/1/plugin: %s: Too many levels of symbolic links\n",
		 dangling, loop);
	ck_errors(&errors, want);
	close_set();
	unlink(dangling);
	unlink(loop);
	rmdir(dir);
}
END_TEST

START_TEST(errors_of_route_open)
{
	load("{\"path\": \"/1\", \"plugin\": \"lab_options\",\"config\": "
	     "{\"text\": \"refuse\"}},\n"
	     "{\"path\": \"/2\", \"plugin\": \"lab_options\",\"config\": "
	     "{\"text\": \"silent\"}},\n"
	     "{\"path\": \"/3\", \"plugin\": \"lab_options\"}");
	ck_assert_int_eq(open_set(false), -1);
	ck_errors(&errors, "f:2:59: /routes/0/config/text: cannot be \"refuse\"\n"
			   "f:3:50: /routes/1/config: the plugin refused these options\n");
	ck_assert(!proxy.plugins.chains[0]->uses[0].opened);
	ck_assert(proxy.plugins.chains[2]->uses[0].opened);
	/* Once all is open nobody reports any more. */
	plugin_set_config_error(&proxy.plugins.chains[2]->uses[0], "/text", "too late");
	ck_assert_uint_eq(errors.count, 0);
	close_set();
}
END_TEST

START_TEST(load_hooks)
{
	load("{\"path\": \"/\", \"plugin\": \"lab_trace\"}");
	ck_assert_int_eq(open_set(true), 0);
	ck_assert(proxy.plugins.images[0]->loaded);
	ck_assert_uint_eq(slab_plugin_metric_count(&slab), 1);
	ck_assert_str_eq(slab.plugin_metrics[0].plugin, "lab_trace");
	ck_assert_str_eq(slab.plugin_metrics[0].name, "trace_ends");
	ck_assert_uint_eq(slab.header->running.plugin, 0);
	ck_assert_ptr_null(plugin_set_running(&proxy.plugins));
	/* Who runs is there to be read after a crash. */
	static const char id[SLAB_REQUEST_ID] = "an-id";
	plugin_enter(&proxy.plugins, &proxy.plugins.chains[0]->uses[0], HOOK_ON_UPSTREAM, id, 7);
	ck_assert_uint_eq(slab.header->running.since_ns, 7);
	ck_assert_uint_eq(slab.header->running.plugin, 1);
	ck_assert_uint_eq(slab.header->running.hook, HOOK_ON_UPSTREAM);
	ck_assert_str_eq(slab.header->running.request_id, "an-id");
	ck_assert_str_eq(plugin_set_running(&proxy.plugins), "lab_trace");
	plugin_leave(&proxy.plugins);
	ck_assert_uint_eq(slab.header->running.plugin, 0);
	close_set();
}
END_TEST

/* Without a slab there are no counters, and this plugin then refuses to load. */
START_TEST(load_refuses)
{
	load("{\"path\": \"/\", \"plugin\": \"lab_trace\"}");
	struct plugin_opening how = { .host = host_table(&proxy), .load = true };
	ck_assert_int_eq(plugin_set_open(&proxy.plugins, config, &how, &errors), -1);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "plugin \"lab_trace\" refused to load"));
	ck_assert(!proxy.plugins.images[0]->loaded);
	config_errors_fini(&errors);
	close_set();
}
END_TEST

static const char held_routes[] =
	"{\"path\": \"/a\", \"plugin\": \"lab_trace\"}, {\"path\": \"/b\", \"plugin\": "
	"\"lab_info\"}, {\"path\": \"/c\", \"plugin\": \"lab_info\", \"filters\": [\"lab_trace\"]}";

/* Held from the start its code is not there; held later its routes are marked, and free again. */
START_TEST(held_plugins)
{
	json_t *list, *none = json_array();

	load(held_routes);
	ck_assert_int_eq(open_set(true), 0);
	list = json_pack("[{s:s, s:s}]", "name", "lab_trace", "hash",
			 proxy.plugins.images[0]->hash);
	ck_assert(!proxy.plugins.chains[0]->held);
	plugin_set_hold(&proxy.plugins, list);
	ck_assert(proxy.plugins.chains[0]->held && !proxy.plugins.chains[1]->held);
	ck_assert(proxy.plugins.chains[2]->held);
	plugin_set_hold(&proxy.plugins, none);
	ck_assert(!proxy.plugins.chains[0]->held && !proxy.plugins.chains[2]->held);
	close_set();

	load(held_routes);
	held = list;
	ck_assert_int_eq(open_set(true), 0);
	ck_assert(proxy.plugins.images[0]->absent && !proxy.plugins.images[1]->absent);
	ck_assert_str_eq(proxy.plugins.images[0]->hash,
			 json_string_value(json_object_get(json_array_get(list, 0), "hash")));
	ck_assert(proxy.plugins.chains[0]->held && !proxy.plugins.chains[1]->held);
	ck_assert_uint_eq(proxy.plugins.chains[2]->count[CHAIN_ON_REQUEST], 1);
	/* What is not there cannot run again. */
	plugin_set_hold(&proxy.plugins, none);
	ck_assert(proxy.plugins.chains[0]->held && !proxy.plugins.chains[1]->held);
	close_set();

	load(held_routes);
	json_object_set_new(json_array_get(list, 0), "hash", json_string("of another file"));
	ck_assert_int_eq(open_set(true), 0);
	ck_assert(!proxy.plugins.images[0]->absent && !proxy.plugins.chains[0]->held);
	close_set();
	held = NULL;
	json_decref(list);
	json_decref(none);
}
END_TEST

int main(void)
{
	return SUITE("chain", lists_by_hook, chains_of_one, services_once_each,
		     all_errors_with_their_places, links_that_lead_nowhere, errors_of_route_open,
		     load_hooks, load_refuses, held_plugins);
}
