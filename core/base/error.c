/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Formatted beside the text first, because an argument may be the text itself. */
int error_set(struct error *e, const char *format, ...)
{
	struct error next;
	va_list args;

	va_start(args, format);
	vsnprintf(next.text, sizeof(next.text), format, args);
	va_end(args);
	*e = next;
	return -1;
}

int error_prefix(struct error *e, const char *format, ...)
{
	char prefix[sizeof(e->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(prefix, sizeof(prefix), format, args);
	va_end(args);
	return error_set(e, "%s: %s", prefix, e->text);
}

void error_abort(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
	abort();
}

void *xcalloc(unsigned long n, unsigned long size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	must(p != NULL);
	return p;
}

void *xrealloc(void *old, unsigned long size)
{
	void *p = realloc(old, size ? size : 1);

	must(p != NULL);
	return p;
}

char *xstrdup(const char *s)
{
	return str_dup(str_from(s));
}
