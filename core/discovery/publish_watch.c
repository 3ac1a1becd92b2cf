/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/publish_watch.h"

#include "base/log.h"
#include "discovery/publish.h"
#include "discovery/watch.h"

static void publish_say(const struct registry_service *service, const struct watch *w,
			struct publish_said *said)
{
	const char *source = w->rules.source ? w->rules.source : "Consul";

	if (w->holding && !said->holding)
		log_warn("the source lists far fewer instances; holding the missing ones",
			 LOG_S("service", service->name), LOG_S("source", source),
			 LOG_U("missing", w->holding), LOG_U("for_ms", w->rules.hold_ms));
	if (!w->holding && said->holding)
		log_info("the hold has ended", LOG_S("service", service->name),
			 LOG_S("state", registry_state_name(service->state)));
	if (w->panicking && !said->panicking)
		log_warn("no instance is passing; trying critical ones",
			 LOG_S("service", service->name), LOG_U("instances", w->panicking));
	if (!w->panicking && said->panicking)
		log_info("no critical instance needs to be tried any more",
			 LOG_S("service", service->name));
	said->holding = w->holding;
	said->panicking = w->panicking;
}

void publish_watch(struct publish *p, struct watch *w, struct publish_said *said)
{
	struct instance_set view = watch_view(w);
	char note[200];

	watch_note(w, note, sizeof(note));
	p->answered = w->answered;
	p->service->restored = w->restored;
	publish_set(p, &view, w->seen, note);
	publish_say(p->service, w, said);
}
