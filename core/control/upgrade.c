/* SPDX-License-Identifier: Apache-2.0 */
#include "control/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "base/log.h"
#include "control/channel.h"
#include "control/control.h"
#include "control/reload.h"
#include "control/takeover.h"
#include "control/upgrade_state.h"

enum { UPGRADE_MAGIC = 0x75706772, UPGRADE_LIMIT_MS = 60 * 1000 };

extern char **environ;

struct upgrade {
	unsigned magic;
	struct control *control;
	uv_process_t process;
	uv_timer_t limit;
	struct channel channel;
	unsigned open; /* of process, limit and channel, not closed yet */
	int pid;
	bool handed;    /* the other serves */
	bool told;      /* cb was called */
	json_t *errors; /* what it says is wrong */
	upgrade_cb cb;
	void *arg;
};

static char upgrade_path[PATH_MAX];

static struct upgrade *upgrade_of(void *data)
{
	struct upgrade *u = data;

	must(u->magic == UPGRADE_MAGIC);
	return u;
}

/* ---- the end ---- */

static void upgrade_release(struct upgrade *u)
{
	if (--u->open)
		return;
	json_decref(u->errors);
	u->magic = 0;
	free(u);
}

static void upgrade_handle_closed(uv_handle_t *h)
{
	upgrade_release(upgrade_of(h->data));
}

static void upgrade_channel_closed(struct channel *c)
{
	upgrade_release(container_of(c, struct upgrade, channel));
}

static void upgrade_let_go(struct upgrade *u)
{
	if (u->control->upgrade == u)
		u->control->upgrade = NULL;
	uv_close((uv_handle_t *)&u->process, upgrade_handle_closed);
	uv_close((uv_handle_t *)&u->limit, upgrade_handle_closed);
	channel_close(&u->channel, upgrade_channel_closed);
}

static void upgrade_tell(struct upgrade *u, bool done)
{
	struct upgrade_outcome outcome = { .done = done, .pid = u->pid, .errors = u->errors };
	const json_t *text;
	size_t i;

	if (u->told)
		return;
	u->told = true;
	if (done)
		log_info("upgraded: another process serves", LOG_I("serves", u->pid));
	json_array_foreach(u->errors, i, text)
		log_error("upgrade refused", LOG_S("error", json_string_value(text)));
	if (u->cb)
		u->cb(u->arg, &outcome);
}

static void upgrade_fault(struct upgrade *u, const char *text)
{
	json_array_append_new(u->errors, json_string(text));
}

/* ---- on its way ---- */

static void upgrade_on_message(struct channel *channel, const json_t *message, void *arg)
{
	struct upgrade *u = upgrade_of(arg);
	const char *type = json_string_value(json_object_get(message, "type"));

	if (!type || u->told)
		return;
	if (strcmp(type, "failed") == 0) {
		json_array_extend(u->errors, json_object_get(message, "errors"));
	} else if (strcmp(type, "ready") == 0 && !u->control->stopping) {
		json_t *go = json_pack("{s:s}", "type", "go");

		uv_timer_stop(&u->limit);
		u->handed = true;
		control_hand_over(u->control, u->pid);
		must(go);
		channel_send(channel, go);
		json_decref(go);
	} else if (strcmp(type, "serving") == 0 && u->handed) {
		upgrade_tell(u, true);
		control_check_end(u->control);
	}
}

static void upgrade_on_exit(uv_process_t *process, int64_t status, int signal)
{
	struct upgrade *u = upgrade_of(process->data);
	char text[160];

	channel_drain(&u->channel);
	if (u->handed) {
		log_error("the gateway that took over has ended", LOG_I("pid", u->pid),
			  LOG_I("status", status), LOG_I("signal", signal));
		upgrade_fault(u, "the new process took over, and has ended");
	} else if (json_array_size(u->errors) == 0) {
		if (signal)
			snprintf(text, sizeof(text),
				 "the new process was ended by SIG%s before "
				 "it was ready",
				 sigabbrev_np(signal) ? sigabbrev_np(signal) : "?");
		else
			snprintf(
				text, sizeof(text),
				"the new process ended with exit status %lld before it was ready%s",
				(long long)status,
				status == 0 ? "; is it gatehouse?" :
					      "; what it has to say of it is in the log");
		upgrade_fault(u, text);
	}
	struct control *c = u->control;
	upgrade_tell(u, false);
	upgrade_let_go(u);
	control_check_end(c);
}

static void upgrade_on_limit(uv_timer_t *t)
{
	struct upgrade *u = upgrade_of(t->data);

	upgrade_fault(u, "the new process was not ready within 60 s");
	uv_process_kill(&u->process, SIGKILL);
}

/* ---- the start ---- */

void upgrade_init(void)
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", upgrade_path, sizeof(upgrade_path) - 1);
	size_t tail = sizeof(gone) - 1;

	n = n < 0 ? 0 : n;
	upgrade_path[n] = '\0';
	if ((size_t)n > tail && strcmp(upgrade_path + n - tail, gone) == 0)
		upgrade_path[(size_t)n - tail] = '\0';
}

/* Whoever reaches the admin listener may ask for this: only what nobody but root and the gateway's
 * own user could have put there is executed. */
