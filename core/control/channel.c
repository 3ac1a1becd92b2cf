/* SPDX-License-Identifier: Apache-2.0 */
#include "control/channel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"

enum {
	CHANNEL_MAGIC = 0x6368616e,
	CHANNEL_READ = 64 * 1024,   /* room offered to each read */
	CHANNEL_KEEP = 1024 * 1024, /* a bigger line buffer is given back once it is empty */
	CHANNEL_QUEUE_MAX = 64 * 1024 * 1024,
};

/* One message on its way. */
struct channel_write {
	uv_write_t req;
	struct channel *channel;
	size_t bytes;
	char *text;
};

static struct channel *channel_of(void *data)
{
	struct channel *c = data;

	must(c->magic == CHANNEL_MAGIC);
	return c;
}

/* Tells, once, that nothing will come any more. */
static void channel_lost(struct channel *c)
{
	uv_read_stop((uv_stream_t *)&c->pipe);
	if (!c->closing && c->on_message) {
		channel_cb on_message = c->on_message;

		c->on_message = NULL;
		on_message(c, NULL, c->arg);
	}
}

static void channel_broken(struct channel *c, const char *why, const char *detail)
{
	log_error("the other end of the channel does not keep to the format", LOG_S("why", why),
		  LOG_S("detail", detail));
	channel_lost(c);
}

/* One line without its newline. */
static void channel_line(struct channel *c, const char *p, size_t n)
{
	json_error_t e;
	json_t *message = json_loadb(p, n, JSON_REJECT_DUPLICATES, &e);

	if (!json_is_object(message))
		channel_broken(c, "not a JSON object", message ? "another type" : e.text);
	else
		c->on_message(c, message, c->arg);
	json_decref(message);
}

/* Every line there is; scan: bytes known to hold no newline. */
static void channel_lines(struct channel *c, size_t scan)
{
	size_t start = 0;
	char *end;

	while ((end = memchr(c->line + scan, '\n', c->used - scan))) {
		channel_line(c, c->line + start, (size_t)(end - c->line) - start);
		start = scan = (size_t)(end - c->line) + 1;
		if (c->closing || !c->on_message)
			return;
		if (scan == c->used)
			break;
	}
	c->used -= start;
	memmove(c->line, c->line + start, c->used);
	if (c->used == 0 && c->cap > CHANNEL_KEEP) {
		free(c->line);
		c->line = NULL;
		c->cap = 0;
	}
	if (c->used > CHANNEL_LINE_MAX)
		channel_broken(c, "line too long", "");
}

static void channel_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct channel *c = channel_of(h->data);

	(void)suggested;
	if (c->cap - c->used < CHANNEL_READ) {
		c->cap = c->cap * 2 > c->used + CHANNEL_READ ? c->cap * 2 : c->used + CHANNEL_READ;
		c->line = xrealloc(c->line, c->cap);
	}
	*out = uv_buf_init(c->line + c->used, CHANNEL_READ);
}

static void channel_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct channel *c = channel_of(s->data);

	(void)buf;
	if (n < 0) {
		channel_lost(c);
	} else if (n > 0) {
		c->used += (size_t)n;
		channel_lines(c, c->used - (size_t)n);
	}
}

void channel_drain(struct channel *c)
{
	uv_os_fd_t fd;

	must(c->magic == CHANNEL_MAGIC);
	while (!c->closing && c->on_message && uv_fileno((uv_handle_t *)&c->pipe, &fd) == 0) {
		uv_buf_t buf;

		channel_alloc((uv_handle_t *)&c->pipe, 0, &buf);
		ssize_t n = read(fd, buf.base, buf.len);
		if (n <= 0)
			return;
		channel_read((uv_stream_t *)&c->pipe, n, &buf);
	}
}

int channel_open(struct channel *c, uv_loop_t *loop, int fd, channel_cb on_message, void *arg)
{
	int rc;

	*c = (struct channel){ .magic = CHANNEL_MAGIC, .on_message = on_message, .arg = arg };
	rc = uv_pipe_init(loop, &c->pipe, 0);
	must(rc == 0);
	c->pipe.data = c;
	rc = uv_pipe_open(&c->pipe, fd);
	if (rc)
		close(fd);
	else
		rc = uv_read_start((uv_stream_t *)&c->pipe, channel_alloc, channel_read);
	return rc;
}

static void channel_written(uv_write_t *req, int status)
{
	struct channel_write *w = req->data;

	/* A failed write needs no answer: the read side reports the end too. */
	(void)status;
	w->channel->queued -= w->bytes;
	free(w->text);
	free(w);
}

int channel_send(struct channel *c, const json_t *message)
{
	must(c->magic == CHANNEL_MAGIC);
	if (c->closing)
		return UV_ECANCELED;
	char *text = json_dumps(message, JSON_COMPACT);
	if (!text)
		return UV_ENOMEM;

	/* The newline takes the place of the terminating zero. */
	size_t n = strlen(text) + 1;
	text[n - 1] = '\n';
	if (n > CHANNEL_LINE_MAX || c->queued + n > CHANNEL_QUEUE_MAX) {
		free(text);
		return UV_ENOBUFS;
	}
	struct channel_write *w = xcalloc(1, sizeof(*w));
	uv_buf_t buf = uv_buf_init(text, (unsigned)n);
	*w = (struct channel_write){ .channel = c, .bytes = n, .text = text };
	w->req.data = w;
	c->queued += n;
	int rc = uv_write(&w->req, (uv_stream_t *)&c->pipe, &buf, 1, channel_written);
	if (rc)
		channel_written(&w->req, rc);
	return rc;
}

static void channel_closed(uv_handle_t *h)
{
	struct channel *c = channel_of(h->data);

	c->magic = 0;
	free(c->line);
	c->line = NULL;
	if (c->on_closed)
		c->on_closed(c);
}

static void channel_shut(uv_shutdown_t *req, int status)
{
	struct channel *c = channel_of(req->data);

	(void)status;
	free(req);
	uv_close((uv_handle_t *)&c->pipe, channel_closed);
}

void channel_close(struct channel *c, void (*on_closed)(struct channel *))
{
	must(c->magic == CHANNEL_MAGIC && !c->closing);
	c->closing = true;
	c->on_closed = on_closed;
	uv_read_stop((uv_stream_t *)&c->pipe);
	if (c->queued) {
		uv_shutdown_t *req = xcalloc(1, sizeof(*req));

		req->data = c;
		if (uv_shutdown(req, (uv_stream_t *)&c->pipe, channel_shut) == 0)
			return;
		free(req);
	}
	uv_close((uv_handle_t *)&c->pipe, channel_closed);
}
