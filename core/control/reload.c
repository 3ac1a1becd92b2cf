/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/handed.h"
#include "control/control.h"
#include "control/gather.h"
#include "control/generation.h"
#include "control/handed_set.h"
#include "control/inspect.h"
#include "control/store.h"

enum { RELOAD_MAGIC = 0x72656c64 };

struct reload_ask {
	struct list link;
	char *who;
	bool only_if_changed;
	reload_cb on_outcome; /* NULL: nobody wants to know */
	void *arg;
};

enum reload_state { RELOAD_IDLE, RELOAD_GATHERING, RELOAD_CHECKING, RELOAD_STARTING };

struct reload {
	unsigned magic;
	struct control *control;
	enum reload_state state;
	uv_timer_t turn;     /* begins the next, so that no ask is answered while it is made */
	struct list waiting; /* for the next reload */
	struct list serving; /* by the one on its way */
	struct buf next;     /* the text that waits for it; p NULL: none */
	struct buf text;     /* what is being checked and started */
	struct buf applied;  /* the text that was given and serves; p NULL: the file does */
	bool given;          /* text did not come from the file */
	bool first;          /* no generation serves yet */
	struct store store;
	struct gateway_config *config; /* GATHERING, CHECKING: what the text says */
	struct gather *gather;
	struct handed_set *handed; /* CHECKING: to go with the configuration */
	json_t *excluded;          /* plugins whose default routes are left out, and why */
	json_t *dropins, *new_dropins;
	struct inspect *inspect;
	uint64_t file_print, directory_print; /* of what is being read, or was last */
	const struct generation *generation;  /* STARTING: the new one */
	json_t *errors, *notes;
	bool stopped;
};

static struct reload *reload_of(void *data)
{
	struct reload *r = data;

	must(r->magic == RELOAD_MAGIC);
	return r;
}

/* ---- the outcome ---- */

static void reload_move(struct list *from, struct list *to)
{
	list_each_safe(l, from)
	{
		list_remove(l);
		list_push(to, l);
	}
}

/* Tells all of that list; they may ask again. */
static void reload_tell(struct list *asks, const struct reload_outcome *outcome)
{
	while (!list_empty(asks)) {
		struct reload_ask *ask = container_of(asks->next, struct reload_ask, link);

		list_remove(&ask->link);
		if (ask->on_outcome)
			ask->on_outcome(ask->arg, outcome);
		free(ask->who);
		free(ask);
	}
}

static void reload_log(const struct reload *r)
{
	const json_t *text;
	size_t i;

	json_array_foreach(r->errors, i, text)
		log_error("reload refused", LOG_S("error", json_string_value(text)));
	json_array_foreach(r->notes, i, text)
		log_warn("not reloaded", LOG_S("why", json_string_value(text)));
}

static void reload_turn(struct reload *r);

/* What a reload holds until its outcome. */
static void reload_drop(struct reload *r)
{
	gather_cancel(&r->gather);
	inspect_cancel(&r->inspect);
	handed_set_unref(&r->handed);
	gateway_config_free(r->config);
	json_decref(r->excluded);
	json_decref(r->new_dropins);
	buf_fini(&r->text);
	r->config = NULL;
	r->excluded = r->new_dropins = NULL;
	r->state = RELOAD_IDLE;
	r->generation = NULL;
	r->first = false;
}

static void reload_log_dropins(const json_t *dropins)
{
	const json_t *item, *route;
	size_t i, k;

	json_array_foreach(dropins, i, item)
	{
		const char *plugin = json_string_value(json_object_get(item, "plugin"));
		const char *why = json_string_value(json_object_get(item, "why"));

		if (why)
			log_warn("plugin not served", LOG_S("plugin", plugin), LOG_S("why", why));
		json_array_foreach(json_object_get(item, "routes"), k, route)
		{
			const char *path = json_string_value(json_object_get(route, "path"));

			why = json_string_value(json_object_get(route, "why"));
			if (why)
				log_warn("default route not served", LOG_S("plugin", plugin),
					 LOG_S("path", path), LOG_S("why", why));
			else
				log_info("default route served", LOG_S("plugin", plugin),
					 LOG_S("path", path));
		}
	}
}

