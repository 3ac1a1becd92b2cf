/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/respond.h -- heads to the client, and whole answers of the gateway or a plugin.
 * Called by: proxy/.  Never: relays a body of the service (that is relay). */
#ifndef GATEHOUSE_PROXY_RESPOND_H
#define GATEHOUSE_PROXY_RESPOND_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/end_reason.h"

struct exchange;

/* Builds the head of the service's final response in proxy.head and decides how the body is
 * framed for this client. */
void respond_build_relayed(struct exchange *);
/* Builds an interim response (RFC 9110, 15.2), or the 101 that begins a tunnel. */
void respond_build_interim(struct exchange *);
/* Answers with a problem document for the reason (RFC 9457). */
void respond_problem(struct exchange *, enum end_reason, const char *detail);
/* Sends reply_status, reply_type and reply_body, and the response fields in res. */
void respond_reply(struct exchange *);
/* Sends the head of a reply that comes in pieces. */
void respond_stream_begin(struct exchange *);
/* Sends on what the plugin has written, as far as the client takes it. */
void respond_stream_pump(struct exchange *);
/* An interim response is out behind which an answer of our own waited. */
void respond_resume(struct exchange *);

#endif
