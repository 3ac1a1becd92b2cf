/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway_build.h -- from what the tables read to what the gateway uses: addresses parsed,
 * paths made absolute, names checked.
 * Called by: config/gateway.  Never: knows a member's default. */
#ifndef GATEHOUSE_CONFIG_GATEWAY_BUILD_H
#define GATEHOUSE_CONFIG_GATEWAY_BUILD_H

#include <stdbool.h>

#include "config/gateway_tables.h"

struct gateway_build {
	struct gateway_config *config; /* file, source and arena are set */
	const struct raw_gateway *raw;
	const char *base; /* directory of the file, absolute */
	struct config_errors *errors;
};

/* Adds one error at a pointer. */
__attribute__((format(printf, 3, 4))) void
build_error(const struct gateway_build *, const char *pointer, const char *format, ...);
/* NULL for the empty text. */
const char *build_optional(const char *text);
/* Whether text may be a file's name without an extension: letters, digits, "_" and "-". */
bool build_is_name(const char *text);

/* Each fills its part of the configuration and adds errors. */
void build_process(const struct gateway_build *); /* listen, admin, workers, files, log */
void build_consul(const struct gateway_build *);
void build_dns(const struct gateway_build *);           /* gateway_discovery.c */
void build_register(const struct gateway_build *);      /* after build_process() */
void build_consul_routes(const struct gateway_build *); /* gateway_claims.c */
void build_services(const struct gateway_build *);
void build_routes(const struct gateway_build *); /* gateway_routes.c */
/* Of one service, whose object in the file is given; its defaults come first (gateway_health.c). */
void build_health_defaults(const struct gateway_build *);
void build_health(const struct gateway_build *, const struct raw_service *, const char *pointer,
		  const json_t *object, struct config_service *);
/* One route, as if it stood at the pointer. */
void build_route(const struct gateway_build *, const char *pointer, const struct raw_route *,
		 struct config_route *);
/* Where one service's instances are found (gateway_discovery.c). */
void build_discovery(const struct gateway_build *, const struct raw_service *, const char *pointer,
		     const json_t *object, struct config_service *);
/* Balancing and failover of one service; object is what the file says of it. */
void build_balance(const struct gateway_build *, const struct raw_service *, const char *pointer,
		   const json_t *object, struct config_service *); /* gateway_balance.c */

#endif
