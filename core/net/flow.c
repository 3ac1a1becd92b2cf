/* SPDX-License-Identifier: Apache-2.0 */
#include "net/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/socket.h"

enum { FLOW_MAGIC = 0x464c4f57, FLOW_HAND_OVER_MIN = 4096 };

void flow_init(struct flow *f, struct rbufs *rbufs, flow_cb on_done, void *arg)
{
	memset(f, 0, sizeof(*f));
	f->magic = FLOW_MAGIC;
	f->rbufs = rbufs;
	f->on_done = on_done;
	f->arg = arg;
	f->req.data = f;
}

static void flow_release(struct flow *f)
{
	if (f->held)
		rbufs_give_back(f->rbufs, f->held);
	if (f->copy) {
		*f->rbufs->bytes -= (int64_t)f->copy_bytes;
		free(f->copy);
	}
	f->held = NULL;
	f->copy = NULL;
	f->busy = false;
}

static void flow_on_written(uv_write_t *req, int status)
{
	struct flow *f = req->data;
	must(f->magic == FLOW_MAGIC);
	flow_release(f);
	f->on_done(f->arg, status);
}

/* Drops the first taken bytes of the pieces; how many pieces are left, moved to the front. */
static unsigned flow_advance(uv_buf_t *bufs, unsigned n, size_t taken)
{
	unsigned from = 0;
	while (from < n && taken >= bufs[from].len)
		taken -= bufs[from++].len;
	if (from < n) {
		bufs[from].base += taken;
		bufs[from].len -= taken;
	}
	memmove(bufs, bufs + from, (n - from) * sizeof(*bufs));
	return n - from;
}

/* Makes the pieces last until they are written: a large one in the read buffer keeps that
 * buffer, all else is copied.  0 or UV_ENOMEM. */
static int flow_hold(struct flow *f, uv_buf_t *bufs, unsigned n)
{
	size_t in_rbuf = 0, copied = 0;

	for (unsigned i = 0; i < n; i++)
		*(rbufs_in_current(f->rbufs, bufs[i].base) ? &in_rbuf : &copied) += bufs[i].len;
	bool hand_over = in_rbuf >= FLOW_HAND_OVER_MIN;
	if (!hand_over)
		copied += in_rbuf;
	if (copied && !(f->copy = malloc(copied)))
		return UV_ENOMEM;
	f->copy_bytes = copied;
	char *to = f->copy;
	for (unsigned i = 0; i < n; i++) {
		if (hand_over && rbufs_in_current(f->rbufs, bufs[i].base))
			continue;
		memcpy(to, bufs[i].base, bufs[i].len);
		bufs[i].base = to;
		to += bufs[i].len;
	}
	if (hand_over && !(f->held = rbufs_hand_over(f->rbufs))) {
		free(f->copy);
		f->copy = NULL;
		return UV_ENOMEM;
	}
	*f->rbufs->bytes += (int64_t)copied;
	return 0;
}

static int flow_write(struct flow *f, uv_stream_t *stream, uv_buf_t *bufs, unsigned n, bool more)
{
	must(!f->busy);
	ssize_t taken = socket_write(stream, bufs, n, more);
	if (taken < 0 && taken != UV_EAGAIN)
		return (int)taken;
	if (taken > 0) {
		if (f->sent)
			*f->sent += (uint64_t)taken;
		n = flow_advance(bufs, n, (size_t)taken);
	}
	while (n && bufs[n - 1].len == 0)
		n--;
	if (n == 0)
		return 1;
	int r = flow_hold(f, bufs, n);
	if (r)
		return r;
	for (unsigned i = 0; f->sent && i < n; i++)
		*f->sent += bufs[i].len;
	f->busy = true;
	if ((r = uv_write(&f->req, stream, bufs, n, flow_on_written))) {
		flow_release(f);
		return r;
	}
	return 0;
}

int flow_send(struct flow *f, uv_stream_t *stream, uv_buf_t *bufs, unsigned n)
{
	return flow_write(f, stream, bufs, n, false);
}

int flow_send_more(struct flow *f, uv_stream_t *stream, uv_buf_t *bufs, unsigned n)
{
	return flow_write(f, stream, bufs, n, true);
}

int flow_send_heap(struct flow *f, uv_stream_t *stream, char *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init(bytes, (unsigned)n);

	must(!f->busy);
	f->copy = bytes;
	f->copy_bytes = n;
	*f->rbufs->bytes += (int64_t)n;
	if (f->sent)
		*f->sent += n;
	f->busy = true;
	int r = uv_write(&f->req, stream, &buf, 1, flow_on_written);
	if (r)
		flow_release(f);
	return r;
}
