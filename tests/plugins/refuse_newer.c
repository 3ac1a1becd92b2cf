/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_newer -- as a plugin looks that uses a hook of a later minor ABI: the descriptor has grown
 * at its end, and names what has come. */
#include <gatehouse/plugin.h>

struct newer_plugin {
	struct gh_plugin base;
	void (*on_quiet)(void); /* not used */
	void (*on_trailer)(void);
};

static void newer_on_trailer(void)
{
}

const struct gh_host *gh_host;
extern const struct newer_plugin gh_plugin_v1;
__attribute__((visibility("default"))) const struct newer_plugin gh_plugin_v1 = {
	.base = { .size = sizeof(struct newer_plugin),
		  .abi_major = GH_ABI_MAJOR,
		  .abi_minor = GH_ABI_MINOR + 1,
		  .name = "refuse_newer",
		  .version = "1.0",
		  .hook_names = GH_HOOK_NAMES_ ",on_quiet,on_trailer",
		  .host = &gh_host },
	.on_trailer = newer_on_trailer,
};
