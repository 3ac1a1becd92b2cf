/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/upconn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "metrics/slab.h"
#include "net/socket.h"
#include "upstream/gate.h"
#include "upstream/service.h"

enum {
	UPCONN_MAGIC = 0x5550434e,
	/* libuv fetches 1,024 events at a time, and more in the same turn if there are as many. */
	UPCONN_HEARD_MAX = 512,
};

static void upstream_on_wait(uv_prepare_t *handle)
{
	struct upstream *up = handle->data;

	up->turn++;
	up->heard = 0;
}

void upstream_start(struct upstream *up)
{
	uv_prepare_init(up->loop, &up->before_wait);
	up->before_wait.data = up;
	up->turn = 1;
	uv_prepare_start(&up->before_wait, upstream_on_wait);
}

void upstream_close(struct upstream *up)
{
	if (!uv_is_closing((uv_handle_t *)&up->before_wait))
		uv_close((uv_handle_t *)&up->before_wait, NULL);
}

static struct upconn *upconn_from(void *handle_data)
{
	struct upconn *uc = handle_data;
	must(uc->magic == UPCONN_MAGIC);
	return uc;
}

static void upconn_on_closed(uv_handle_t *handle)
{
	struct upconn *uc = upconn_from(handle->data);
	uc->up->open--;
	uc->endpoint->service->metrics->connections--;
	endpoint_unref(uc->endpoint);
	uc->magic = 0;
	free(uc);
}

static void upconn_unidle(struct upconn *uc)
{
	if (!list_linked(&uc->link))
		return;
	list_remove(&uc->link);
	uc->endpoint->idle_count--;
	uc->endpoint->service->metrics->idle--;
}

/* Its descriptor is closed as the call returns: another may be opened. */
static void upconn_uncount(struct upconn *uc)
{
	if (!uc->counted)
		return;
	uc->counted = false;
	gate_give(uc->endpoint->service->gate, CROWD_CONNECTIONS);
}

void upconn_close(struct upconn **ucp, bool reset)
{
	struct upconn *uc = *ucp;

	*ucp = NULL;
	if (!uc)
		return;
	upconn_unidle(uc);
	upconn_uncount(uc);
	uc->events = NULL;
	uc->owner = NULL;
	deadline_drop(&uc->deadline);
	if (reset && uc->connected && uv_tcp_close_reset(&uc->tcp, upconn_on_closed) == 0)
		return;
	if (!uv_is_closing((uv_handle_t *)&uc->tcp))
		uv_close((uv_handle_t *)&uc->tcp, upconn_on_closed);
}

static void upconn_on_idle_deadline(struct deadline *d)
{
	struct upconn *uc = container_of(d, struct upconn, deadline);
	if (list_linked(&uc->link))
		upconn_close(&uc, false);
}

static void upconn_on_written(void *arg, int status)
{
	struct upconn *uc = upconn_from(arg);
	if (uc->events)
		uc->events->on_sent(uc->owner, status);
}

int upconn_fd(const struct upconn *uc)
{
	uv_os_fd_t fd;
	return uv_fileno((const uv_handle_t *)&uc->tcp, &fd) == 0 ? fd : -1;
}

bool upconn_can_tell(const struct upconn *uc)
{
	return uc->up->turn && uc->up->heard < UPCONN_HEARD_MAX;
}

void upconn_pause(struct upconn *uc)
{
	if (!uc->reading)
		return;
	uc->reading = false;
	uv_read_stop((uv_stream_t *)&uc->tcp);
}

/* Reads once.  Whether there may be more to read now. */
static bool upconn_read_once(struct upconn *uc)
{
	char *p = uc->up->rbufs->current->data;

	if (uc->events && uc->events->wants_splice && uc->events->wants_splice(uc->owner)) {
		uc->events->on_readable(uc->owner);
		return false;
	}
	ssize_t n = socket_read((uv_stream_t *)&uc->tcp, p, RBUF_SIZE);
	if (n == UV_EAGAIN)
		return false;
	if (!uc->events) {
		/* Nobody asked: a connection that ended, or an answer without a question. */
		upconn_close(&uc, false);
		return false;
	}
	if (n > 0 && uc->asked_turn && uc->asked_turn == uc->up->turn && upconn_can_tell(uc)) {
		upconn_pause(uc);
		uc->events->on_end(uc->owner, UPCONN_UNASKED);
		return false;
	}
	if (n < 0) {
		upconn_pause(uc);
		uc->events->on_end(uc->owner, (int)n);
		return false;
	}
	uc->events->on_data(uc->owner, p, (size_t)n);
	return n == RBUF_SIZE && uc->reading && !uv_is_closing((uv_handle_t *)&uc->tcp);
}

static void upconn_on_readable(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct upconn *uc = upconn_from(stream->data);

	(void)buf;
	must(n == UV_ENOBUFS);
	uc->up->heard++;
	for (int i = 0; i < SOCKET_READS_MAX && upconn_read_once(uc); i++)
		;
}

