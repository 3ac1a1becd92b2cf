/* SPDX-License-Identifier: Apache-2.0 */
#include "control/json_fd.h"

#include <sys/mman.h>
#include <sys/stat.h>

json_t *json_fd_read(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_size <= 0 || (size_t)st.st_size > max)
		return NULL;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	json_t *json = json_loadb(p, (size_t)st.st_size, 0, NULL);
	munmap(p, (size_t)st.st_size);
	return json;
}
