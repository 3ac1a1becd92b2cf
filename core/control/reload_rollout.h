/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_rollout.h -- starts the generation of a checked configuration, and tells what it
 * cannot change and why it failed.
 * Called by: control/reload.  Never: ends a generation. */
#ifndef GATEHOUSE_CONTROL_RELOAD_ROLLOUT_H
#define GATEHOUSE_CONTROL_RELOAD_ROLLOUT_H

#include <jansson.h>

struct control;
struct control_options;
struct gateway_config;
struct generation;
struct handed_set;

/* Adds to notes what the new configuration asks for and this process, which lives on, does not do:
 * what it holds itself does not change with a generation. */
void reload_rollout_note(json_t *notes, const struct control_options *,
			 const struct gateway_config *before, const struct gateway_config *new);
/* Starts the generation.  Takes the configuration, also on error.  NULL: the reasons are added to
 * errors. */
const struct generation *reload_rollout_start(struct control *, struct gateway_config *,
					      struct handed_set *, json_t *errors);
/* Adds to errors why the generation could not start. */
void reload_rollout_failed(const struct generation *, json_t *errors);

#endif
