/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/end_reason.h -- every way a request can end, in one table.
 * Called by: proxy (what the client gets), access log (the reason word), metrics (the label).
 * Never: holds text that came from outside. */
#ifndef GATEHOUSE_METRICS_END_REASON_H
#define GATEHOUSE_METRICS_END_REASON_H

#include <stdbool.h>

/* X(symbol, status, word, title, detail).  Status 0: no answer of ours is sent, since the
 * client has gone or the answer had begun.  Words are a promise to operators: never renamed. */
#define END_REASONS(X)                                                                             \
	X(OK, 0, "ok", "OK", "")                                                                   \
	/* the client's request */                                                                 \
	X(BAD_REQUEST, 400, "bad_request", "Bad Request", "The request is not valid HTTP.")        \
	X(BAD_PATH, 400, "bad_path", "Bad Request", "The path of the request is not valid.")       \
	X(BAD_HOST, 400, "bad_host", "Bad Request",                                                \
	  "The Host of the request is missing, "                                                   \
	  "doubled or not valid.")                                                                 \
	X(BAD_FRAMING, 400, "bad_framing", "Bad Request",                                          \
	  "It is ambiguous where the body of "                                                     \
	  "the request ends.")                                                                     \
	X(NO_ROUTE, 404, "no_route", "Not Found", "No route matches the request.")                 \
	X(METHOD_NOT_ALLOWED, 405, "method_not_allowed", "Method Not Allowed",                     \
	  "The route does not allow this method.")                                                 \
	X(REQUEST_TIMEOUT, 408, "request_timeout", "Request Timeout",                              \
	  "The request did not arrive in time.")                                                   \
	X(BODY_TOO_LARGE, 413, "body_too_large", "Content Too Large",                              \
	  "The body of the request is over the limit.")                                            \
	X(URI_TOO_LONG, 414, "uri_too_long", "URI Too Long", "The target is over the limit.")      \
	X(EXPECTATION_FAILED, 417, "expectation_failed", "Expectation Failed",                     \
	  "Only 100-continue can be expected.")                                                    \
	X(HEADER_TOO_LARGE, 431, "header_too_large", "Request Header Fields Too Large",            \
	  "The head of the request is over the limit.")                                            \
	X(UNKNOWN_METHOD, 501, "unknown_method", "Not Implemented",                                \
	  "The gateway does not know this method.")                                                \
	X(UNKNOWN_CODING, 501, "unknown_coding", "Not Implemented",                                \
	  "The gateway does not know this transfer coding.")                                       \
	X(BAD_VERSION, 505, "bad_version", "HTTP Version Not Supported",                           \
	  "The gateway speaks HTTP/1.1 and HTTP/1.0.")                                             \
	X(CLIENT_GONE, 0, "client_gone", "Client Closed Request",                                  \
	  "The client went away before the answer was complete.")                                  \
	X(CLIENT_SLOW, 0, "client_slow", "Client Too Slow",                                        \
	  "The client did not read the answer in time.")                                           \
	/* the gateway itself */                                                                   \
	X(OVERLOADED, 503, "overloaded", "Service Unavailable", "The gateway has too much to do.") \
	X(SHUTTING_DOWN, 503, "shutting_down", "Service Unavailable",                              \
	  "The gateway is shutting down.")                                                         \
	X(INTERNAL, 500, "internal", "Internal Server Error", "The gateway failed.")               \
	X(REQUEST_DEADLINE, 504, "request_deadline", "Gateway Timeout",                            \
	  "The request took longer than it may in all.")                                           \
	/* plugins */                                                                              \
	X(PLUGIN_FAILED, 500, "plugin_failed", "Internal Server Error",                            \
	  "The plugin of this route failed.")                                                      \
	X(PLUGIN_DROPPED, 0, "plugin_dropped", "Dropped", "A plugin dropped the connection.")      \
	X(PLUGIN_QUARANTINED, 503, "plugin_quarantined", "Service Unavailable",                    \
	  "The plugin of this route is out of service.")                                           \
	/* the service */                                                                          \
	X(NEVER_REGISTERED, 503, "never_registered", "Service Unavailable",                        \
	  "The service of this route has never been seen.")                                        \
	X(NO_ENDPOINTS, 503, "no_endpoints", "Service Unavailable",                                \
	  "The service of this route has no instance.")                                            \
	X(SERVICE_OVERLOADED, 503, "service_overloaded", "Service Unavailable",                    \
	  "The service of this route has all the requests that it may have, and so has its "       \
	  "queue.")                                                                                \
	X(QUEUE_TIMEOUT, 503, "queue_timeout", "Service Unavailable",                              \
	  "The request waited too long for its turn at the service of this route.")                \
	X(BREAKER_OPEN, 503, "breaker_open", "Service Unavailable",                                \
	  "The service of this route has failed too often and is left alone for a while.")         \
	X(CONNECT_REFUSED, 502, "connect_refused", "Bad Gateway",                                  \
	  "The service refused the connection.")                                                   \
	X(CONNECT_TIMEOUT, 504, "connect_timeout", "Gateway Timeout",                              \
	  "The service did not accept a connection in time.")                                      \
	X(CONNECT_FAILED, 502, "connect_failed", "Bad Gateway",                                    \
	  "No connection to the service could be made.")                                           \
	X(UPSTREAM_RESET, 502, "upstream_reset", "Bad Gateway",                                    \
	  "The service reset the connection before it answered.")                                  \
	X(UPSTREAM_CLOSED, 502, "upstream_closed", "Bad Gateway",                                  \
	  "The service closed the connection before it answered.")                                 \
	X(UPSTREAM_CLOSED_HEAD, 502, "upstream_closed_head", "Bad Gateway",                        \
	  "The service closed the connection in the head of its answer.")                          \
	X(UPSTREAM_CUT, 502, "upstream_cut", "Bad Gateway",                                        \
	  "The service closed the connection in the body of its answer.")                          \
	X(RESPONSE_TIMEOUT, 504, "response_timeout", "Gateway Timeout",                            \
	  "The service did not answer in time.")                                                   \
	X(RESPONSE_STALLED, 504, "response_stalled", "Gateway Timeout",                            \
	  "The service stopped in the middle of its answer.")                                      \
	X(BAD_RESPONSE, 502, "bad_response", "Bad Gateway",                                        \
	  "The answer of the service is not valid HTTP.")                                          \
	X(BAD_RESPONSE_FRAMING, 502, "bad_response_framing", "Bad Gateway",                        \
	  "It is ambiguous where the answer of the service ends.")                                 \
	X(RESPONSE_HEAD_TOO_LARGE, 502, "response_head_too_large", "Bad Gateway",                  \
	  "The head of the service's answer is over the limit.")                                   \
	X(RESPONSE_UNREQUESTED, 502, "response_unrequested", "Bad Gateway",                        \
	  "The service answered before it was asked.")                                             \
	X(TOO_MANY_INTERIM, 502, "too_many_interim", "Bad Gateway",                                \
	  "The service sent interim answers without end.")

enum end_reason {
#define END_REASON_ENUM_(symbol, status, word, title, detail) END_##symbol,
	END_REASONS(END_REASON_ENUM_)
#undef END_REASON_ENUM_
		END_REASON_COUNT
};

/* One row. */
struct end_reason_row {
	int status;
	const char *word, *title, *detail;
};

extern const struct end_reason_row end_reason_table[END_REASON_COUNT];

#endif
