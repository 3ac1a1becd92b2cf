/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"

/* ---- the file ---- */

/* What it says is where requests go, so nobody else may have written it. */
static int snapshot_trust(int fd, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(e, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(e, "not a regular file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(e, "it belongs to another user");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(e, "others may write it");
	if (st.st_size > SNAPSHOT_MAX)
		return error_set(e, "larger than %d bytes", SNAPSHOT_MAX);
	return 0;
}

json_t *snapshot_read(const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	json_error_t where;
	json_t *json = NULL;

	e->text[0] = '\0';
	if (fd < 0) {
		if (errno != ENOENT)
			error_set(e, "%s", strerror(errno));
		return NULL;
	}
	if (snapshot_trust(fd, e) == 0) {
		json = json_loadfd(fd, 0, &where);
		if (!json)
			error_set(e, "not JSON: %s at byte %d", where.text, where.position);
	}
	close(fd);
	return json;
}

static int snapshot_write_all(int fd, const char *text, struct error *e)
{
	size_t n = strlen(text), done = 0;

	while (done < n) {
		ssize_t wrote = write(fd, text + done, n - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return error_set(e, "cannot write: %s", strerror(errno));
		done += (size_t)wrote;
	}
	return fsync(fd) < 0 ? error_set(e, "cannot write: %s", strerror(errno)) : 0;
}

int snapshot_write(const char *path, const char *text, struct error *e)
{
	char *temp = NULL;
	int fd, rc;

	if (asprintf(&temp, "%s.%ld.new", path, (long)getpid()) < 0)
		return error_set(e, "no memory");
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = error_set(e, "cannot create a file there: %s", strerror(errno));
	} else {
		rc = snapshot_write_all(fd, text, e);
		if (close(fd) < 0 && rc == 0)
			rc = error_set(e, "cannot write: %s", strerror(errno));
		if (rc == 0 && rename(temp, path) < 0)
			rc = error_set(e, "cannot put it in place: %s", strerror(errno));
		if (rc)
			unlink(temp);
	}
	free(temp);
	return rc;
}

/* ---- when ---- */

static void snapshot_schedule(struct snapshot *);

static void snapshot_on_work(uv_work_t *work)
{
	struct snapshot *s = container_of(work, struct snapshot, work);

	s->failed.text[0] = '\0';
	snapshot_write(s->path, s->text, &s->failed);
}

static void snapshot_let_go(struct snapshot *s)
{
	if (--s->open > 0)
		return;
	free(s->path);
	s->path = NULL;
	s->on_closed(s->closed_arg);
}

static void snapshot_on_written(uv_work_t *work, int status)
{
	struct snapshot *s = container_of(work, struct snapshot, work);
	bool bad = status < 0 || s->failed.text[0];

	free(s->text);
	s->text = NULL;
	s->working = false;
	if (s->closing) {
		snapshot_let_go(s);
		return;
	}
	if (bad && !s->faulty)
		log_warn("the snapshot of discovery cannot be written; it is tried again",
			 LOG_S("path", s->path), LOG_S("error", s->failed.text));
	if (!bad && s->faulty)
		log_info("the snapshot of discovery is written again", LOG_S("path", s->path));
	s->faulty = bad;
	s->dirty |= bad;
	snapshot_schedule(s);
}

static void snapshot_on_timer(uv_timer_t *timer)
{
	struct snapshot *s = container_of(timer, struct snapshot, timer);
	json_t *json;

	if (s->working || !s->on || !(json = s->make(s->arg)))
		return;
	s->text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!s->text)
		return;
	s->dirty = false;
	s->written = true;
	s->written_ms = uv_now(s->loop);
	s->working = uv_queue_work(s->loop, &s->work, snapshot_on_work, snapshot_on_written) == 0;
	if (!s->working) {
		free(s->text);
		s->text = NULL;
	}
}

static void snapshot_schedule(struct snapshot *s)
{
	uint64_t now = uv_now(s->loop), due = s->written ? s->written_ms + s->every_ms : now;

	if (!s->on || !s->dirty || s->working || uv_is_active((uv_handle_t *)&s->timer))
		return;
	uv_timer_start(&s->timer, snapshot_on_timer, due > now ? due - now : 0, 0);
}

void snapshot_init(struct snapshot *s, uv_loop_t *loop, const char *path, snapshot_make_cb make,
		   void *arg)
{
	*s = (struct snapshot){
		.loop = loop, .every_ms = SNAPSHOT_EVERY_MS, .make = make, .arg = arg
	};
	if (!path)
		return;
	s->path = xstrdup(path);
	must(uv_timer_init(loop, &s->timer) == 0);
}

void snapshot_enable(struct snapshot *s, bool on)
{
	if (!s->path)
		return;
	s->on = on;
	if (on)
		s->dirty = true;
	else
		uv_timer_stop(&s->timer);
	snapshot_schedule(s);
}

void snapshot_touch(struct snapshot *s)
{
	if (!s->path)
		return;
	s->dirty = true;
	snapshot_schedule(s);
}

static void snapshot_on_timer_closed(uv_handle_t *handle)
{
	snapshot_let_go(container_of((uv_timer_t *)handle, struct snapshot, timer));
}

void snapshot_close(struct snapshot *s, void (*on_closed)(void *arg), void *arg)
{
	if (!s->path) {
		on_closed(arg);
		return;
	}
	s->on_closed = on_closed;
	s->closed_arg = arg;
	s->closing = true;
	s->open = 1 + s->working;
	uv_close((uv_handle_t *)&s->timer, snapshot_on_timer_closed);
}
