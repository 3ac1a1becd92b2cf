/* SPDX-License-Identifier: Apache-2.0 */
/* control/observer.h -- asks for a reload when the configuration file ("watch") or a file of the
 * plugin directory ("autoload") is another than the one that serves.
 * Called by: control.  Never: reads a file's content.
 *
 * It looks several times a second at what stat(2) says, instead of waiting for inotify: that sees
 * a file written in place, one renamed over, and a symbolic link switched anywhere on the way to
 * it, on network file systems too.  A change is taken up once two looks in a row have found the
 * same. */
#ifndef GATEHOUSE_CONTROL_OBSERVER_H
#define GATEHOUSE_CONTROL_OBSERVER_H

#include <stdint.h>
#include <uv.h>

struct control;

struct observer {
	uv_timer_t timer;
	struct control *control;
	uint64_t file, directory; /* prints of the look before */
};

void observer_start(struct observer *, struct control *);
/* Closes the timer. */
void observer_close(struct observer *);

#endif
