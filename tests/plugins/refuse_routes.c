/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_routes -- says that it has default routes, and has none. */
#include <gatehouse/plugin.h>

GH_PLUGIN(.name = "refuse_routes", .version = "1.0", .default_route_count = 3);
