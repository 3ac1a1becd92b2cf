/* SPDX-License-Identifier: Apache-2.0 */
#include "control/diff.h"

#include <stdlib.h>

#include "base/error.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/secrets.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/gather.h"
#include "control/generation.h"
#include "control/handed_set.h"
#include "control/inspect.h"
#include "control/reload_check.h"
#include "control/reload_dropins.h"
#include "control/reload_rollout.h"
#include "control/reload_texts.h"
#include "control/store.h"

struct diff {
	struct control *control;
	struct gateway_config *config; /* what the text says */
	struct store store;
	struct gather *gather;
	struct inspect *inspect;
	struct handed_set *handed;
	json_t *excluded, *errors, *notes;
	json_t *claims; /* what services ask for */
	diff_cb cb;
	void *arg;
	struct diff **where;
};

static void diff_free(struct diff *d)
{
	*d->where = NULL;
	gather_cancel(&d->gather);
	inspect_cancel(&d->inspect);
	handed_set_unref(&d->handed);
	gateway_config_free(d->config);
	store_fini(&d->store);
	json_decref(d->excluded);
	json_decref(d->claims);
	json_decref(d->errors);
	json_decref(d->notes);
	free(d);
}

static void diff_end(struct diff *d, const json_t *changes)
{
	struct diff_outcome outcome = { changes, d->errors, d->notes };

	*d->where = NULL;
	d->cb(d->arg, &outcome);
	diff_free(d);
}

static void diff_gather(struct diff *d);

static void diff_on_report(void *arg, const json_t *report, const char *why)
{
	struct diff *d = arg;

	d->inspect = NULL;
	if (reload_dropins_exclude(d->excluded, d->config, report)) {
		diff_gather(d);
		return;
	}
	reload_check_read(d->config, &d->store, d->control->options.file, report, why, d->errors);
	diff_end(d, json_array_size(d->errors) ? NULL : json_object_get(report, "changes"));
}

static json_t *diff_side(const struct gateway_config *config, const struct handed_set *handed)
{
	char *hidden = secrets_hide(config);
	json_t *text = json_stringn(hidden, config->text.n);

	free(hidden);
	return json_pack("{s:o, s:O}", "text", text, "handed", handed->json);
}

static void diff_compare(struct diff *d)
{
	const struct generation *current = d->control->current;
	size_t n = current->handed->count, m = d->handed->count;
	const char *operands[] = { "diff", d->control->options.file, NULL };
	int *fds = xcalloc(n + m + 1, sizeof(*fds));
	json_t *input = json_pack("{s:o, s:o}", "old", diff_side(current->config, current->handed),
				  "new", diff_side(d->config, d->handed));
	char *text = input ? json_dumps(input, JSON_COMPACT) : NULL;
	struct error e = { "" };

	must(text);
	for (size_t i = 0; i < n; i++)
		fds[i] = current->handed->fds[i];
	for (size_t i = 0; i < m; i++)
		fds[n + i] = d->handed->fds[i];
	d->inspect = inspect_start(&(struct inspect_spec){ .loop = &d->control->loop,
							   .operands = operands,
							   .input = str_from(text),
							   .fds = fds,
							   .fd_count = n + m,
							   .cb = diff_on_report,
							   .arg = d },
				   &e);
	free(fds);
	free(text);
	json_decref(input);
	if (!d->inspect)
		diff_on_report(d, NULL, e.text);
}

static void diff_on_gathered(void *arg, struct handed_set *handed, const json_t *dropins,
			     const json_t *claims)
{
	struct diff *d = arg;

	(void)dropins;
	(void)claims;
	handed_set_unref(&d->handed);
	d->handed = handed;
	if (d->control->current) {
		diff_compare(d);
	} else {
		reload_texts_add(d->errors, "the gateway is ending");
		diff_end(d, NULL);
	}
}

static void diff_gather(struct diff *d)
{
	struct gather_spec spec = { .loop = &d->control->loop,
				    .store = &d->store,
				    .config = d->config,
				    .excluded = d->excluded,
				    .claims = d->claims,
				    .cb = diff_on_gathered,
				    .arg = d };

	gather_start(&spec, &d->gather);
}

void diff_start(struct control *c, struct str text, diff_cb cb, void *arg, struct diff **where)
{
	struct diff *d = xcalloc(1, sizeof(*d));
	struct config_errors errors = { 0 };

	*d = (struct diff){ .control = c, .cb = cb, .arg = arg, .where = where };
	*where = d;
	d->excluded = json_object();
	d->claims = claims_asked(c->claims);
	d->errors = json_array();
	d->notes = json_array();
	must(d->excluded && d->errors && d->notes);
	store_init(&d->store);
	d->config = gateway_config_load(c->options.file, &text, &errors);
	reload_texts_add_errors(d->errors, &errors, c->options.file);
	config_errors_fini(&errors);
	if (!d->config) {
		diff_end(d, NULL);
		return;
	}
	reload_rollout_note(d->notes, &c->options, c->current->config, d->config);
	diff_gather(d);
}

void diff_cancel(struct diff **where)
{
	if (*where)
		diff_free(*where);
}
