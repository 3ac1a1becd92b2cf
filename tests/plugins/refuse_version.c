/* SPDX-License-Identifier: Apache-2.0 */
/* refuse_version -- has no version. */
#include <gatehouse/plugin.h>

GH_PLUGIN(.name = "refuse_version");
