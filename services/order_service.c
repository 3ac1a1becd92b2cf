/* SPDX-License-Identifier: Apache-2.0 */

/* order-service -- a sample backend: GET /orders, found by the gateway through Consul. */
#include <jansson.h>

#include "common/sample_service.h"

static const struct {
	int id;
	const char *item;
	int price;
} orders[] = {
	{ 1, "Laptop", 1200 },
	{ 2, "Phone", 800 },
};

/* A real service would ask its database here. */
static json_t *orders_list(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		json_t *item = json_pack("{s:i, s:s, s:i}", "id", orders[i].id, "item",
					 orders[i].item, "price", orders[i].price);

		if (json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static const struct sample_route routes[] = {
	{ "/orders", orders_list },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return sample_service_run(argc, argv, "order-service", 5002, routes);
}
