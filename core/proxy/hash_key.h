/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hash_key.h -- the key of a request by which "balance": "hash" picks.
 * Called by: proxy/pick.  Never: picks. */
#ifndef GATEHOUSE_PROXY_HASH_KEY_H
#define GATEHOUSE_PROXY_HASH_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct config_hash;
struct exchange;

/* Whether the request has what the key is made of; then *key. */
bool hash_key(const struct exchange *, const struct config_hash *, uint64_t *key);

#endif