static int upgrade_check_file(const char *path, struct error *e)
{
	struct stat st;

	if (path[0] != '/')
		return error_set(e, "%s: not an absolute path", path);
	if (stat(path, &st))
		return error_set(e, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return error_set(e, "%s: not a program that may be executed", path);
	if (st.st_mode & S_IWOTH || (st.st_uid != 0 && st.st_uid != geteuid()))
		return error_set(e,
				 "%s: others than root and the gateway's user may write it (chmod "
				 "o-w, chown)",
				 path);
	return 0;
}

static int upgrade_check(const struct control *c, const char *path, struct error *e)
{
	if (c->stopping)
		return error_set(e, "the gateway is ending");
	if (c->upgrade)
		return error_set(e, "an upgrade is on its way");
	if (!c->current || c->takeover.on || !reload_is_idle(c->reload))
		return error_set(e, "the gateway starts or reloads; ask again when it serves");
	if (getpid() == 1)
		return error_set(e, "this is the first process of a container, which ends with it: "
				    "start another container, or this one with an init");
	return upgrade_check_file(path, e);
}

/* All of the environment, the service manager's address with it; the array is the caller's. */
static char **upgrade_environment(const struct control *c, char *upgrade, char notify[160],
				  char watchdog[64])
{
	const char *address = notify_address(&c->notify);
	size_t n = 0;

	while (environ[n])
		n++;
	char **env = xcalloc(n + 4, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		env[i] = environ[i];
	env[n++] = upgrade;
	if (address) {
		snprintf(notify, 160, "NOTIFY_SOCKET=%s", address);
		env[n++] = notify;
	}
	if (c->notify.watchdog_ns) {
		snprintf(watchdog, 64, "WATCHDOG_USEC=%llu",
			 (unsigned long long)(c->notify.watchdog_ns / 1000));
		env[n++] = watchdog;
	}
	return env;
}

static int upgrade_spawn(struct upgrade *u, const char *path, int channel_fd,
			 const struct upgrade_state *state)
{
	const char *words[UPGRADE_WORDS_MAX];
	char notify[160], watchdog[64], upgrade[] = "GATEHOUSE_UPGRADE=1";
	size_t n = TAKEOVER_FD_SOCKETS + state->socket_count;
	uv_stdio_container_t *io = xcalloc(n, sizeof(*io));
	uv_process_options_t options = {
		.exit_cb = upgrade_on_exit,
		.file = path,
		.args = (char **)(uintptr_t)words,
		.env = upgrade_environment(u->control, upgrade, notify, watchdog),
		.stdio = io,
		.stdio_count = (int)n,
	};

	upgrade_words(u->control, words);
	for (size_t i = 0; i < n; i++)
		io[i] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = (int)i };
	io[TAKEOVER_FD_CHANNEL].data.fd = channel_fd;
	io[TAKEOVER_FD_STATE].data.fd = state->fd;
	for (size_t i = 0; i < state->socket_count; i++)
		io[TAKEOVER_FD_SOCKETS + i].data.fd = state->sockets[i];
	/* Libraries open descriptors that no other process must inherit; those above it will. */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	int rc = uv_spawn(&u->control->loop, &u->process, &options);
	free(options.env);
	free(io);
	return rc;
}

static int upgrade_begin(struct upgrade *u, const char *path, struct error *e)
{
	struct upgrade_state state;
	int pair[2], rc = uv_socketpair(SOCK_STREAM, 0, pair, UV_NONBLOCK_PIPE, 0);

	if (rc)
		return error_set(e, "socketpair: %s", uv_strerror(rc));
	u->open = 3;
	must(uv_timer_init(&u->control->loop, &u->limit) == 0);
	must(channel_open(&u->channel, &u->control->loop, pair[0], upgrade_on_message, u) == 0);
	rc = upgrade_state_make(u->control, &state) ? UV_ENOMEM :
						      upgrade_spawn(u, path, pair[1], &state);
	upgrade_state_fini(&state);
	close(pair[1]);
	u->process.data = u->limit.data = u;
	if (rc) {
		error_set(e, "%s: %s", path, uv_strerror(rc));
		upgrade_let_go(u);
		return -1;
	}
	u->pid = u->process.pid;
	must(uv_timer_start(&u->limit, upgrade_on_limit, UPGRADE_LIMIT_MS, 0) == 0);
	return 0;
}

struct upgrade *upgrade_start(struct control *c, const struct upgrade_request *r, struct error *e)
{
	const char *path = r->binary ? r->binary : upgrade_path;

	if (upgrade_check(c, path, e)) {
		log_error("upgrade refused", LOG_S("error", e->text), LOG_S("who", r->who));
		return NULL;
	}
	struct upgrade *u = xcalloc(1, sizeof(*u));
	*u = (struct upgrade){ .magic = UPGRADE_MAGIC, .control = c, .cb = r->cb, .arg = r->arg };
	u->errors = json_array();
	must(u->errors);
	log_info("upgrading", LOG_S("binary", path), LOG_S("who", r->who));
	if (upgrade_begin(u, path, e)) {
		log_error("upgrade refused", LOG_S("error", e->text), LOG_S("who", r->who));
		if (u->open == 0) {
			json_decref(u->errors);
			free(u);
		}
		return NULL;
	}
	c->upgrade = u;
	return u;
}

bool upgrade_waits(const struct upgrade *u)
{
	return u && u->handed && !u->told;
}

void upgrade_forget(struct upgrade *u)
{
	u->cb = NULL;
}

void upgrade_close(struct upgrade **where)
{
	struct upgrade *u = *where;

	if (!u)
		return;
	if (!u->handed) {
		uv_process_kill(&u->process, SIGKILL);
		upgrade_fault(u, "the gateway is ending");
		upgrade_tell(u, false);
	}
	upgrade_let_go(u);
	*where = NULL;
}
