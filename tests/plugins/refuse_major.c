/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_major -- built for the next major ABI, which no gateway of this one takes. */
#include <gatehouse/plugin.h>

extern const struct gh_plugin gh_plugin_v1;
__attribute__((visibility("default"))) const struct gh_plugin gh_plugin_v1 = {
	.size = sizeof(struct gh_plugin),
	.abi_major = GH_ABI_MAJOR + 1,
	.name = "refuse_major",
	.version = "1.0",
};
