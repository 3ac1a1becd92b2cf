/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload.h -- the one way to a new configuration, for all who ask for one: a signal, the
 * admin listener, a file that changed, a key in Consul.  It is checked in a child process, then
 * started beside the generation that serves; whoever asked is told the outcome.
 * Called by: control, control/admin.  Never: changes anything before the new generation is ready.
 *
 *	IDLE --ask--> GATHERING --> CHECKING --no fault--> STARTING --all are ready--> IDLE, done
 *	                   '------ a fault -----'--- one cannot start ---> IDLE, refused
 *
 * GATHERING reads the text and the plugin files, CHECKING runs the plugins' checks in a child.
 * One reload at a time: who asks meanwhile is answered by the next, which begins when it ends.
 */
#ifndef GATEHOUSE_CONTROL_RELOAD_H
#define GATEHOUSE_CONTROL_RELOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct control;
struct gateway_config;
struct generation;
struct reload;
struct reload_ask;

struct reload_outcome {
	bool done;
	uint64_t generation;  /* the one that serves now */
	const json_t *errors; /* why it was refused: an array of texts */
	const json_t *notes;  /* what the configuration asks for and a reload cannot do: as well */
};

/* Borrowed for the call; may ask again. */
typedef void (*reload_cb)(void *arg, const struct reload_outcome *);

struct reload_request {
	const char *who; /* for the log: "SIGHUP", "admin" */
	/* The configuration, copied; relative paths in it start where the file is.  Once one was
	 * taken into service, who gives none means that one.  NULL: the file. */
	const struct str *text;
	/* Without a text: what serves is meant, whatever has become of the file.  It is read only
	 * when somebody else asks for it at the same time. */
	bool same_text;
	/* When neither the text nor a plugin is another one, that is the outcome: done, by the
	 * generation that serves. */
	bool only_if_changed;
	reload_cb on_outcome; /* exactly once, and not before reload_ask() has returned; or NULL */
	void *arg;
};

struct reload *reload_open(struct control *);
/* Starts the first generation; takes the configuration.  Its end is control_on_ready() as any
 * other's, or control_first_failed(). */
void reload_first(struct reload *, struct gateway_config *);
/* Asks for a reload.  The ask is good until its outcome. */
struct reload_ask *reload_ask(struct reload *, const struct reload_request *);
/* on_outcome is not called any more; the reload goes on. */
void reload_forget(struct reload_ask *);
/* The text that serves when it did not come from the file: borrowed; p NULL: it did. */
struct str reload_text(const struct reload *);
/* The gateway ends: all who wait are told so, and those who ask later. */
void reload_stop(struct reload *);
/* Closes the handles and sets the pointer to NULL; the memory goes when the loop has let go of
 * them.  NULL is harmless. */
void reload_close(struct reload **);

/* For control/observer: whether a reload could begin; the prints (control/store.h) of the file and
 * the plugin directory that were read last. */
bool reload_is_idle(const struct reload *);
uint64_t reload_file_print(const struct reload *);
uint64_t reload_directory_print(const struct reload *);
/* The plugins that the file does not name (control/gather.h): a new reference. */
json_t *reload_dropins(const struct reload *);

/* For control: the new generation serves; it could not start.  Another generation than the one that
 * a reload has started is none of its business. */
void reload_on_ready(struct reload *, const struct generation *);
void reload_on_failed(struct reload *, const struct generation *);

#endif
