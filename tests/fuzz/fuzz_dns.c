/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS server that answers whatever it likes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "discovery/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Memory of its own, so that a byte read behind it is noticed. */
	char *copy = malloc(size ? size : 1);
	struct dns_message m;
	struct error e;

	if (size)
		memcpy(copy, data, size);
	if (dns_message_parse((struct str){ copy, size }, &m, &e) == 0) {
		must(m.count <= DNS_RECORDS_MAX);
		for (size_t i = 0; i < m.count; i++)
			must(strlen(m.records[i].name) < 254 && strlen(m.records[i].value) < 254);
		dns_message_fini(&m);
	}
	must(m.records == NULL);
	free(copy);
	return 0;
}
