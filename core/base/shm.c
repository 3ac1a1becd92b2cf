/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pages.h"

/* Sealed against growing too: whoever maps it may rely on the size staying what it was. */
int shm_create(const char *name, size_t bytes, struct error *e)
{
	if (bytes == 0 || bytes > LONG_MAX)
		return error_set(e, "shared memory \"%s\": %zu bytes is not a size", name, bytes);
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set(e, "memfd_create: %s", strerror(errno));
	if (ftruncate(fd, (off_t)bytes)) {
		error_set(e, "shared memory of %zu bytes: %s", bytes, strerror(errno));
		goto fail;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		error_set(e, "sealing shared memory: %s", strerror(errno));
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

/* Large ones begin where a huge page may, which the kernel does not see to by itself. */
static void *shm_map_at(int fd, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room, before;
	char *p;

	if (n < HUGE_PAGE)
		return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	n = (n + page - 1) / page * page;
	room = n + HUGE_PAGE;
	p = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return p;
	before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (mmap(p + before, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED) {
		munmap(p, room);
		return MAP_FAILED;
	}
	if (before)
		munmap(p, before);
	munmap(p + before + n, HUGE_PAGE - before);
	return p + before;
}

void *shm_map(int fd, size_t *bytes, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st)) {
		error_set(e, "shared memory, descriptor %d: %s", fd, strerror(errno));
		return NULL;
	}
	if (st.st_size <= 0) {
		error_set(e, "shared memory, descriptor %d: empty", fd);
		return NULL;
	}
	void *p = shm_map_at(fd, (size_t)st.st_size);
	if (p == MAP_FAILED) {
		error_set(e, "mapping %lld bytes of shared memory: %s", (long long)st.st_size,
			  strerror(errno));
		return NULL;
	}
	*bytes = (size_t)st.st_size;
	return p;
}

void shm_unmap(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}
