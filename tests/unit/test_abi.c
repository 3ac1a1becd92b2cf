/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of plugin ABI 1.0, number by number: what was given out does not move.  Nothing here
 * is ever edited but to add what a later minor has added.  See tests/abi/README.md. */
#include <gatehouse/plugin.h>

#include "suite.h"

/* A member has its place and its size; a structure that carries its size may have grown. */
#define ABI(type, member, offset, size)                                                            \
	_Static_assert(offsetof(struct type, member) == (offset), "moved");                        \
	_Static_assert(sizeof(((struct type *)0)->member) == (size), "another size");
#define ABI_GROWS(type, size)  _Static_assert(sizeof(struct type) >= (size), "has shrunk");
#define ABI_FIXED(type, size)  _Static_assert(sizeof(struct type) == (size), "another size");
#define ABI_VALUE(name, value) _Static_assert((int)(name) == (value), "another value");

/* clang-format off */
ABI_FIXED(gh_str, 16)
ABI(gh_str, p, 0, 8)
ABI(gh_str, n, 8, 8)

ABI_FIXED(gh_strings, 16)
ABI(gh_strings, items, 0, 8)
ABI(gh_strings, n, 8, 8)

ABI_FIXED(gh_list, 16)
ABI(gh_list, items, 0, 8)
ABI(gh_list, n, 8, 8)

ABI_GROWS(gh_option, 80)
ABI(gh_option, name, 0, 8)
ABI(gh_option, help, 8, 8)
ABI(gh_option, def, 16, 8)
ABI(gh_option, choices, 24, 8)
ABI(gh_option, sub, 32, 8)
ABI(gh_option, min, 40, 8)
ABI(gh_option, max, 48, 8)
ABI(gh_option, kind, 56, 4)
ABI(gh_option, flags, 60, 4)
ABI(gh_option, offset, 64, 4)
ABI(gh_option, sub_count, 68, 4)
ABI(gh_option, item_size, 72, 4)
ABI(gh_option, reserved, 76, 4)

ABI_FIXED(gh_body, 24)
ABI(gh_body, data, 0, 8)
ABI(gh_body, n, 8, 8)
ABI(gh_body, last, 16, 4)

ABI_GROWS(gh_end, 40)
ABI(gh_end, size, 0, 4)
ABI(gh_end, status, 4, 4)
ABI(gh_end, reason, 8, 8)
ABI(gh_end, duration_us, 16, 8)
ABI(gh_end, bytes_in, 24, 8)
ABI(gh_end, bytes_out, 32, 8)

ABI_GROWS(gh_default_route, 24)
ABI(gh_default_route, path, 0, 8)
ABI(gh_default_route, methods, 8, 8)
ABI(gh_default_route, config, 16, 8)

ABI_GROWS(gh_plugin, 168)
ABI(gh_plugin, size, 0, 4)
ABI(gh_plugin, abi_major, 4, 2)
ABI(gh_plugin, abi_minor, 6, 2)
ABI(gh_plugin, name, 8, 8)
ABI(gh_plugin, version, 16, 8)
ABI(gh_plugin, summary, 24, 8)
ABI(gh_plugin, hook_names, 32, 8)
ABI(gh_plugin, host, 40, 8)
ABI(gh_plugin, options, 48, 8)
ABI(gh_plugin, option_count, 56, 4)
ABI(gh_plugin, option_size, 60, 4)
ABI(gh_plugin, options_size, 64, 4)
ABI(gh_plugin, default_route_size, 68, 4)
ABI(gh_plugin, default_routes, 72, 8)
ABI(gh_plugin, default_route_count, 80, 8)
ABI(gh_plugin, load, 88, 8)
ABI(gh_plugin, unload, 96, 8)
ABI(gh_plugin, route_open, 104, 8)
ABI(gh_plugin, route_close, 112, 8)
ABI(gh_plugin, on_request, 120, 8)
ABI(gh_plugin, on_request_body, 128, 8)
ABI(gh_plugin, on_upstream, 136, 8)
ABI(gh_plugin, on_response, 144, 8)
ABI(gh_plugin, on_response_body, 152, 8)
ABI(gh_plugin, on_end, 160, 8)

ABI_GROWS(gh_call_spec, 72)
ABI(gh_call_spec, size, 0, 4)
ABI(gh_call_spec, timeout_ms, 4, 4)
ABI(gh_call_spec, service, 8, 8)
ABI(gh_call_spec, url, 16, 8)
ABI(gh_call_spec, method, 24, 8)
ABI(gh_call_spec, target, 32, 8)
ABI(gh_call_spec, headers, 40, 8)
ABI(gh_call_spec, body, 48, 8)
ABI(gh_call_spec, body_size, 56, 8)
ABI(gh_call_spec, max_answer, 64, 8)

