/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_name -- says another name than its file has. */
#include <gatehouse/plugin.h>

GH_PLUGIN(.name = "somebody", .version = "1.0");
