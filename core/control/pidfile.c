/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pidfile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int pidfile_write(const char *path, struct error *e)
{
	char beside[PATH_MAX];

	if (!path)
		return 0;
	snprintf(beside, sizeof(beside), "%s.new", path);
	FILE *f = fopen(beside, "we");
	int bad = !f;
	if (f) {
		bad = fprintf(f, "%ld\n", (long)getpid()) < 0;
		bad |= fclose(f) != 0;
	}
	if (!bad && rename(beside, path) == 0)
		return 0;
	error_set(e, "%s: %s", path, strerror(errno));
	unlink(beside);
	return -1;
}

void pidfile_remove(const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	long pid = 0;

	if (!f)
		return;
	int n = fscanf(f, "%ld", &pid);
	fclose(f);
	if (n == 1 && pid == (long)getpid())
		unlink(path);
}
