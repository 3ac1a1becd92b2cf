/* SPDX-License-Identifier: Apache-2.0 */
/* cli/sides.h -- two configurations with their plugins side by side: what a reload from the one to
 * the other would change.
 * Called by: cli/probe, in a child process: it loads the plugins of both.  Never: prints. */
#ifndef GATEHOUSE_CLI_SIDES_H
#define GATEHOUSE_CLI_SIDES_H

#include <jansson.h>

#include "config/errors.h"
#include "proxy/proxy.h"

struct gateway_config;
struct route_table;

/* One of them. */
struct side {
	struct gateway_config *config;
	struct route_table *table;
	struct proxy proxy; /* serves no client; plugins log through it */
};

/* Reads the configuration and loads its plugins.  input: {"text": TEXT, "handed": OBJECT of
 * config/handed.h, absent: plugins are read from their directory}; first_fd: the descriptor of the
 * first copy.  0, or -1 and the errors. */
int side_open(struct side *, const char *file, const json_t *input, int first_fd,
	      struct slab_running *, struct config_errors *);
/* The changes (config/diff.h) from the one to the other: a new reference. */
json_t *sides_diff(const struct side *old, const struct side *new);

#endif
