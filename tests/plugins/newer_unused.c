/* SPDX-License-Identifier: Apache-2.0 */
/* newer_unused -- built against a later minor ABI without using what is new there: it loads. */
#include <gatehouse/plugin.h>

struct newer_plugin {
	struct gh_plugin base;
	void (*on_trailer)(void);
};

static enum gh_verdict newer_on_request(struct gh_request *r)
{
	return gh_reply(r, 200, "text/plain", "newer\n", 6);
}

const struct gh_host *gh_host;
extern const struct newer_plugin gh_plugin_v1;
__attribute__((visibility("default"))) const struct newer_plugin gh_plugin_v1 = {
	.base = { .size = sizeof(struct newer_plugin),
		  .abi_major = GH_ABI_MAJOR,
		  .abi_minor = GH_ABI_MINOR + 1,
		  .name = "newer_unused",
		  .version = "1.0",
		  .hook_names = GH_HOOK_NAMES_ ",on_trailer",
		  .host = &gh_host,
		  .on_request = newer_on_request },
};
