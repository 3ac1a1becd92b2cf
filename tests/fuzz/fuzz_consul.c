/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that answers whatever it likes: the first line stands for the headers X-Consul-Index,
 * -Knownleader and -Lastcontact, the rest is the body; then the same again, to a watch that has
 * something to lose. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rand.h"
#include "discovery/consul_query.h"
#include "discovery/health.h"
#include "discovery/skipped.h"
#include "discovery/watch.h"

static void fuzz_skip(void *arg, const char *id, const char *reason)
{
	skipped_add(arg, id, reason);
}

/* One turn of the watch: the question, and this answer. */
static void fuzz_turn(struct watch *w, struct skipped *skipped, struct str head, struct str body,
		      uint64_t now)
{
	struct health_rules rules = { .default_port = now % 2 ? 80 : 0 };
	struct consul_reply reply = { .status = 200 };
	struct instance_set set, view;
	struct watch_answer answer = { .set = &set };
	enum watch_fault fault;
	struct error error;
	char note[200];

	str_next(&head, ' ', &reply.index);
	str_next(&head, ' ', &reply.known_leader);
	str_next(&head, ' ', &reply.last_contact);
	watch_asked(w, now);
	skipped_begin(skipped);
	if (consul_query_read(&reply, &answer, &fault))
		watch_failed(w, now + 1, fault);
	else if (health_parse(body, &rules, &set, fuzz_skip, skipped, &error))
		watch_failed(w, now + 1, WATCH_GARBLED);
	else
		watch_answered(w, now + 1, &answer);
	skipped_end(skipped);
	must(!w->asking && w->ask_at_ms > now);
	watch_tick(w, now + now % 20000);
	view = watch_view(w);
	for (size_t i = 0; i < view.count; i++) {
		const struct instance *item = &view.items[i];

		must(!item->usable || (item->status != INSTANCE_MAINTENANCE && item->weight > 0 &&
				       item->port > 0 && item->host[0]));
		must(i == 0 || strcmp(view.items[i - 1].id, item->id) < 0);
	}
	instance_set_fini(&view);
	watch_note(w, note, sizeof(note));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size }, head = { NULL, 0 }, body = { "", 0 };
	struct watch_rules rules = {
		.wait_ms = 30000, .hold_ms = 15000, .panic = size % 2, .sweep_ms = 30000
	};
	const char *end = size ? memchr(data, '\n', size) : NULL;
	struct skipped skipped = { 0 };
	struct rand rand;
	struct watch w;

	if (end) {
		head = (struct str){ all.p, (size_t)(end - all.p) };
		body = (struct str){ end + 1, all.n - head.n - 1 };
	}
	rand_seed(&rand, size);
	watch_init(&w, &rules, &rand);
	watch_start(&w, 1000);
	fuzz_turn(&w, &skipped, head, body, 1000);
	fuzz_turn(&w, &skipped, STR("7 true 0"), STR("[]"), w.ask_at_ms);
	fuzz_turn(&w, &skipped, head, body, w.ask_at_ms + 16000);
	watch_fini(&w);
	skipped_fini(&skipped);
	return 0;
}
