/* SPDX-License-Identifier: Apache-2.0 */
/* base/error.h -- one human-readable reason why loading or configuring failed.
 * Called by: everything that runs at load time.  Never: used on the data path. */
#ifndef GATEHOUSE_BASE_ERROR_H
#define GATEHOUSE_BASE_ERROR_H

/* The caller's; text is always NUL-terminated and "" when nothing failed. */
struct error {
	char text[512];
};

/* Sets the text and returns -1, so that a function can end with it. */
__attribute__((format(printf, 2, 3))) int error_set(struct error *, const char *format, ...);
/* Puts text in front: "prefix: text".  Returns -1. */
__attribute__((format(printf, 2, 3))) int error_prefix(struct error *, const char *format, ...);

/* Ends the process with file, line and condition on stderr, in every build. */
#define must(condition) ((condition) ? (void)0 : error_abort(__FILE__, __LINE__, #condition))
_Noreturn void error_abort(const char *file, int line, const char *what);

/* malloc family that aborts when there is no memory: for start-up and control. */
void *xcalloc(unsigned long n, unsigned long size);
void *xrealloc(void *, unsigned long size);
char *xstrdup(const char *);

#endif
