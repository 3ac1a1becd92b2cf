/* SPDX-License-Identifier: Apache-2.0 */
/* http/field.h -- header fields: known names as numbers, and what may stand in names and values.
 * Called by: http/, proxy/.  Never: keeps a copy of a name or value. */
#ifndef GATEHOUSE_HTTP_FIELD_H
#define GATEHOUSE_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* X(symbol, name, owner).  Owner: END is end-to-end and relayed as it is; HOP is hop-by-hop and
 * never relayed (RFC 9110, 7.6.1); OURS is written by the gateway from what it has parsed. */
#define FIELDS(X)                                                                                  \
	X(CONNECTION, "connection", HOP)                                                           \
	X(PROXY_CONNECTION, "proxy-connection", HOP)                                               \
	X(KEEP_ALIVE, "keep-alive", HOP)                                                           \
	X(TE, "te", HOP)                                                                           \
	X(TRANSFER_ENCODING, "transfer-encoding", HOP)                                             \
	X(UPGRADE, "upgrade", HOP)                                                                 \
	X(HTTP2_SETTINGS, "http2-settings", HOP)                                                   \
	X(PROXY_AUTHENTICATE, "proxy-authenticate", HOP)                                           \
	X(PROXY_AUTHORIZATION, "proxy-authorization", HOP)                                         \
	X(TRAILER, "trailer", OURS)                                                                \
	X(HOST, "host", OURS)                                                                      \
	X(CONTENT_LENGTH, "content-length", OURS)                                                  \
	X(EXPECT, "expect", OURS)                                                                  \
	X(VIA, "via", OURS)                                                                        \
	X(X_FORWARDED_FOR, "x-forwarded-for", OURS)                                                \
	X(X_FORWARDED_PROTO, "x-forwarded-proto", OURS)                                            \
	X(X_FORWARDED_HOST, "x-forwarded-host", OURS)                                              \
	X(X_REQUEST_ID, "x-request-id", OURS)                                                      \
	X(CONTENT_TYPE, "content-type", END)                                                       \
	X(MAX_FORWARDS, "max-forwards", OURS)                                                      \
	X(DATE, "date", END)                                                                       \
	X(SERVER, "server", END)

enum field_owner { FIELD_OWNER_END, FIELD_OWNER_HOP, FIELD_OWNER_OURS };

enum field_id {
	FIELD_OTHER,
#define FIELD_ENUM_(symbol, name, owner) FIELD_##symbol,
	FIELDS(FIELD_ENUM_)
#undef FIELD_ENUM_
		FIELD_COUNT
};

/* One field line of a head.  The slices point into the buffer that was parsed, or an arena. */
struct field {
	struct str name, value;
	uint16_t id;  /* enum field_id */
	bool removed; /* by a plugin, or named by Connection */
	bool added;   /* by a plugin: on the way out even where the id is the gateway's */
};

/* The number of a name of token characters, in any case. */
enum field_id field_lookup(struct str name);
/* Who decides of a field of that id. */
static inline enum field_owner field_owner(enum field_id id)
{
	static const uint8_t owners[FIELD_COUNT] = { [FIELD_OTHER] = FIELD_OWNER_END,
#define FIELD_OWNER_ROW_(symbol, name, owner) [FIELD_##symbol] = FIELD_OWNER_##owner,
						     FIELDS(FIELD_OWNER_ROW_)
#undef FIELD_OWNER_ROW_
	};

	return (enum field_owner)owners[id];
}

/* RFC 9110, 5.6.2: one or more tchar. */
bool field_name_valid(struct str name);
/* RFC 9110, 5.5: no control characters but HTAB, no leading or trailing white space. */
bool field_value_valid(struct str value);
/* How many of n bytes are control characters (below 0x20, HTAB too, or DEL). */
size_t field_count_controls(const char *p, size_t n);
/* Whether a comma-separated list (RFC 9110, 5.6.1) has that token, in any case. */
bool field_list_has(struct str list, struct str token);
/* tchar of RFC 9110, 5.6.2. */
extern const uint8_t field_tchar[256];

#endif
