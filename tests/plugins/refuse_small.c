/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_small -- a descriptor that ends before the last hook of the first release. */
#include <gatehouse/plugin.h>

extern const struct gh_plugin gh_plugin_v1;
__attribute__((visibility("default"))) const struct gh_plugin gh_plugin_v1 = {
	.size = offsetof(struct gh_plugin, on_end),
	.abi_major = GH_ABI_MAJOR,
	.name = "refuse_small",
	.version = "1.0",
};
