/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/relay.h -- the bodies, both ways: what cannot be written stops the reading.
 * Called by: proxy/conn (client's bytes), proxy/response (service's bytes).  Never: holds more than
 * one read of each direction. */
#ifndef GATEHOUSE_PROXY_RELAY_H
#define GATEHOUSE_PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>

struct exchange;

/* How many bytes may be read straight into the read buffer, since they are body to be sent on
 * at once (or tunnel); 0: read into the exchange's own buffer. */
size_t relay_request_room(const struct exchange *);
/* Body bytes from the client, in the read buffer. */
void relay_request(struct exchange *, char *p, size_t n);
/* Sends the head to the service, with as much of the body as is there. */
void relay_request_begin(struct exchange *);
/* The service has taken what was held: goes on with what was read, then with reading. */
void relay_request_on_sent(struct exchange *, int status);
/* Starts to collect the body for gh_read_body(). */
void relay_collect_begin(struct exchange *);
/* Whether the request can be sent a second time. */
bool relay_can_replay(const struct exchange *);
void relay_replay(struct exchange *);
/* Skips a body that lies whole in what was read, so that the connection can be kept. */
void relay_skip_body(struct exchange *);

/* Body bytes from the service; with_head: the head that was built in proxy.head goes first. */
void relay_response(struct exchange *, char *p, size_t n, bool with_head);
/* Whether the rest of the body is long and goes to the client as it comes: then its bytes need not
 * pass through the worker's memory. */
bool relay_wants_splice(void *x);
/* Such bytes are there. */
void relay_splice(void *x);
/* The service has closed a body that ends so. */
void relay_response_close_end(struct exchange *);
/* The client has taken what was held, or is lost. */
void relay_on_down(void *x, int status);
/* All of the response is out: ends the exchange and hands the connection on. */
void relay_response_over(struct exchange *);

#endif
