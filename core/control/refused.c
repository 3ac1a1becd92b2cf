/* SPDX-License-Identifier: Apache-2.0 */
#include "control/refused.h"

#include <stdio.h>

#include "base/log.h"
#include "base/syscalls.h"
#include "control/death.h"
#include "control/generation.h"

static void refused_log(const struct slot *s, const struct slab_refused *r, uint64_t now_ns)
{
	const char *known = syscalls_name((int)r->number);
	char name[32], remedy[96];
	struct death_blame b;
	struct log_field f[10];
	size_t n = 0;

	snprintf(name, sizeof(name), "%s", known ? known : "");
	if (!known)
		snprintf(name, sizeof(name), "number %u", r->number);
	snprintf(remedy, sizeof(remedy),
		 known ? "if it needs that: \"sandbox\": {\"allow\": [\"%s\"]}" : "%s",
		 known ? known : "");
	death_blame_of(s, r->running, now_ns, &b);
	f[n++] = LOG_U("worker", s->index);
	f[n++] = LOG_S("call", name);
	f[n++] = LOG_S("answer", "EPERM");
	if (b.any) {
		f[n++] = LOG_S("plugin", b.plugin);
		f[n++] = LOG_S("version", b.version);
		f[n++] = LOG_S("hook", b.hook);
		f[n++] = LOG_S("route", b.route);
		f[n++] = LOG_S("request_id", b.request_id);
	}
	f[n++] = LOG_S("remedy", remedy);
	f[n] = LOG_END;
	log_write(LOG_WARN, "system call refused", f);
}

void refused_check(struct slot *s, uint64_t now_ns)
{
	for (uint32_t i = 0; i < SLAB_REFUSED; i++) {
		const struct slab_refused *r = &s->slab.header->refused[i];

		if ((s->refused_told & 1U << i) || !__atomic_load_n(&r->done, __ATOMIC_ACQUIRE))
			continue;
		s->refused_told |= 1U << i;
		if (log_threshold <= LOG_WARN)
			refused_log(s, r, now_ns);
	}
}
