/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/spares.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

void spares_init(struct spares *s, uv_loop_t *loop, const json_t *workers, int each, int first)
{
	const json_t *worker;
	size_t i;

	s->loop = loop;
	s->each = each;
	json_array_foreach(workers, i, worker)
	{
		int whose = (int)json_integer_value(worker);

		for (int k = 0; k < each && s->count < WORKER_SPARES_MAX; k++) {
			s->fds[s->count] = first++;
			s->workers[s->count++] = whose;
		}
	}
	/* As libuv does with those that it is given: no program started here needs them. */
	for (int k = 0; k < s->count; k++)
		fcntl(s->fds[k], F_SETFD, FD_CLOEXEC);
}

static void spares_on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void spares_drop(struct spares *s, int i)
{
	if (s->adopted[i])
		uv_close(&s->adopted[i]->u.handle, spares_on_closed);
	s->adopted[i] = NULL;
}

/* On a descriptor of its own, which goes with the listener. */
static void spares_take(struct spares *s, int i)
{
	int fd = fcntl(s->fds[i], F_DUPFD_CLOEXEC, 3);
	struct listener *l = xcalloc(1, sizeof(*l));
	int rc = fd < 0 ? UV_EMFILE : listener_open(l, s->loop, fd, s->on_connection, s->arg);

	if (rc == 0) {
		s->adopted[i] = l;
		return;
	}
	log_warn("cannot accept for another worker", LOG_I("worker", s->workers[i]),
		 LOG_S("error", uv_strerror(rc)));
	/* Once it has a handle, the loop knows it. */
	if (l->u.handle.type)
		uv_close(&l->u.handle, spares_on_closed);
	else
		free(l);
}

void spares_adopt(struct spares *s, int worker, bool on)
{
	for (int i = 0; i < s->count; i++) {
		if (s->workers[i] != worker || on == (s->adopted[i] != NULL))
			continue;
		if (on)
			spares_take(s, i);
		else
			spares_drop(s, i);
	}
}

void spares_close(struct spares *s)
{
	for (int i = 0; i < s->count; i++) {
		spares_drop(s, i);
		close(s->fds[i]);
	}
	s->count = 0;
}
