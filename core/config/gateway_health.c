/* SPDX-License-Identifier: Apache-2.0 */
/* How the endpoints of services are checked and judged: a service's own objects, or the
 * defaults'. */
#include <ctype.h>
#include <stdlib.h>

#include "config/gateway_build.h"
#include "config/source.h"

/* "200" or "200-399"; false when it is neither. */
static bool build_status_range(const char *text, unsigned *min, unsigned *max)
{
	char *end = NULL;

	if (!isdigit((unsigned char)*text))
		return false;
	*min = *max = (unsigned)strtoul(text, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		*max = (unsigned)strtoul(end + 1, &end, 10);
	return *end == '\0' && *min >= 100 && *min <= *max && *max <= 599;
}

/* Only what may stand in a request's head. */
static bool build_is_visible(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static void build_check(const struct gateway_build *b, const struct raw_check *raw,
			const char *pointer, struct config_check *out)
{
	struct arena *a = &b->config->arena;
	const char *host = build_optional(raw->host);

	*out = (struct config_check){
		.type = raw->type,
		.path = raw->path,
		.host = host,
		.interval = raw->interval,
		.timeout = raw->timeout,
		.jitter = (unsigned)raw->jitter,
		.healthy = (unsigned)raw->healthy,
		.unhealthy = (unsigned)raw->unhealthy,
	};
	if (raw->status && !build_status_range(raw->status, &out->status_min, &out->status_max))
		build_error(b, option_pointer(a, pointer, "status"),
			    "\"%s\" is no status; write \"200\" or \"200-399\"", raw->status);
	if (raw->path && (*raw->path != '/' || !build_is_visible(raw->path)))
		build_error(b, option_pointer(a, pointer, "path"),
			    "\"%s\" is not a path; begin it with \"/\" and write a space as %%20",
			    raw->path);
	if (host && !build_is_visible(host))
		build_error(b, option_pointer(a, pointer, "host"),
			    "not a host; write a name without spaces");
}

/* pointer: of the object with both. */
static void build_time_max(const struct gateway_build *b, uint64_t time, uint64_t time_max,
			   const char *pointer)
{
	if (time > time_max)
		build_error(b, option_pointer(&b->config->arena, pointer, "time"),
			    "longer than time_max; make it shorter or time_max longer");
}

static void build_ejection(const struct gateway_build *b, const struct config_ejection *raw,
			   const char *pointer, struct config_ejection *out)
{
	*out = *raw;
	build_time_max(b, raw->time, raw->time_max, pointer);
}

void build_health_defaults(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;

	build_check(b, &b->raw->defaults.check, "/defaults/check", &c->check);
	build_ejection(b, &b->raw->defaults.ejection, "/defaults/ejection", &c->ejection);
}

void build_health(const struct gateway_build *b, const struct raw_service *raw, const char *pointer,
		  const json_t *object, struct config_service *s)
{
	struct arena *a = &b->config->arena;

	s->check = b->config->check;
	s->ejection = b->config->ejection;
	s->breaker = raw->breaker;
	if (raw->limits.adaptive && raw->limits.requests &&
	    raw->limits.adaptive_min > raw->limits.requests)
		build_error(b,
			    option_pointer(a, option_pointer(a, pointer, "limits"), "adaptive_min"),
			    "more than requests; make it smaller or requests larger");
	build_time_max(b, raw->breaker.time, raw->breaker.time_max,
		       option_pointer(a, pointer, "breaker"));
	if (json_is_object(json_object_get(object, "check")))
		build_check(b, &raw->check, option_pointer(a, pointer, "check"), &s->check);
	if (json_is_object(json_object_get(object, "ejection")))
		build_ejection(b, &raw->ejection, option_pointer(a, pointer, "ejection"),
			       &s->ejection);
}
