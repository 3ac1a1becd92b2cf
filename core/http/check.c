/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a head ambiguous or invalid beyond its syntax: framing, Host, target, Connection. */
#include <llhttp.h>

#include "config/gateway.h"
#include "http/head.h"
#include "http/target.h"

/* What the walk over the fields has met. */
struct check_seen {
	unsigned host, length, coding, expect;
	struct str host_value, length_value, coding_value, expect_value;
	bool connection_upgrade;
	bool names_fields; /* Connection names something besides close, keep-alive and upgrade */
};

static enum end_reason check_fail(enum end_reason reason, const char **why, const char *text)
{
	*why = text;
	return reason;
}

static void check_connection(struct head *h, struct check_seen *seen, struct str value)
{
	struct str token;
	while (str_next(&value, ',', &token)) {
		if (str_ieq(token, STR("close")))
			h->close = true;
		else if (str_ieq(token, STR("keep-alive")))
			h->keep_alive = true;
		else if (str_ieq(token, STR("upgrade")))
			seen->connection_upgrade = true;
		else if (token.n)
			seen->names_fields = true;
	}
}

static void check_field(struct head *h, struct field *f, struct check_seen *seen)
{
	switch ((enum field_id)f->id) {
	case FIELD_HOST:
		seen->host++;
		seen->host_value = f->value;
		break;
	case FIELD_CONTENT_LENGTH:
		seen->length++;
		seen->length_value = f->value;
		break;
	case FIELD_TRANSFER_ENCODING:
		seen->coding++;
		seen->coding_value = f->value;
		break;
	case FIELD_CONNECTION:
		check_connection(h, seen, f->value);
		break;
	case FIELD_UPGRADE:
		h->upgrade_to = f->value;
		break;
	case FIELD_EXPECT:
		seen->expect++;
		seen->expect_value = f->value;
		break;
	case FIELD_MAX_FORWARDS:
		h->max_forwards = f->value;
		break;
	case FIELD_TE:
		h->te_trailers = h->te_trailers || field_list_has(f->value, STR("trailers"));
		break;
	default:
		break;
	}
}

/* Fields that Connection names are for this hop only (RFC 9110, 7.6.1).  Those that the gateway
 * writes itself stay: what they say was read before. */
static void check_remove_named(struct head *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		if (h->fields[i].id != FIELD_CONNECTION)
			continue;
		struct str value = h->fields[i].value, token;
		while (str_next(&value, ',', &token))
			for (uint32_t j = 0; token.n && j < h->count; j++) {
				struct field *f = &h->fields[j];
				if (field_owner((enum field_id)f->id) == FIELD_OWNER_END &&
				    str_ieq(f->name, token))
					f->removed = true;
			}
	}
}

static void check_walk(struct head *h, struct check_seen *seen)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (h->fields[i].id != FIELD_OTHER)
			check_field(h, &h->fields[i], seen);
	if (seen->names_fields)
		check_remove_named(h);
	h->upgrade = seen->connection_upgrade && h->upgrade_to.n && h->minor == 1;
}

/* Underscores: many backends cannot tell "a_b" from "a-b". */
static enum end_reason check_underscores(struct head *h, int policy, const char **why)
{
	for (uint32_t i = 0; policy != CONFIG_UNDERSCORE_PASS && i < h->count; i++) {
		struct field *f = &h->fields[i];
		if (f->id != FIELD_OTHER || !memchr(f->name.p, '_', f->name.n))
			continue;
		if (policy == CONFIG_UNDERSCORE_REJECT)
			return check_fail(END_BAD_REQUEST, why,
					  "underscore in a header name (http.underscore_headers)");
		if (policy == CONFIG_UNDERSCORE_DROP)
			f->removed = true;
	}
	return END_OK;
}

/* RFC 9112, 6.1 and 6.3: chunked alone is known.  Other codings before a final chunked are unknown
 * to us; without a final chunked the end of the body is in doubt, whatever the coding is. */
static enum end_reason check_coding(const struct check_seen *seen, const char **why)
{
	struct str rest = seen->coding_value, token, last = { NULL, 0 };
	bool chunked_before = false;

	if (seen->coding > 1)
		return check_fail(END_BAD_FRAMING, why, "more than one Transfer-Encoding");
	if (str_ieq(seen->coding_value, STR("chunked")))
		return END_OK;
	while (str_next(&rest, ',', &token)) {
		if (!field_name_valid(token))
			return check_fail(END_BAD_FRAMING, why,
					  "Transfer-Encoding is not a list of tokens");
		chunked_before = chunked_before || str_ieq(last, STR("chunked"));
		last = token;
	}
	if (!str_ieq(last, STR("chunked")) || chunked_before)
		return check_fail(END_BAD_FRAMING, why, "chunked is not the only and final coding");
	return check_fail(END_UNKNOWN_CODING, why, "a transfer coding other than chunked");
}

/* HTTP/1.0 gave these methods no body: servers of that time take it for the next request. */
static bool check_expects_no_body(uint8_t method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_DELETE;
}

static enum end_reason check_request_framing(struct head *h, const struct check_seen *seen,
					     const char **why)
{
	if (seen->coding) {
		if (seen->length)
			return check_fail(END_BAD_FRAMING, why,
					  "both Content-Length and Transfer-Encoding");
		if (h->minor == 0)
			return check_fail(END_BAD_FRAMING, why, "Transfer-Encoding in HTTP/1.0");
		h->framing = FRAMING_CHUNKED;
		return check_coding(seen, why);
	}
	if (!seen->length)
		return END_OK;
	if (seen->length > 1 || str_to_u64(seen->length_value, INT64_MAX, &h->length))
		return check_fail(END_BAD_FRAMING, why,
				  "Content-Length is doubled or not a number");
	h->has_length = true;
	h->framing = h->length ? FRAMING_LENGTH : FRAMING_NONE;
	if (h->minor == 0 && h->length && check_expects_no_body(h->method_id))
		return check_fail(END_BAD_FRAMING, why, "a body of this method in HTTP/1.0");
	return END_OK;
}

