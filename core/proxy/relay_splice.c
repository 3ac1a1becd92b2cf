/* SPDX-License-Identifier: Apache-2.0 */
/* Long responses, moved from socket to socket inside the kernel. */
#include <errno.h>
#include <stdlib.h>

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/relay_parts.h"
#include "proxy/response.h"

enum {
	RELAY_SPLICE_MIN = 16 * 1024,
	RELAY_SPLICE_MAX = 512 * 1024,
	RELAY_SPLICE_WAIT = 4096 /* of what is in the pipe, to be told when the client takes more */
};

bool relay_wants_splice(void *arg)
{
	struct exchange *x = arg;

	return x->response == RESPONSE_BODY && x->res_left >= RELAY_SPLICE_MIN &&
	       !x->send_chunked && !x->no_body && !x->tunnel && !x->down.busy &&
	       !x->chain->count[CHAIN_ON_RESPONSE_BODY] &&
	       (x->splice || (x->splice = splices_take(&x->proxy->splices)));
}

/* The client is slower than the service: the pipe holds the rest, and reading stops.  Its first
 * bytes are taken out and written as any others, since that tells when there is room again. */
static void relay_hold_spliced(struct exchange *x)
{
	size_t n = x->splice->filled < RELAY_SPLICE_WAIT ? x->splice->filled : RELAY_SPLICE_WAIT;
	char *bytes = malloc(n);

	if (!bytes) {
		exchange_drop(x, END_INTERNAL);
		return;
	}
	splice_take(x->splice, bytes, n);
	if (flow_send_heap(&x->down, &x->conn->u.stream, bytes, n)) {
		exchange_drop(x, END_CLIENT_GONE);
		return;
	}
	if (x->up)
		upconn_pause(x->up);
	exchange_wait(x, WAIT_NONE, 0);
	conn_wait(x->conn, CONN_WAIT_WRITE, x->proxy->config->timeouts.write);
}

static void relay_spliced(struct exchange *x, size_t taken)
{
	x->res_left -= taken;
	x->bytes_out += taken;
	x->proxy->stats->bytes_sent += taken - x->splice->filled;
	if (x->res_left == 0)
		relay_response_done(x, 0);
	if (x->splice->filled) {
		if (x->splice_max > RBUF_SIZE)
			x->splice_max /= 2;
		relay_hold_spliced(x);
		return;
	}
	/* It goes on as fast as it comes: more at a time costs less. */
	if (taken == x->splice_max && taken < RELAY_SPLICE_MAX)
		x->splice_max *= 2;
	if (x->response_over)
		relay_response_over(x);
	else
		exchange_wait(x, WAIT_STALL, x->proxy->config->timeouts.stall);
}

bool relay_splice_goes_on(struct exchange *x)
{
	uv_os_fd_t client;

	if (!x->splice || !x->splice->filled)
		return true;
	if (uv_fileno(&x->conn->u.handle, &client) == 0)
		x->proxy->stats->bytes_sent += splice_give(x->splice, client);
	if (!x->splice->filled)
		return true;
	relay_hold_spliced(x);
	return false;
}

void relay_splice(void *arg)
{
	struct exchange *x = arg;
	uv_os_fd_t client;

	if (!x->splice_max)
		x->splice_max = RBUF_SIZE;
	size_t max = x->res_left < x->splice_max ? (size_t)x->res_left : x->splice_max;
	if (uv_fileno(&x->conn->u.handle, &client))
		return;
	ssize_t n = splice_move(x->splice, upconn_fd(x->up), client, max);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		upconn_pause(x->up);
		response_on_end(x, n ? (int)n : UV_EOF);
		return;
	}
	relay_spliced(x, (size_t)n);
}
