/* SPDX-License-Identifier: Apache-2.0 */
/* control/privilege.h -- from root to the user that the gateway runs as.
 * Called by: control, once it listens.  Never: comes back. */
#ifndef GATEHOUSE_CONTROL_PRIVILEGE_H
#define GATEHOUSE_CONTROL_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct gateway_config;

/* Who to become. */
struct privilege {
	bool asked; /* else nothing is to be done */
	uid_t uid;
	gid_t gid;
	char name[64]; /* of the user, for its further groups; "" when it has none */
};

/* Finds out who: "USER" or "USER:GROUP" of the command line (NULL: not given), else as configured.
 * 0, or -1 and the reason: no such user or group, or this process is not root and cannot. */
int privilege_find(const struct gateway_config *, const char *flag, struct privilege *,
		   struct error *);
/* Becomes that user with its groups, for good.  What stays is the right to bind ports below 1024,
 * for a reload that adds one.  0 or -1 and the reason. */
int privilege_drop(const struct privilege *, struct error *);
/* Gives a unix socket's file to the user. */
void privilege_give(const struct privilege *, const char *path);

#endif
