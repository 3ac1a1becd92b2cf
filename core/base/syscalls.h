/* SPDX-License-Identifier: Apache-2.0 */
/* base/syscalls.h -- the names of this machine's system calls.
 * Called by: config (names that operators write), worker/filter, control (log lines).
 * Never: says which of them may be made. */
#ifndef GATEHOUSE_BASE_SYSCALLS_H
#define GATEHOUSE_BASE_SYSCALLS_H

/* The number of "openat"; -1: there is none of that name here. */
int syscalls_number(const char *name);
/* The name, or NULL for a number that is not known. */
const char *syscalls_name(int number);
/* The name nearest to a word, for "did you mean"; NULL when none is near. */
const char *syscalls_nearest(const char *word);
/* One more than the highest number that is known here: what is above came with a later kernel. */
int syscalls_end(void);

#endif
