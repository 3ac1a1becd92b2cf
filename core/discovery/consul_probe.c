/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking query cannot tell a quiet agent from a dead one, so a probe asks for a trifle every
 * few seconds.  When the agent answers again after it did not, every watch begins anew. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "discovery/consul_private.h"

enum {
	CONSUL_PROBE_MS = 5000,      /* between probes of an agent that answers */
	CONSUL_PROBE_DOWN_MS = 1000, /* and of one that does not */
	CONSUL_PROBE_LIMIT_MS = 5000,
	CONSUL_PROBE_ANSWER_MAX = 64 * 1024
};

static void consul_on_probe_timer(uv_timer_t *timer)
{
	struct consul *c = container_of(timer, struct consul, probe_timer);

	must(c->magic == CONSUL_MAGIC);
	consul_probe(c);
}

static void consul_on_probed(void *arg, struct fetch *f, const struct fetch_result *result)
{
	struct consul *c = arg;
	bool was_down = c->down;

	(void)f;
	c->probe = NULL;
	c->probed = true;
	/* Any status will do: there is somebody. */
	c->down = result->status == 0;
	uv_timer_start(&c->probe_timer, consul_on_probe_timer,
		       rand_jitter(&c->rand, c->down ? CONSUL_PROBE_DOWN_MS : CONSUL_PROBE_MS, 10),
		       0);
	if (c->down && !was_down)
		log_warn("Consul does not answer; what is known stays in use",
			 LOG_S("address", c->settings.base), LOG_S("error", result->error));
	if (!c->down && was_down) {
		log_info("Consul answers again", LOG_S("address", c->settings.base));
		consul_renew_all(c);
	}
}

void consul_probe(struct consul *c)
{
	char *url = NULL;

	if (c->probe)
		return;
	c->probed_ms = uv_now(c->loop);
	if (asprintf(&url, "%s/v1/status/leader", c->settings.base) >= 0)
		c->probe = consul_fetch(c, url, CONSUL_PROBE_LIMIT_MS, CONSUL_PROBE_ANSWER_MAX,
					consul_on_probed, c);
	free(url);
	if (!c->probe)
		uv_timer_start(&c->probe_timer, consul_on_probe_timer, CONSUL_PROBE_MS, 0);
}

void consul_suspect(struct consul *c)
{
	if (!c->down && uv_now(c->loop) - c->probed_ms >= CONSUL_PROBE_DOWN_MS)
		consul_probe(c);
}

void consul_probe_start(struct consul *c)
{
	uv_timer_start(&c->probe_timer, consul_on_probe_timer, 0, 0);
}
