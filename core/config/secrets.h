/* SPDX-License-Identifier: Apache-2.0 */
/* config/secrets.h -- what only the control process needs to know, the credentials for Consul, kept
 * out of what it hands to the processes that run plugins: the configuration's text and the
 * environment.
 * Called by: control, cli.  Never: hides what a plugin's own options say; plugins need that. */
#ifndef GATEHOUSE_CONFIG_SECRETS_H
#define GATEHOUSE_CONFIG_SECRETS_H

#include <stdbool.h>

#include "base/str.h"

struct gateway_config;

/* Notes the environment variables that the configuration takes credentials from, beside those that
 * are known by name (CONSUL_HTTP_TOKEN ...).  One that the file names elsewhere too, for a plugin,
 * is not held back. */
void secrets_learn(const struct gateway_config *);
/* A copy of the configuration's text as long as it is, every value in its place, in which the
 * credentials are others: the same again for the same ones, so that a comparison still sees a
 * change.  NUL-terminated; free() it. */
char *secrets_hide(const struct gateway_config *);
/* Whether a variable "NAME=value" is held back. */
bool secrets_holds(const char *variable);
/* The environment without those: an array that ends with NULL, with extra (may be NULL) at its end,
 * in the place of a variable of that name.  The array is the caller's to free(), the texts are
 * not. */
char **secrets_environment(char *extra);

#endif
