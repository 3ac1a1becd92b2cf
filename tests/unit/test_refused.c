/* SPDX-License-Identifier: Apache-2.0 */
/* control/refused.c: each refused call is logged once, with what it takes to let it through. */
#include "control/refused.h"

#include <jansson.h>
#include <sys/syscall.h>

#include "config/gateway.h"
#include "control/generation.h"
#include "plugin/image.h"
#include "said.h"
#include "suite.h"

START_TEST(logs_once)
{
	struct config_route routes[] = { { .path = "/a" } };
	struct gateway_config config = { .routes = routes, .route_count = 1 };
	struct generation g = { .config = &config, .number = 1 };
	struct slot s = { .generation = &g, .index = 2 };
	struct error e;

	ck_assert_int_eq(slab_create(&s.slab, 0, 1, 1, 1, &e), 0);
	s.plugins = json_pack("[{s:s, s:s, s:s}]", "name", "p", "version", "1.2", "hash", "00");
	g.slots = &s;
	g.slot_count = 1;
	said_begin();
	log_init(LOG_WARN, true, "control");
	refused_check(&s, 1);
	ck_assert_str_eq(said(), "");
	struct slab_refused *r = s.slab.header->refused;
	r[0] = (struct slab_refused){ .claimed = 1, .done = 1, .number = SYS_execve };
	r[0].running = (struct slab_running){ .plugin = 1,
					      .hook = HOOK_ON_REQUEST,
					      .request_id = "the-request" };
	refused_check(&s, 1);
	ck_said("\"system call refused\",\"worker\":2,\"call\":\"execve\",\"answer\":\"EPERM\"");
	ck_said("\"plugin\":\"p\",\"version\":\"1.2\"");
	ck_said("\"route\":\"/a\",\"request_id\":\"the-request\"");
	ck_said("\\\"sandbox\\\": {\\\"allow\\\": [\\\"execve\\\"]}");
	said_clear();
	refused_check(&s, 2);
	ck_assert_str_eq(said(), "");
	/* Not filled yet; then of a number that is not known, in no plugin. */
	r[1] = (struct slab_refused){ .claimed = 1, .number = 5000 };
	refused_check(&s, 2);
	ck_assert_str_eq(said(), "");
	r[1].done = 1;
	refused_check(&s, 2);
	ck_said("\"call\":\"number 5000\",\"answer\":\"EPERM\",\"remedy\":\"\"");
	slab_close(&s.slab);
	json_decref(s.plugins);
}
END_TEST

int main(void)
{
	return SUITE("refused", logs_once);
}