/* What is known of plugins that the file does not name is kept, and told when it is news. */
static void reload_keep_dropins(struct reload *r)
{
	if (!r->new_dropins)
		return;
	if (!json_equal(r->new_dropins, r->dropins))
		reload_log_dropins(r->new_dropins);
	json_decref(r->dropins);
	r->dropins = r->new_dropins;
	r->new_dropins = NULL;
}

static void reload_end(struct reload *r)
{
	const struct generation *current = r->control->current;
	json_t *errors = r->errors, *notes = r->notes;
	struct reload_outcome outcome = {
		.done = json_array_size(errors) == 0,
		.generation = current ? current->number : 0,
		.errors = errors,
		.notes = notes,
	};
	struct list asks;

	reload_log(r);
	if (outcome.done)
		reload_keep_dropins(r);
	else
		r->control->reloads_failed++;
	if (outcome.done && r->given) {
		buf_fini(&r->applied);
		r->applied = r->text;
		r->text = (struct buf){ 0 };
	}
	reload_drop(r);
	r->errors = r->notes = NULL;
	list_init(&asks);
	reload_move(&r->serving, &asks);
	reload_tell(&asks, &outcome);
	json_decref(errors);
	json_decref(notes);
	if (!list_empty(&r->waiting))
		reload_turn(r);
}

static void reload_error(struct reload *r, const char *text)
{
	json_t *value = json_string(text);

	/* A text that is not UTF-8 comes from a file's name. */
	json_array_append_new(r->errors, value ? value : json_string("a text that is not UTF-8"));
}

static void reload_errors(struct reload *r, struct config_errors *errors)
{
	config_errors_sort(errors);
	for (size_t i = 0; i < errors->count; i++) {
		char *line = config_error_line(&errors->items[i], r->control->options.file);

		reload_error(r, line);
		free(line);
	}
}

/* ---- starting ---- */

__attribute__((format(printf, 2, 3))) static void reload_note(struct reload *r, const char *format,
							      ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(r->notes, json_string(text));
}

/* What this process holds itself does not change with a generation. */
static void reload_note_fixed(struct reload *r, const struct gateway_config *new)
{
	const struct control *c = r->control;
	const struct gateway_config *old = c->current->config;
	const char *was = old->admin_on ? old->admin.text : "off";
	const char *is = new->admin_on ? new->admin.text : "off";

	if (strcmp(was, is) != 0)
		reload_note(r, "admin: \"%s\" from the next start on, still \"%s\" now", is, was);
	if (c->options.log_level >= 0 && new->log_level != c->options.log_level)
		reload_note(r, "log.level: the command line's --log-level wins");
	if (c->options.log_format >= 0 && new->log_format != c->options.log_format)
		reload_note(r, "log.format: the command line's --log-format wins");
}

/* The first start fails: there is nobody to tell but who started the gateway. */
static void reload_first_failed(struct reload *r)
{
	json_t *errors = r->errors;

	json_decref(r->notes);
	r->errors = r->notes = NULL;
	reload_drop(r);
	control_first_failed(r->control, errors);
	json_decref(errors);
}

static void reload_start(struct reload *r)
{
	struct config_errors errors = { 0 };
	struct error e = { "" };
	struct gateway_config *config = r->config;

	r->config = NULL;
	if (!r->first)
		reload_note_fixed(r, config);
	r->state = RELOAD_STARTING;
	if (handed_apply(config, r->handed->json, -1, &errors) == 0) {
		r->generation = control_start_generation(r->control, config,
							 handed_set_ref(r->handed), &e);
		if (!r->generation)
			reload_error(r, e.text);
	} else {
		gateway_config_free(config);
	}
	reload_errors(r, &errors);
	config_errors_fini(&errors);
	if (r->generation)
		return;
	if (r->first)
		reload_first_failed(r);
	else
		reload_end(r);
}