void upconn_resume(struct upconn *uc)
{
	if (uc->reading || uv_is_closing((uv_handle_t *)&uc->tcp))
		return;
	uc->reading = true;
	uv_read_start((uv_stream_t *)&uc->tcp, socket_on_alloc, upconn_on_readable);
}

static void upconn_on_connect(uv_connect_t *req, int status)
{
	struct upconn *uc = upconn_from(req->data);

	if (!uc->events)
		return; /* closed meanwhile */
	if (status == 0) {
		uc->connected = true;
		uv_tcp_nodelay(&uc->tcp, 1);
		upconn_resume(uc);
	}
	uc->events->on_connect(uc->owner, status);
}

struct upconn *upconn_take(struct endpoint *ep, const struct upconn_events *events, void *owner)
{
	if (list_empty(&ep->idle))
		return NULL;
	struct upconn *uc = container_of(ep->idle.next, struct upconn, link);
	upconn_unidle(uc);
	deadline_clear(&uc->deadline);
	uc->events = events;
	uc->owner = owner;
	uc->reused = true;
	ep->service->metrics->reused++;
	return uc;
}

bool upconn_is_quiet(const struct upconn *uc)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno((const uv_handle_t *)&uc->tcp, &fd) == 0 &&
	       recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

bool upconn_has_spoken(const struct upconn *uc)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno((const uv_handle_t *)&uc->tcp, &fd) == 0 &&
	       recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void upconn_asks(struct upconn *uc)
{
	uc->asked_turn = uc->reused ? uc->up->turn : 0;
}

/* A place for one more; one that is kept and not used makes room for it. */
static bool upconn_count(struct service *s)
{
	return gate_take(s->gate, CROWD_CONNECTIONS) ||
	       (service_give_up_idle(s) && gate_take(s->gate, CROWD_CONNECTIONS));
}

struct upconn *upconn_open(struct upstream *up, struct endpoint *ep,
			   const struct upconn_events *events, void *owner, int *status)
{
	struct gate *gate = ep->service->gate;
	struct upconn *uc = calloc(1, sizeof(*uc));

	if (!uc) {
		*status = UV_ENOMEM;
		return NULL;
	}
	if (gate && !upconn_count(ep->service)) {
		free(uc);
		*status = UV_EBUSY;
		return NULL;
	}
	uc->counted = gate != NULL;
	uc->magic = UPCONN_MAGIC;
	uc->up = up;
	uc->endpoint = ep;
	uc->events = events;
	uc->owner = owner;
	uc->tcp.data = uc->connect.data = uc->shutdown.data = uc;
	flow_init(&uc->out, up->rbufs, upconn_on_written, uc);
	deadline_init(&uc->deadline, upconn_on_idle_deadline);
	if ((*status = uv_tcp_init(up->loop, &uc->tcp))) {
		upconn_uncount(uc);
		free(uc);
		return NULL;
	}
	up->open++;
	endpoint_ref(ep);
	ep->service->metrics->connections++;
	ep->service->metrics->connects++;
	*status = uv_tcp_connect(&uc->connect, &uc->tcp, (const struct sockaddr *)&ep->address,
				 upconn_on_connect);
	if (*status)
		upconn_close(&uc, false);
	return uc;
}

void upconn_release(struct upconn **ucp)
{
	struct upconn *uc = *ucp;
	struct endpoint *ep = uc->endpoint;

	if (!ep->listed || ep->idle_count >= ep->service->pool_max || uc->out.busy ||
	    uv_is_closing((uv_handle_t *)&uc->tcp) ||
	    (uc->counted && gate_keeps_too_many(ep->service->gate))) {
		upconn_close(ucp, false);
		return;
	}
	*ucp = NULL;
	uc->events = NULL;
	uc->owner = NULL;
	upconn_resume(uc);
	list_push_front(&ep->idle, &uc->link);
	ep->idle_count++;
	ep->service->metrics->idle++;
	deadline_set(uc->up->deadlines, &uc->deadline, ep->service->idle_ms);
}

int upconn_send(struct upconn *uc, uv_buf_t *bufs, unsigned n)
{
	return flow_send(&uc->out, (uv_stream_t *)&uc->tcp, bufs, n);
}

static void upconn_on_shutdown(uv_shutdown_t *req, int status)
{
	(void)req;
	(void)status; /* a failed half-close shows as the end of the read side */
}

void upconn_shutdown(struct upconn *uc)
{
	uv_shutdown(&uc->shutdown, (uv_stream_t *)&uc->tcp, upconn_on_shutdown);
}

void upconn_close_idle(struct endpoint *ep)
{
	while (!list_empty(&ep->idle)) {
		struct upconn *uc = container_of(ep->idle.next, struct upconn, link);
		upconn_close(&uc, false);
	}
}
