/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config -- any bytes as gateway.json: refused with errors that have places, or accepted. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/source.h"
#include "route/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A place lies inside the text, and a text is one line. */
static void fuzz_check_error(const struct config_error *e, struct str text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	must(e->line <= lines && (e->line == 0) == (e->column == 0));
	must(e->column <= text.n + 1);
	must(!strchr(e->text, '\n') && e->text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct config_errors errors = { 0 };
	struct gateway_config *config = gateway_config_read("/fuzz/gateway.json", &text, &errors);
	struct route_table *table;

	if (config) {
		table = route_table_new(config, 0, &errors);
		if (table)
			route_table_free(table);
		else
			must(config_errors_total(&errors) > 0);
	} else {
		must(config_errors_total(&errors) > 0);
	}
	for (size_t i = 0; i < errors.count; i++)
		fuzz_check_error(&errors.items[i], text);
	config_errors_fini(&errors);
	gateway_config_free(config);
	return 0;
}