/* ---- checking ---- */

static void reload_gather(struct reload *r);

/* A plugin that the file does not name cannot be what a reload fails for: its routes are left out,
 * and the rest is looked at again.  Whether that is so. */
static bool reload_exclude(struct reload *r, const char *plugin, const char *why)
{
	if (gateway_config_find_use(r->config, plugin) || json_object_get(r->excluded, plugin))
		return false;
	json_object_set_new(r->excluded, plugin, json_string(why));
	return true;
}

/* The plugin of "/autoload/PLUGIN/...", or "". */
static void reload_plugin_at(const char *pointer, char *out, size_t size)
{
	struct str rest = str_from(pointer);

	out[0] = '\0';
	if (!str_starts(rest, STR("/autoload/")))
		return;
	rest.p += 10;
	snprintf(out, size, "%.*s", (int)strcspn(rest.p, "/"), rest.p);
}

/* Errors of default routes; whether there were no others. */
static bool reload_exclude_errors(struct reload *r, const json_t *errors)
{
	const json_t *item;
	bool all = true;
	char plugin[80];
	size_t i;

	json_array_foreach(errors, i, item)
	{
		reload_plugin_at(json_string_value(json_object_get(item, "pointer")), plugin,
				 sizeof(plugin));
		if (plugin[0] && !json_object_get(r->excluded, plugin))
			reload_exclude(r, plugin, json_string_value(json_object_get(item, "text")));
		else if (!plugin[0])
			all = false;
	}
	return all && json_array_size(errors) > 0;
}

/* A plugin that crashed or hangs, with the place where it is used. */
static void reload_fault(struct reload *r, const char *plugin, const char *fault)
{
	const struct config_use *use = gateway_config_find_use(r->config, plugin);
	struct config_errors errors = { 0 };
	char pointer[256] = "";

	if (use)
		snprintf(pointer, sizeof(pointer), "%s/plugin", use->pointer);
	config_errors_add(&errors, r->config->source, pointer, "plugin \"%s\" %s", plugin, fault);
	reload_errors(r, &errors);
	config_errors_fini(&errors);
}

/* A plugin that could not be read when its copy was to be made, and could when it was checked. */
static void reload_check_copies(struct reload *r)
{
	list_each(l, &r->store.files)
	{
		const struct store_file *f = container_of(l, struct store_file, link);

		if (f->error && gateway_config_find_use(r->config, f->name))
			reload_error(r, f->error);
	}
}

static void reload_on_checked(void *arg, const json_t *report, const char *why)
{
	struct reload *r = reload_of(arg);
	const char *fault = json_string_value(json_object_get(report, "fault"));
	const char *plugin = json_string_value(json_object_get(report, "plugin"));
	const json_t *errors = json_object_get(report, "errors"), *item;
	size_t i;

	r->inspect = NULL;
	if ((fault && plugin && *plugin && reload_exclude(r, plugin, fault)) ||
	    reload_exclude_errors(r, errors)) {
		reload_gather(r);
		return;
	}
	if (!report)
		reload_error(r, why);
	if (fault)
		reload_fault(r, plugin ? plugin : "", fault);
	json_array_foreach(errors, i, item)
		reload_error(r, json_string_value(json_object_get(item, "line")));
	if (json_array_size(r->errors) == 0)
		reload_check_copies(r);
	if (json_array_size(r->errors) == 0)
		reload_start(r);
	else if (r->first)
		reload_first_failed(r);
	else
		reload_end(r);
}

static void reload_check(struct reload *r)
{
	char size[24];
	const char *operands[] = { "reload", r->control->options.file, size, NULL };
	char *handed = json_dumps(r->handed->json, JSON_COMPACT);
	struct error e = { "" };
	struct buf input = { 0 };

	must(handed);
	snprintf(size, sizeof(size), "%zu", r->config->text.n);
	buf_append(&input, r->config->text.p, r->config->text.n);
	buf_append(&input, handed, strlen(handed));
	must(!input.failed);
	r->state = RELOAD_CHECKING;
	r->inspect = inspect_start(&(struct inspect_spec){ .loop = &r->control->loop,
							   .operands = operands,
							   .input = buf_str(&input),
							   .fds = r->handed->fds,
							   .fd_count = r->handed->count,
							   .cb = reload_on_checked,
							   .arg = r },
				   &e);
	free(handed);
	buf_fini(&input);
	if (!r->inspect)
		reload_on_checked(r, NULL, e.text);
}

