/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload.h"

#include <stdlib.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/secrets.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/gather.h"
#include "control/generation.h"
#include "control/handed_set.h"
#include "control/inspect.h"
#include "control/reload_asks.h"
#include "control/reload_check.h"
#include "control/reload_dropins.h"
#include "control/reload_given.h"
#include "control/reload_rollout.h"
#include "control/reload_texts.h"
#include "control/store.h"

enum { RELOAD_MAGIC = 0x72656c64 };

enum reload_state { RELOAD_IDLE, RELOAD_GATHERING, RELOAD_CHECKING, RELOAD_STARTING };

struct reload {
	unsigned magic;
	struct control *control;
	enum reload_state state;
	uv_timer_t turn; /* begins the next, so that no ask is answered while it is made */
	struct reload_asks asks;
	struct reload_given given;
	struct buf text; /* what is being checked and started */
	bool is_given;   /* it did not come from the file */
	bool is_same;    /* it is to be the one that serves, and the file is not read */
	bool first;      /* no generation serves yet */
	struct store store;
	struct gateway_config *config; /* GATHERING, CHECKING: what the text says */
	struct gather *gather;
	struct handed_set *handed; /* CHECKING: to go with the configuration */
	json_t *excluded;          /* plugins whose default routes are left out, and why */
	json_t *dropins, *new_dropins;
	json_t *claims, *claim_results; /* what services ask for, and what becomes of it */
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
	json_decref(r->claims);
	json_decref(r->claim_results);
	buf_fini(&r->text);
	r->config = NULL;
	r->excluded = r->new_dropins = r->claims = r->claim_results = NULL;
	r->state = RELOAD_IDLE;
	r->generation = NULL;
	r->first = false;
}

/* What was found out beside the configuration serves too. */
static void reload_keep(struct reload *r)
{
	reload_dropins_keep(&r->dropins, &r->new_dropins);
	if (r->claim_results)
		claims_taken(r->control->claims, r->claims, r->claim_results);
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

	reload_texts_log(errors, notes);
	if (outcome.done)
		reload_keep(r);
	else
		r->control->reloads_failed++;
	control_tell_ready(r->control, outcome.done ? "" : "a reload was refused");
	if (outcome.done && r->is_given)
		reload_given_serves(&r->given, &r->text);
	reload_drop(r);
	r->errors = r->notes = NULL;
	reload_asks_tell(&r->asks, &outcome);
	json_decref(errors);
	json_decref(notes);
	if (reload_asks_any(&r->asks))
		reload_turn(r);
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
	struct control *c = r->control;
	struct gateway_config *config = r->config;

	r->config = NULL;
	if (!r->first)
		reload_rollout_note(r->notes, &c->options, c->current->config, config);
	r->state = RELOAD_STARTING;
	r->generation = reload_rollout_start(c, config, r->handed, r->errors);
	if (r->generation)
		return;
	if (r->first)
		reload_first_failed(r);
	else
		reload_end(r);
}

/* ---- checking ---- */

static void reload_gather(struct reload *r);

static void reload_on_checked(void *arg, const json_t *report, const char *why)
{
	struct reload *r = reload_of(arg);

	r->inspect = NULL;
	if (reload_dropins_exclude(r->excluded, r->config, report)) {
		reload_gather(r);
		return;
	}
	reload_check_read(r->config, &r->store, r->control->options.file, report, why, r->errors);
	if (json_array_size(r->errors) == 0)
		reload_start(r);
	else if (r->first)
		reload_first_failed(r);
	else
		reload_end(r);
}

static void reload_check(struct reload *r)
{
	struct error e = { "" };

	r->state = RELOAD_CHECKING;
	r->inspect = reload_check_start(
		&(struct reload_check_spec){ .loop = &r->control->loop,
					     .file = r->control->options.file,
					     .config = r->config,
					     .handed = r->handed,
					     .cb = reload_on_checked,
					     .arg = r },
		&e);
	if (!r->inspect)
		reload_on_checked(r, NULL, e.text);
}

/* ---- gathering ---- */

/* Whether all who ask want a reload only for something new, and there is nothing new. */
static bool reload_is_same(const struct reload *r)
{
	const struct generation *current = r->control->current;

	return !r->first && str_eq(r->config->text, current->config->text) &&
	       json_equal(r->handed->json, current->handed->json) &&
	       reload_asks_only_if_changed(&r->asks);
}

