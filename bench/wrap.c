/* SPDX-License-Identifier: Apache-2.0 */
/* wrap -- lets a program stand before the gateway's workers, such as valgrind.
 * Loaded by: bench/instructions, with LD_PRELOAD, into the control process.
 * Never: touches anything else that a process starts. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The control process starts a worker as itself, by this name. */
int execvp(const char *file, char *const argv[])
{
	int (*real)(const char *, char *const[]) = 0;
	const char *wrapper = getenv("GATEHOUSE_BENCH_WRAP");

	*(void **)&real = dlsym(RTLD_NEXT, "execvp");
	if (wrapper && strcmp(file, "/proc/self/exe") == 0) {
		unsetenv("LD_PRELOAD");
		file = wrapper;
	}
	return real(file, argv);
}