/* ---- gathering ---- */

/* Whether all who ask want a reload only for something new, and there is nothing new. */
static bool reload_is_same(const struct reload *r)
{
	const struct generation *current = r->control->current;

	if (r->first || !str_eq(r->config->text, current->config->text) ||
	    !json_equal(r->handed->json, current->handed->json))
		return false;
	list_each(l, &r->serving)
	{
		if (!container_of(l, struct reload_ask, link)->only_if_changed)
			return false;
	}
	return true;
}

static void reload_on_gathered(void *arg, struct handed_set *handed, const json_t *dropins)
{
	struct reload *r = reload_of(arg);

	handed_set_unref(&r->handed);
	r->handed = handed;
	json_decref(r->new_dropins);
	r->new_dropins = json_incref((json_t *)(uintptr_t)dropins);
	/* At the first start the workers find out: nothing is there that could suffer. */
	if (r->first && json_array_size(json_object_get(handed->json, "routes")) == 0) {
		reload_start(r);
	} else if (reload_is_same(r)) {
		log_info("nothing has changed");
		reload_end(r);
	} else {
		reload_check(r);
	}
}

static void reload_gather(struct reload *r)
{
	struct gather_spec spec = { .loop = &r->control->loop,
				    .store = &r->store,
				    .config = r->config,
				    .excluded = r->excluded,
				    .cb = reload_on_gathered,
				    .arg = r };

	r->state = RELOAD_GATHERING;
	gather_start(&spec, &r->gather);
}

/* Before anything is read: a change that comes later is seen later. */
static void reload_take_prints(struct reload *r, const char *plugin_dir)
{
	r->file_print = store_print_file(r->control->options.file);
	r->directory_print = store_print_directory(plugin_dir);
}

static void reload_prepare(struct reload *r)
{
	r->errors = json_array();
	r->notes = json_array();
	r->excluded = json_object();
	must(r->errors && r->notes && r->excluded);
}

/* Where the configuration comes from this time.  0 or -1. */
static int reload_read(struct reload *r)
{
	struct config_errors errors = { 0 };
	const char *file = r->control->options.file;

	r->given = r->next.p != NULL || r->applied.p != NULL;
	r->text = r->next;
	r->next = (struct buf){ 0 };
	if (!r->text.p && r->applied.p)
		buf_append(&r->text, r->applied.p, r->applied.n);
	if (r->given || gateway_config_slurp(file, &r->text, &errors) == 0) {
		struct str text = { r->text.p ? r->text.p : "", r->text.n };
		r->config = gateway_config_load(file, &text, &errors);
	}
	reload_errors(r, &errors);
	config_errors_fini(&errors);
	return r->config ? 0 : -1;
}

static void reload_begin(struct reload *r)
{
	const struct reload_ask *first = container_of(r->waiting.next, struct reload_ask, link);

	log_info("reloading", LOG_S("file", r->control->options.file), LOG_S("who", first->who));
	reload_move(&r->waiting, &r->serving);
	reload_prepare(r);
	reload_take_prints(r, r->control->current->config->plugin_dir);
	if (reload_read(r)) {
		reload_end(r);
		return;
	}
	/* The directory may be another one now. */
	r->directory_print = store_print_directory(r->config->plugin_dir);
	reload_gather(r);
}

void reload_first(struct reload *r, struct gateway_config *config)
{
	must(r->state == RELOAD_IDLE);
	reload_prepare(r);
	reload_take_prints(r, config->plugin_dir);
	r->first = true;
	r->config = config;
	reload_gather(r);
}

/* ---- watching ---- */

