/* SPDX-License-Identifier: Apache-2.0 */
/* control/takeover.h -- the new gateway's side of an upgrade: what it gets from the one that
 * serves, and what it says to it.
 * Called by: control, control/reload.  Never: serves before the other has stepped back.
 *
 * The old one (control/upgrade.h) starts the new one as "gatehouse run ..." with the variable
 * GATEHOUSE_UPGRADE=1 and these descriptors:
 *
 *	3        the channel: one JSON object a line
 *	4        the state, JSON: {"sockets":[{"key":TEXT|null,"name":TEXT,"ours":BOOL},...],
 *	         "generation":N,"discovery":{...}|null,"claims":{...}|null,"text":TEXT|null,
 *	         "quarantine":[...]}
 *	5 ...    the sockets
 *
 * new -> old	{"type":"ready"}  its first generation is; or {"type":"failed","errors":[TEXT,...]}
 * old -> new	{"type":"go"}     it has stepped back; its end without this word means the same
 * new -> old	{"type":"serving"}  admin listener, pid file and Consul are the new one's
 */
#ifndef GATEHOUSE_CONTROL_TAKEOVER_H
#define GATEHOUSE_CONTROL_TAKEOVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "control/channel.h"

struct control;

enum { TAKEOVER_FD_CHANNEL = 3, TAKEOVER_FD_STATE = 4, TAKEOVER_FD_SOCKETS = 5 };

struct takeover {
	bool on;       /* another gateway serves, until on_go */
	json_t *state; /* NULL: this is no upgrade */
	json_t *errors;
	struct channel channel;
	bool opened; /* the channel is */
	void (*on_go)(void *arg);
	void *arg;
};

/* Before this process opens anything: takes over what GATEHOUSE_UPGRADE tells of, sockets into the
 * set of those that were passed, generation number and quarantine.  Without it, nothing. */
void takeover_read(struct takeover *, struct control *);
/* The configuration's text when it did not come from the file: borrowed; p NULL: it did. */
struct str takeover_text(const struct takeover *);
/* What was known of services; NULL: nothing. */
const json_t *takeover_services(const struct takeover *);
/* What services asked for (control/claims.h); NULL: nothing. */
const json_t *takeover_claims(const struct takeover *);
/* Waits on the loop for the word; on_go comes once. */
void takeover_wait(struct takeover *, uv_loop_t *, void (*on_go)(void *arg), void *arg);
/* The first generation is ready. */
void takeover_ready(struct takeover *);
/* It answers for everything now: whoever asked for the upgrade may be told. */
void takeover_serving(struct takeover *);
/* One more reason why this gateway does not start. */
void takeover_note(struct takeover *, const char *why);
/* Tells the other why, unless it has stepped back, and lets go of all. */
void takeover_close(struct takeover *);

#endif
