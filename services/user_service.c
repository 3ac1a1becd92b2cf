/* SPDX-License-Identifier: Apache-2.0 */

/* user-service -- a sample backend: GET /users, found by the gateway through Consul. */
#include <jansson.h>

#include "common/sample_service.h"

static const struct {
	int id;
	const char *name;
} users[] = {
	{ 1, "Alice" },
	{ 2, "Bob" },
};

/* A real service would ask its database here. */
static json_t *users_list(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		json_t *item = json_pack("{s:i, s:s}", "id", users[i].id, "name", users[i].name);

		if (json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static const struct sample_route routes[] = {
	{ "/users", users_list },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return sample_service_run(argc, argv, "user-service", 5001, routes);
}
