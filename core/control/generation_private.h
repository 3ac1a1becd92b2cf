/* SPDX-License-Identifier: Apache-2.0 */
/* control/generation_private.h -- what the files of a generation share.
 * Called by: control/generation*.c only.  Never: included elsewhere. */
#ifndef GATEHOUSE_CONTROL_GENERATION_PRIVATE_H
#define GATEHOUSE_CONTROL_GENERATION_PRIVATE_H

#include <jansson.h>
#include <stdint.h>

struct generation;
struct registry_service;
struct slot;

#define GENERATION_MS UINT64_C(1000000) /* in nanoseconds */

/* generation.c: another reason why it cannot start; ends it for those that it has. */
void generation_add_error(struct generation *, const char *text);
void generation_give_up(struct generation *);

/* generation_talk.c: what workers say, and what they are told. */

/* Its discovery has something new of a service. */
void generation_on_change(void *generation, const struct registry_service *);
/* All endpoints that another generation, or its own, knows. */
void generation_send_all(struct slot *, struct generation *from);
/* Its worker may listen, if it has asked and there is nothing more to wait for. */
void generation_tell(struct slot *, uint64_t now_ns);

#endif
