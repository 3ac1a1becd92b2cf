/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/fit.h -- who of a service's endpoints gets traffic, once its source, its check and its
 * requests have said what they know of each.
 * Called by: discovery/guard (and by simulations).  Never: leaves out the last one there is. */
#ifndef GATEHOUSE_DISCOVERY_FIT_H
#define GATEHOUSE_DISCOVERY_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "discovery/outlier.h"

/* How low the demands had to go until somebody met them. */
enum fit_level {
	FIT_SOUND,   /* all is well with those that are used */
	FIT_EJECTED, /* all others are out: the ejected are used too, since that was a guess */
	FIT_REFUSED, /* all others fail their check: those that refused are tried again */
	FIT_FAILING, /* all fail their check and are used all the same (panic) */
	FIT_NONE     /* nobody is offered; or all fail, and that is to be an error */
};

/* One endpoint: what is known, and whether it is used. */
struct fit {
	bool offered; /* by its source */
	bool failing; /* its check */
	enum outlier_state state;
	uint16_t priority; /* of those that meet the demands the smallest is used */
	bool used;
};

/* Sets used.  panic: use those that fail their check when there is nobody else. */
enum fit_level fit_choose(struct fit *, size_t n, bool panic);

#endif
