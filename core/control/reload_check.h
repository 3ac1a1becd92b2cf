/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_check.h -- has a child process check a configuration with its plugins, and reads
 * its report.
 * Called by: control/reload.  Never: decides what becomes of the reload. */
#ifndef GATEHOUSE_CONTROL_RELOAD_CHECK_H
#define GATEHOUSE_CONTROL_RELOAD_CHECK_H

#include <jansson.h>
#include <uv.h>

#include "control/inspect.h"

struct gateway_config;
struct handed_set;
struct store;

struct reload_check_spec {
	uv_loop_t *loop;
	const char *file; /* that the configuration is said to come from */
	const struct gateway_config *config;
	const struct handed_set *handed;
	inspect_cb cb;
	void *arg;
};

/* Starts it; all is borrowed for the call.  NULL and the reason; no callback then. */
struct inspect *reload_check_start(const struct reload_check_spec *, struct error *);
/* Adds to errors what the report says (NULL: there is none, and why), and which copies of plugins
 * that the configuration uses could not be made. */
void reload_check_read(const struct gateway_config *, const struct store *, const char *file,
		       const json_t *report, const char *why, json_t *errors);

#endif