static void reload_on_gathered(void *arg, struct handed_set *handed, const json_t *dropins,
			       const json_t *claims)
{
	struct reload *r = reload_of(arg);

	handed_set_unref(&r->handed);
	r->handed = handed;
	json_decref(r->new_dropins);
	r->new_dropins = json_incref((json_t *)(uintptr_t)dropins);
	json_decref(r->claim_results);
	r->claim_results = json_incref((json_t *)(uintptr_t)claims);
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
				    .claims = r->claims,
				    .cb = reload_on_gathered,
				    .arg = r };

	r->state = RELOAD_GATHERING;
	gather_start(&spec, &r->gather);
}

/* Before anything is read: a change that comes later is seen later. */
static void reload_take_prints(struct reload *r, const char *plugin_dir)
{
	if (!r->is_same)
		r->file_print = store_print_file(r->control->options.file);
	r->directory_print = store_print_directory(plugin_dir);
}

static void reload_prepare(struct reload *r)
{
	r->errors = json_array();
	r->notes = json_array();
	r->excluded = json_object();
	r->claims = claims_asked(r->control->claims);
	must(r->errors && r->notes && r->excluded && r->claims);
}

/* What is said to hold the text. */
static const char *reload_source(const struct reload *r)
{
	const struct control_options *o = &r->control->options;

	return r->is_given && o->consul_key ? o->consul_key : o->file;
}

/* Where the configuration comes from this time.  0 or -1. */
static int reload_read(struct reload *r)
{
	struct config_errors errors = { 0 };
	const char *file = r->control->options.file;
	struct str serves = r->control->current->config->text;

	r->is_given = reload_given_take(&r->given, &r->text);
	if (r->is_same && !r->is_given) {
		/* An empty text is one too. */
		must(buf_room(&r->text, serves.n + 1));
		buf_append(&r->text, serves.p, serves.n);
	}
	if (r->is_given || r->is_same || gateway_config_slurp(file, &r->text, &errors) == 0) {
		struct str text = { r->text.p ? r->text.p : "", r->text.n };
		r->config = gateway_config_load(file, &text, &errors);
	}
	if (r->config)
		secrets_learn(r->config);
	reload_texts_add_errors(r->errors, &errors, reload_source(r));
	config_errors_fini(&errors);
	return r->config ? 0 : -1;
}

static void reload_begin(struct reload *r)
{
	const char *who = reload_asks_take(&r->asks);

	log_info("reloading", LOG_S("file", r->control->options.file), LOG_S("who", who));
	notify_reloading(&r->control->notify, "reloading");
	reload_prepare(r);
	r->is_same = reload_asks_same_text(&r->asks);
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
	secrets_learn(config);
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

struct str reload_text(const struct reload *r)
{
	return (struct str){ r->given.applied.p, r->given.applied.n };
}

json_t *reload_dropins(const struct reload *r)
{
	return r->dropins ? json_incref(r->dropins) : json_array();
}

/* ---- asking ---- */

static void reload_on_turn(uv_timer_t *t)
{
	struct reload *r = reload_of(t->data);

	if (r->stopped)
		reload_asks_refuse(&r->asks);
	else if (r->state == RELOAD_IDLE && r->control->current && reload_asks_any(&r->asks))
		reload_begin(r);
}

static void reload_turn(struct reload *r)
{
	uv_timer_start(&r->turn, reload_on_turn, 0, 0);
}

struct reload_ask *reload_ask(struct reload *r, const struct reload_request *request)
{
	must(r->magic == RELOAD_MAGIC);
	if (request->text)
		reload_given_put(&r->given, *request->text);
	reload_turn(r);
	return reload_asks_add(&r->asks, request);
}

void reload_on_ready(struct reload *r, const struct generation *g)
{
	if (g == r->generation && r->first) {
		reload_keep(r);
		json_decref(r->errors);
		json_decref(r->notes);
		r->errors = r->notes = NULL;
		reload_drop(r);
	} else if (g == r->generation) {
		reload_end(r);
	}
	if (reload_asks_any(&r->asks))
		reload_turn(r);
}

void reload_on_failed(struct reload *r, const struct generation *g)
{
	if (g != r->generation || r->first)
		return;
	reload_rollout_failed(g, r->errors);
	reload_end(r);
}

/* ---- the whole ---- */

struct reload *reload_open(struct control *control)
{
	struct reload *r = xcalloc(1, sizeof(*r));

	r->magic = RELOAD_MAGIC;
	r->control = control;
	reload_asks_init(&r->asks);
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
	reload_asks_refuse(&r->asks);
}

static void reload_closed(uv_handle_t *h)
{
	struct reload *r = reload_of(h->data);

	reload_given_fini(&r->given);
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