bool reload_is_idle(const struct reload *r)
{
	return r->state == RELOAD_IDLE && !r->stopped && r->control->current;
}

uint64_t reload_file_print(const struct reload *r)
{
	return r->file_print;
}

uint64_t reload_directory_print(const struct reload *r)
{
	return r->directory_print;
}

json_t *reload_dropins(const struct reload *r)
{
	return r->dropins ? json_incref(r->dropins) : json_array();
}

/* ---- asking ---- */

static void reload_refuse_all(struct reload *r)
{
	json_t *errors = json_pack("[s]", "the gateway is ending"), *notes = json_array();
	struct reload_outcome outcome = { .errors = errors, .notes = notes };
	struct list asks;

	must(errors && notes);
	list_init(&asks);
	reload_move(&r->serving, &asks);
	reload_move(&r->waiting, &asks);
	reload_tell(&asks, &outcome);
	json_decref(errors);
	json_decref(notes);
}

static void reload_on_turn(uv_timer_t *t)
{
	struct reload *r = reload_of(t->data);

	if (r->stopped)
		reload_refuse_all(r);
	else if (r->state == RELOAD_IDLE && r->control->current && !list_empty(&r->waiting))
		reload_begin(r);
}

static void reload_turn(struct reload *r)
{
	uv_timer_start(&r->turn, reload_on_turn, 0, 0);
}

struct reload_ask *reload_ask(struct reload *r, const struct reload_request *request)
{
	struct reload_ask *ask = xcalloc(1, sizeof(*ask));

	must(r->magic == RELOAD_MAGIC);
	ask->who = xstrdup(request->who);
	ask->only_if_changed = request->only_if_changed;
	ask->on_outcome = request->on_outcome;
	ask->arg = request->arg;
	list_push(&r->waiting, &ask->link);
	if (request->text) {
		buf_clear(&r->next);
		/* An empty text is one too: its fault is told. */
		must(buf_room(&r->next, request->text->n + 1));
		buf_append(&r->next, request->text->p, request->text->n);
	}
	reload_turn(r);
	return ask;
}

void reload_forget(struct reload_ask *ask)
{
	ask->on_outcome = NULL;
}

void reload_on_ready(struct reload *r, const struct generation *g)
{
	if (g == r->generation && r->first) {
		reload_keep_dropins(r);
		json_decref(r->errors);
		json_decref(r->notes);
		r->errors = r->notes = NULL;
		reload_drop(r);
	} else if (g == r->generation) {
		reload_end(r);
	}
	if (!list_empty(&r->waiting))
		reload_turn(r);
}

void reload_on_failed(struct reload *r, const struct generation *g)
{
	if (g != r->generation || r->first)
		return;
	for (size_t i = 0; i < g->error_count; i++)
		reload_error(r, g->errors[i]);
	if (!g->error_count)
		reload_error(r, "the new workers ended before they were ready");
	reload_end(r);
}

/* ---- the whole ---- */

struct reload *reload_open(struct control *control)
{
	struct reload *r = xcalloc(1, sizeof(*r));

	r->magic = RELOAD_MAGIC;
	r->control = control;
	list_init(&r->waiting);
	list_init(&r->serving);
	store_init(&r->store);
	must(uv_timer_init(&control->loop, &r->turn) == 0);
	r->turn.data = r;
	return r;
}

void reload_stop(struct reload *r)
{
	must(r->magic == RELOAD_MAGIC);
	r->stopped = true;
	reload_drop(r);
	reload_refuse_all(r);
}

static void reload_closed(uv_handle_t *h)
{
	struct reload *r = reload_of(h->data);

	buf_fini(&r->next);
	buf_fini(&r->applied);
	store_fini(&r->store);
	json_decref(r->errors);
	json_decref(r->notes);
	json_decref(r->dropins);
	r->magic = 0;
	free(r);
}

void reload_close(struct reload **where)
{
	struct reload *r = *where;

	if (!r)
		return;
	*where = NULL;
	reload_stop(r);
	uv_close((uv_handle_t *)&r->turn, reload_closed);
}
