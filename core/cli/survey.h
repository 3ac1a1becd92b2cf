/* SPDX-License-Identifier: Apache-2.0 */
/* cli/survey.h -- everything about one configuration: the file, its routes, its plugins, and all
 * that is wrong with them.
 * Called by: the commands check, routes and explain.  Never: loads a plugin in this process. */
#ifndef GATEHOUSE_CLI_SURVEY_H
#define GATEHOUSE_CLI_SURVEY_H

#include <jansson.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "route/table.h"

struct survey {
	const char *file;
	struct config_errors errors;
	struct gateway_config *config; /* NULL: not even JSON */
	struct route_table *table;     /* NULL after an error in the routes */
	json_t *plugins;               /* what the child reports; NULL: nothing */
};

/* Reads, checks routes, and checks plugins in a child process.  0, or -1 when there is any error;
 * survey_close() in both cases. */
int survey_open(struct survey *, const char *file);
void survey_close(struct survey *);
/* The service that a route relays to, or NULL; the first when there are more. */
const char *survey_service(const struct survey *, size_t route);
/* Services that are declared or used, and plugins that are used. */
size_t survey_service_count(const struct survey *);
size_t survey_plugin_count(const struct survey *);
/* The errors as an array: a new reference. */
json_t *survey_errors(struct survey *);

#endif
