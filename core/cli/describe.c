/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/describe.h"

#include <stdbool.h>
#include <stdio.h>

#include "config/reference.h"
#include "plugin/image.h"

static json_t *describe_hooks(const struct gh_plugin *p)
{
	const bool has[] = {
		[HOOK_LOAD] = p->load != NULL,
		[HOOK_UNLOAD] = p->unload != NULL,
		[HOOK_ROUTE_OPEN] = p->route_open != NULL,
		[HOOK_ROUTE_CLOSE] = p->route_close != NULL,
		[HOOK_ON_REQUEST] = p->on_request != NULL,
		[HOOK_ON_REQUEST_BODY] = p->on_request_body != NULL,
		[HOOK_ON_UPSTREAM] = p->on_upstream != NULL,
		[HOOK_ON_RESPONSE] = p->on_response != NULL,
		[HOOK_ON_RESPONSE_BODY] = p->on_response_body != NULL,
		[HOOK_ON_END] = p->on_end != NULL,
	};
	json_t *hooks = json_array();

	for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		if (has[i])
			json_array_append_new(hooks,
					      json_string(plugin_hook_name((enum plugin_hook)i)));
	return hooks;
}

static json_t *describe_default_routes(const struct gh_plugin *p)
{
	json_t *routes = json_array();

	for (uint64_t i = 0; i < p->default_route_count; i++) {
		const struct gh_default_route *r = (const void *)((const char *)p->default_routes +
								  i * p->default_route_size);
		json_array_append_new(routes,
				      json_pack("{ssssss*}", "path", r->path, "methods",
						r->methods ? r->methods : "", "config", r->config));
	}
	return routes;
}

json_t *describe_plugin(const struct plugin_image *image)
{
	const struct gh_plugin *p = &image->plugin;
	char abi[32];

	snprintf(abi, sizeof(abi), "%u.%u", p->abi_major, p->abi_minor);
	return json_pack("{sssssssssssssosososo}", "name", image->name, "version",
			 p->version ? p->version : "", "summary", p->summary ? p->summary : "",
			 "abi", abi, "file", image->path, "hash", image->hash, "hooks",
			 describe_hooks(p), "options", reference_rows(&image->options), "schema",
			 option_schema(&image->options), "default_routes",
			 describe_default_routes(p));
}
