/* SPDX-License-Identifier: Apache-2.0 */
/* config/option_show.h -- what a table of options has read, back as JSON: defaults and all, each
 * value in the one way that it is written here.
 * Called by: config/gateway_show, the command line (diff).  Never: reads a file. */
#ifndef GATEHOUSE_CONFIG_OPTION_SHOW_H
#define GATEHOUSE_CONFIG_OPTION_SHOW_H

#include "config/option.h"

/* An object in the place of a value that must not be printed, and of one that stands elsewhere in
 * the configuration; its one member has the value. */
#define OPTION_SECRET   "$secret"
#define OPTION_INHERITS "$inherits"

/* Two structures that mean the same give the same object, whatever was written.  What is absent and
 * has no default is null.  A new reference. */
json_t *option_show(const struct option_table *, const void *filled);

#endif