static enum end_reason check_host(struct head *h, const struct check_seen *seen, const char **why)
{
	if (seen->host > 1)
		return check_fail(END_BAD_HOST, why, "more than one Host");
	if (seen->host == 0 && h->minor == 1)
		return check_fail(END_BAD_HOST, why, "no Host");
	if (seen->host && !target_authority_valid(seen->host_value))
		return check_fail(END_BAD_HOST, why, "Host is not host[:port]");
	if (h->authority.p && seen->host && !target_same_authority(h, seen->host_value))
		return check_fail(END_BAD_HOST, why, "Host contradicts the request target");
	if (!h->authority.p && seen->host)
		h->authority = seen->host_value;
	return END_OK;
}

/* name ["/" version], and none of the protocols that would carry requests past the gateway. */
static bool check_protocol_allowed(struct str protocol)
{
	const char *slash = memchr(protocol.p, '/', protocol.n);
	struct str name = { protocol.p, slash ? (size_t)(slash - protocol.p) : protocol.n };
	struct str rest = { protocol.p + name.n, protocol.n - name.n };

	return field_name_valid(name) &&
	       (!slash || field_name_valid((struct str){ rest.p + 1, rest.n - 1 })) &&
	       !str_ieq(name, STR("h2c")) && !str_ieq(name, STR("h2")) &&
	       !str_ieq(name, STR("http")) && !str_ieq(name, STR("tls"));
}

static bool check_upgrade_allowed(struct str list)
{
	struct str protocol;

	while (str_next(&list, ',', &protocol))
		if (!check_protocol_allowed(protocol))
			return false;
	return true;
}

static enum end_reason check_method(const struct head *h, const char **why)
{
	if (h->method_id == HTTP_CONNECT || h->method_id == HTTP_TRACE)
		return check_fail(END_METHOD_NOT_ALLOWED, why, "CONNECT and TRACE are not relayed");
	if (h->method_id == HTTP_PRI)
		return check_fail(END_BAD_VERSION, why, "the preface of HTTP/2");
	return END_OK;
}

static enum end_reason check_expect(struct head *h, const struct check_seen *seen, const char **why)
{
	if (!seen->expect || h->minor == 0)
		return END_OK;
	if (seen->expect > 1 || !str_ieq(seen->expect_value, STR("100-continue")))
		return check_fail(END_EXPECTATION_FAILED, why, "Expect is not 100-continue");
	h->expect_continue = h->framing != FRAMING_NONE;
	return END_OK;
}

enum end_reason head_request_check(struct head *h, const struct config_http *rules,
				   const char **why)
{
	struct check_seen seen = { 0 };
	enum end_reason reason;

	check_walk(h, &seen);
	if ((reason = check_request_framing(h, &seen, why)) != END_OK ||
	    (reason = check_method(h, why)) != END_OK ||
	    (reason = target_parse(h, why)) != END_OK ||
	    (reason = check_host(h, &seen, why)) != END_OK ||
	    (reason = check_underscores(h, rules->underscore_headers, why)) != END_OK ||
	    (reason = check_expect(h, &seen, why)) != END_OK)
		return reason;
	h->upgrade = h->upgrade && h->framing == FRAMING_NONE &&
		     check_upgrade_allowed(h->upgrade_to);
	h->te_trailers = h->te_trailers && h->minor == 1;
	return END_OK;
}

/* RFC 9112, 6.3: what would let two readers see different ends of the body. */
static enum end_reason check_response_lengths(struct head *h, const struct check_seen *seen,
					      const char **why)
{
	if (seen->length > 1 ||
	    (seen->length && str_to_u64(seen->length_value, INT64_MAX, &h->length)))
		return check_fail(END_BAD_RESPONSE_FRAMING, why,
				  "Content-Length is doubled or not a number");
	h->has_length = seen->length > 0;
	if (seen->coding && (seen->length || h->minor == 0 || seen->coding > 1 ||
			     !str_ieq(seen->coding_value, STR("chunked"))))
		return check_fail(END_BAD_RESPONSE_FRAMING, why,
				  "Transfer-Encoding is not chunked alone, or stands beside "
				  "Content-Length or in HTTP/1.0");
	return END_OK;
}

enum end_reason head_response_check(struct head *h, bool to_head_request, const char **why)
{
	struct check_seen seen = { 0 };

	check_walk(h, &seen);
	h->close = h->close || (h->minor == 0 && !h->keep_alive);
	enum end_reason reason = check_response_lengths(h, &seen, why);
	if (reason != END_OK)
		return reason;
	if (h->status < 200 || h->status == 204) {
		/* Neither may have a body: one that says it has is not trusted further. */
		h->close = h->close || seen.coding || (h->has_length && h->length);
		h->has_length = false;
		return END_OK;
	}
	if (to_head_request || h->status == 304)
		return END_OK;
	if (seen.coding) {
		h->framing = FRAMING_CHUNKED;
	} else if (h->has_length) {
		h->framing = h->length ? FRAMING_LENGTH : FRAMING_NONE;
	} else {
		h->framing = FRAMING_CLOSE;
		h->close = true;
	}
	return END_OK;
}
