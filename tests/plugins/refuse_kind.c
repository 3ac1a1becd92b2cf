/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_kind -- has an option of a kind that a later gateway may know. */
#include <gatehouse/plugin.h>

struct kind_route {
	const char *colour;
};

static const struct gh_option kind_options[] = {
	{ .name = "colour",
	  .help = "A colour.",
	  .kind = 99,
	  .offset = offsetof(struct kind_route, colour) },
};

GH_PLUGIN(.name = "refuse_kind", .version = "1.0", GH_OPTIONS(kind_options, struct kind_route));