ABI_GROWS(gh_host, 320)
ABI(gh_host, size, 0, 4)
ABI(gh_host, abi_major, 4, 2)
ABI(gh_host, abi_minor, 6, 2)
ABI(gh_host, get, 8, 8)
ABI(gh_host, param, 16, 8)
ABI(gh_host, query_param, 24, 8)
ABI(gh_host, options, 32, 8)
ABI(gh_host, route_state, 40, 8)
ABI(gh_host, data, 48, 8)
ABI(gh_host, set_data, 56, 8)
ABI(gh_host, alloc, 64, 8)
ABI(gh_host, header, 72, 8)
ABI(gh_host, header_next, 80, 8)
ABI(gh_host, header_set, 88, 8)
ABI(gh_host, header_add, 96, 8)
ABI(gh_host, header_remove, 104, 8)
ABI(gh_host, rewrite, 112, 8)
ABI(gh_host, set_request_id, 120, 8)
ABI(gh_host, status, 128, 8)
ABI(gh_host, set_status, 136, 8)
ABI(gh_host, relay, 144, 8)
ABI(gh_host, reply, 152, 8)
ABI(gh_host, problem, 160, 8)
ABI(gh_host, reply_begin, 168, 8)
ABI(gh_host, reply_write, 176, 8)
ABI(gh_host, reply_end, 184, 8)
ABI(gh_host, on_writable, 192, 8)
ABI(gh_host, read_body, 200, 8)
ABI(gh_host, call, 208, 8)
ABI(gh_host, call_status, 216, 8)
ABI(gh_host, call_error, 224, 8)
ABI(gh_host, call_body, 232, 8)
ABI(gh_host, call_header, 240, 8)
ABI(gh_host, timer, 248, 8)
ABI(gh_host, resume, 256, 8)
ABI(gh_host, route_options, 264, 8)
ABI(gh_host, route_set_state, 272, 8)
ABI(gh_host, route_get_state, 280, 8)
ABI(gh_host, config_error, 288, 8)
ABI(gh_host, metric, 296, 8)
ABI(gh_host, metric_add, 304, 8)
ABI(gh_host, vlog, 312, 8)

ABI_VALUE(GH_NEXT, 0)
ABI_VALUE(GH_DONE, 1)
ABI_VALUE(GH_WAIT, 2)
ABI_VALUE(GH_DROP, 3)
ABI_VALUE(GH_FAIL, 4)
ABI_VALUE(GH_OPT_STRING, 1)
ABI_VALUE(GH_OPT_BOOL, 2)
ABI_VALUE(GH_OPT_INT, 3)
ABI_VALUE(GH_OPT_NUMBER, 4)
ABI_VALUE(GH_OPT_DURATION, 5)
ABI_VALUE(GH_OPT_SIZE, 6)
ABI_VALUE(GH_OPT_RATE, 7)
ABI_VALUE(GH_OPT_ENUM, 8)
ABI_VALUE(GH_OPT_STRINGS, 9)
ABI_VALUE(GH_OPT_SERVICE, 10)
ABI_VALUE(GH_OPT_OBJECT, 11)
ABI_VALUE(GH_OPT_LIST, 12)
ABI_VALUE(GH_OPT_MAP, 13)
ABI_VALUE(GH_OPT_JSON, 14)
ABI_VALUE(GH_METHOD, 1)
ABI_VALUE(GH_PATH, 2)
ABI_VALUE(GH_QUERY, 3)
ABI_VALUE(GH_HOST, 4)
ABI_VALUE(GH_SCHEME, 5)
ABI_VALUE(GH_CLIENT, 6)
ABI_VALUE(GH_REQUEST_ID, 7)
ABI_VALUE(GH_ROUTE, 8)
ABI_VALUE(GH_SERVICE_NAME, 9)
ABI_VALUE(GH_ENDPOINT, 10)
ABI_VALUE(GH_VERSION, 11)
ABI_VALUE(GH_REQUEST, 0)
ABI_VALUE(GH_RESPONSE, 1)
ABI_VALUE(GH_DEBUG, 0)
ABI_VALUE(GH_INFO, 1)
ABI_VALUE(GH_WARN, 2)
ABI_VALUE(GH_ERROR, 3)
ABI_VALUE(GH_WRITE_OK, 0)
ABI_VALUE(GH_WRITE_FULL, 1)
ABI_VALUE(GH_WRITE_GONE, 2)
ABI_VALUE(GH_OPT_REQUIRED, 1)
ABI_VALUE(GH_OPT_SECRET, 2)
ABI_VALUE(GH_ABI_MAJOR, 1)
/* clang-format on */

/* A hook is found by its place: the names of a plugin must name the members in their order. */
START_TEST(hook_names)
{
	struct str rest = str_from(GH_HOOK_NAMES_), name;
	size_t n = 0;

	while (str_next(&rest, ',', &name))
		n++;
	ck_assert_uint_eq(n, (sizeof(struct gh_plugin) - offsetof(struct gh_plugin, load)) /
				     sizeof(void (*)(void)));
	ck_assert(strncmp(GH_HOOK_NAMES_,
			  "load,unload,route_open,route_close,on_request,on_request_body,"
			  "on_upstream,on_response,on_response_body,on_end",
			  110) == 0);
}
END_TEST

int main(void)
{
	return SUITE("abi", hook_names);
}
