/* SPDX-License-Identifier: Apache-2.0 */
/* control/upgrade_state.h -- what a gateway hands to the one that takes over: its sockets and what
 * it knows (control/takeover.h has the form), and the words that start it.
 * Called by: control/upgrade.  Never: starts it. */
#ifndef GATEHOUSE_CONTROL_UPGRADE_STATE_H
#define GATEHOUSE_CONTROL_UPGRADE_STATE_H

#include <stddef.h>

struct control;

enum { UPGRADE_WORDS_MAX = 16 };

struct upgrade_state {
	int fd;       /* of a file without a name that holds the JSON; -1 */
	int *sockets; /* borrowed, in the order of the JSON; the array is ours */
	size_t socket_count;
};

/* 0, or -1 when there is no memory for it; upgrade_state_fini() in both cases. */
int upgrade_state_make(const struct control *, struct upgrade_state *);
void upgrade_state_fini(struct upgrade_state *);
/* "gatehouse run -c FILE ...", as this one was started; ends with NULL.  Borrowed. */
void upgrade_words(const struct control *, const char *words[UPGRADE_WORDS_MAX]);

#endif
