/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/tunnel.h"

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

static void tunnel_wait(struct exchange *x)
{
	conn_wait(x->conn, CONN_WAIT_TUNNEL, x->proxy->config->timeouts.tunnel);
}

static void tunnel_send_down(struct exchange *x, uv_buf_t *bufs, unsigned n)
{
	int r = flow_send(&x->down, &x->conn->u.stream, bufs, n);

	if (r < 0)
		exchange_drop(x, END_CLIENT_GONE);
	else if (r == 0 && x->up)
		upconn_pause(x->up);
}

static void tunnel_send_up(struct exchange *x, char *p, size_t n)
{
	uv_buf_t buf = uv_buf_init(p, (unsigned)n);
	int r = upconn_send(x->up, &buf, 1);

	x->bytes_in += n;
	if (r < 0)
		exchange_drop(x, END_UPSTREAM_CUT);
	else if (r == 0)
		conn_pause(x->conn);
}

static void tunnel_over(struct exchange *x)
{
	struct conn *c = x->conn;

	/* Both sides have said all: what is on its way must not be cut by a reset. */
	exchange_drop_upstream(x, false);
	exchange_end(x);
	conn_close(c, false);
}

void tunnel_begin(struct exchange *x, char *rest, size_t n)
{
	uv_buf_t bufs[2] = { uv_buf_init(x->proxy->head.p, (unsigned)x->proxy->head.n),
			     uv_buf_init(rest, (unsigned)n) };

	x->tunnel = true;
	x->client_close = true;
	x->total_at_ms = 0;
	x->response = RESPONSE_BODY;
	x->proxy->stats->tunnels++;
	x->proxy->stats->tunnels_open++;
	x->bytes_out += n;
	exchange_wait(x, WAIT_NONE, 0);
	tunnel_wait(x);
	tunnel_send_down(x, bufs, 2);
	if (x->state == EXCHANGE_RELAY)
		tunnel_on_sent(x);
}

void tunnel_on_client_data(struct exchange *x, char *p, size_t n)
{
	tunnel_wait(x);
	tunnel_send_up(x, p, n);
}

void tunnel_on_upstream_data(struct exchange *x, char *p, size_t n)
{
	uv_buf_t buf = uv_buf_init(p, (unsigned)n);

	tunnel_wait(x);
	x->bytes_out += n;
	tunnel_send_down(x, &buf, 1);
}

void tunnel_on_client_end(struct exchange *x)
{
	x->down_ended = true;
	if (x->up_ended) {
		tunnel_over(x);
		return;
	}
	upconn_shutdown(x->up);
}

static void tunnel_on_shutdown(uv_shutdown_t *req, int status)
{
	(void)req;
	(void)status; /* a failed half-close shows as the end of the read side */
}

void tunnel_on_upstream_end(struct exchange *x, int status)
{
	x->up_ended = true;
	if (status != UV_EOF) {
		exchange_drop(x, END_UPSTREAM_CUT);
		return;
	}
	if (x->down_ended) {
		tunnel_over(x);
		return;
	}
	uv_shutdown(&x->shutdown, &x->conn->u.stream, tunnel_on_shutdown);
}

void tunnel_on_down(struct exchange *x)
{
	tunnel_wait(x);
	if (x->up && !x->up_ended)
		upconn_resume(x->up);
}

void tunnel_on_sent(struct exchange *x)
{
	size_t n = x->in_end - x->in_pos;

	if (x->up->out.busy)
		return;
	if (n) {
		char *p = x->in + x->in_pos;
		x->in_pos = x->in_end = 0;
		tunnel_send_up(x, p, n);
		if (x->state != EXCHANGE_RELAY || x->up->out.busy)
			return;
	}
	conn_read(x->conn);
	/* The client may have ended its side before there was a tunnel. */
	if (x->conn->eof && !x->down_ended)
		tunnel_on_client_end(x);
}
