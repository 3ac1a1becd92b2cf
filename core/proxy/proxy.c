/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/proxy.h"

#include "base/error.h"
#include "config/gateway.h"
#include "net/fetch.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/hedge.h"
#include "proxy/queue.h"

enum { PROXY_HEAD_EXTRA = 64 * 1024, PROXY_FRESH_MS = 1000 };

static size_t proxy_count_services(const struct plugin_chain *chain)
{
	size_t n = 0;

	for (uint32_t k = 0; k < chain->use_count; k++)
		n += chain->uses[k].service_count;
	return n;
}

/* The services of every use, so that gh_relay() is a look at a pointer: one in the chain itself,
 * several in lists, which are one piece of memory, each with NULL at its end. */
static void proxy_resolve_services(struct proxy *p)
{
	size_t total = 1;

	for (size_t i = 0; i < p->plugins.chain_count; i++)
		total += proxy_count_services(p->plugins.chains[i]) + 1;
	struct service **list = p->service_lists = xcalloc(total, sizeof(*list));
	for (size_t i = 0; i < p->plugins.chain_count; i++) {
		struct plugin_chain *chain = p->plugins.chains[i];
		bool few = proxy_count_services(chain) <= 1;
		struct service **at = chain->services = few ? chain->service : list;
		for (uint32_t k = 0; k < chain->use_count; k++)
			for (uint32_t s = 0; s < chain->uses[k].service_count; s++)
				*at++ = services_get(&p->services, chain->uses[k].services[s]);
		list = few ? list : at + 1;
	}
}

static void proxy_set_limits(struct proxy *p)
{
	const struct gateway_config *config = p->config;

	for (size_t i = 0; i < config->route_count; i++) {
		const struct config_route *from = &config->routes[i];
		struct plugin_chain *c = p->plugins.chains[i];

		c->body_max = from->body_limit == UINT64_MAX ? config->limits.body :
							       from->body_limit;
		c->request_ms = from->request ? from->request : config->timeouts.request;
		c->response_ms = from->response;
	}
}

static void proxy_on_settle(uv_prepare_t *handle)
{
	const struct proxy *p = handle->data;

	slab_settle(p->slab);
}

void proxy_init(struct proxy *p)
{
	const struct config_limits *limits = &p->config->limits;

	p->stats = p->slab->header;
	rbufs_init(&p->rbufs, &p->stats->buffers_bytes);
	splices_init(&p->splices);
	p->upstream = (struct upstream){ .loop = p->loop,
					 .deadlines = p->deadlines,
					 .rbufs = &p->rbufs };
	upstream_start(&p->upstream);
	services_init(&p->services, p->slab, p->config);
	p->services.crowd = p->crowd;
	proxy_resolve_services(p);
	proxy_set_limits(p);
	rand_seed_kernel(&p->rand);
	buf_init(&p->head, limits->head + limits->response_head + PROXY_HEAD_EXTRA);
	p->request_limits = (struct parse_limits){ .head = limits->head,
						   .target = limits->uri,
						   .fields = (uint32_t)limits->headers,
						   .extension = limits->chunk_extension };
	p->response_limits = p->request_limits;
	p->response_limits.head = limits->response_head;
	p->response_limits.target = limits->response_head;
	list_init(&p->conns);
	list_init(&p->later);
	hedge_init(p);
	queue_init(p);
	holds_init(p);
	uv_idle_init(p->loop, &p->later_turn);
	p->later_turn.data = p;
	uv_prepare_init(p->loop, &p->settling);
	p->settling.data = p;
	if (p->slab->large)
		uv_prepare_start(&p->settling, proxy_on_settle);
}

void proxy_fini(struct proxy *p)
{
	while (p->spare) {
		struct exchange *x = p->spare;
		p->spare = x->next_spare;
		exchange_free(x);
	}
	slab_settle(p->slab);
	free(p->service_lists);
	buf_fini(&p->head);
	map_fini(&p->clients);
	services_fini(&p->services);
	splices_fini(&p->splices);
	rbufs_fini(&p->rbufs);
}

void proxy_drain(struct proxy *p, bool keep_idle)
{
	p->draining = true;
	p->keep_idle = keep_idle;
	list_each_safe(l, &p->conns)
	{
		struct conn *c = container_of(l, struct conn, link);
		bool told = c->x && c->x->head_sent;

		if (!keep_idle && c->wait == CONN_WAIT_IDLE && c->requests)
			conn_close(c, false);
		else if (!keep_idle && c->wait == CONN_WAIT_IDLE)
			/* A first request may be on its way. */
			conn_wait(c, CONN_WAIT_IDLE, PROXY_FRESH_MS);
		else if (c->x && !(keep_idle && told))
			c->x->client_close = true;
	}
}

void proxy_close_kind(struct proxy *p, bool tunnels)
{
	list_each_safe(l, &p->conns)
	{
		struct conn *c = container_of(l, struct conn, link);

		if ((c->x && c->x->tunnel) != tunnels)
			continue;
		if (c->x && c->x->state < EXCHANGE_LOG && c->x->reason == END_OK)
			c->x->reason = END_SHUTTING_DOWN;
		conn_close(c, false);
	}
}

void proxy_close_all(struct proxy *p)
{
	proxy_close_kind(p, false);
	proxy_close_kind(p, true);
	upstream_close(&p->upstream);
	hedge_close(p);
	queue_close(p);
	holds_close(p);
	if (!uv_is_closing((uv_handle_t *)&p->settling))
		uv_close((uv_handle_t *)&p->settling, NULL);
	/* Nothing is left that could ask for a turn. */
	if (!uv_is_closing((uv_handle_t *)&p->later_turn))
		uv_close((uv_handle_t *)&p->later_turn, NULL);
}

struct str proxy_date(struct proxy *p)
{
	uint64_t second = uv_now(p->loop) / 1000;

	if (second != p->date_second || !p->date[0]) {
		p->date_second = second;
		clock_http_date(clock_wall_us(), p->date);
	}
	return (struct str){ p->date, CLOCK_HTTP_DATE_SIZE - 1 };
}
