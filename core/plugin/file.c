/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 256 * 1024 * 1024 };

/* What this gateway is built for. */
#if __SIZEOF_POINTER__ != 8
#error "gatehouse is for 64-bit systems"
#endif
#define FILE_CLASS ELFCLASS64
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FILE_DATA ELFDATA2LSB
#else
#define FILE_DATA ELFDATA2MSB
#endif
#if defined(__x86_64__)
#define FILE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define FILE_MACHINE EM_AARCH64
#elif defined(__riscv)
#define FILE_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define FILE_MACHINE EM_PPC64
#elif defined(__s390x__)
#define FILE_MACHINE EM_S390
#else
/* The dynamic linker tells, in its own words. */
#define FILE_MACHINE eh.e_machine
#endif

/* What anyone may write, anyone may run in the gateway. */
static int file_check_mode(const char *path, const char *what, mode_t mode, struct error *e)
{
	if (mode & S_IWOTH)
		return error_set(e, "%s: refused: anyone may write this %s (chmod o-w %s)", path,
				 what, path);
	return 0;
}

static int file_check_directory(const char *dir, struct error *e)
{
	struct stat st;

	if (stat(dir, &st))
		return error_set(e, "%s: %s", dir, strerror(errno));
	return file_check_mode(dir, "directory", st.st_mode, e);
}

static bool file_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The whole file in memory (free() it), or NULL. */
static char *file_read(const char *path, size_t *size, struct error *e)
{
	struct stat st, after;
	char *bytes = NULL;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		error_set(e, "%s: %s", path, strerror(errno));
		goto fail;
	}
	/* The mode of the file that is read, not of what had its name a moment ago. */
	if (S_ISREG(st.st_mode) && file_check_mode(path, "file", st.st_mode, e))
		goto fail;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX) {
		error_set(e, "%s: not a plugin: not a regular file of at most 256 MiB", path);
		goto fail;
	}
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	while (bytes && have < *size) {
		ssize_t n = read(fd, bytes + have, *size - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (have < *size || fstat(fd, &after) || !file_same(&st, &after)) {
		error_set(e, "%s: cannot be read whole: it is being written", path);
		goto fail;
	}
	close(fd);
	return bytes;
fail:
	free(bytes);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A truncated file would be mapped and then fault: every segment must lie inside. */
static int file_check_elf(const char *path, const char *bytes, size_t size, struct error *e)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return error_set(e, "%s: not a plugin: not an ELF file", path);
	if (size < sizeof(eh))
		return error_set(e, "%s: truncated", path);
	memcpy(&eh, bytes, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != FILE_CLASS || eh.e_ident[EI_DATA] != FILE_DATA ||
	    eh.e_machine != FILE_MACHINE)
		return error_set(e, "%s: built for another kind of processor", path);
	if (eh.e_type != ET_DYN || eh.e_phentsize != sizeof(ph))
		return error_set(e, "%s: not a plugin: not a shared object (cc -shared)", path);
	if (eh.e_phoff > size || (uint64_t)eh.e_phnum * sizeof(ph) > size - eh.e_phoff)
		return error_set(e, "%s: truncated", path);
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, bytes + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			return error_set(e, "%s: truncated", path);
	}
	return 0;
}

/* FNV-1a: tells versions of a file apart; not meant against forgery. */
static void file_hash(const char *bytes, size_t size, char out[17])
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	snprintf(out, 17, "%016llx", (unsigned long long)h);
}

/* A private copy that nobody can change or truncate under us, and that leaves nothing behind: a
 * sealed memfd named by plugin and hash.  Its descriptor stays open, since the dynamic linker
 * knows objects by the name they were opened by. */
static int file_copy(const char *name, const char *hash, const char *bytes, size_t size,
		     struct error *e)
{
	char label[128];
	size_t done = 0;

	snprintf(label, sizeof(label), "%.80s-%s", name, hash);
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set(e, "%s: no memory for a private copy: %s", name, strerror(errno));
	while (done < size) {
		ssize_t n = write(fd, bytes + done, size - done);
		if (n <= 0) {
			close(fd);
			return error_set(e, "%s: no memory for a private copy", name);
		}
		done += (size_t)n;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
}

int plugin_file_open(struct plugin_file *f, const char *dir, const char *name, struct error *e)
{
	char path[PATH_MAX];
	size_t size;

	*f = (struct plugin_file){ .fd = -1 };
	if (snprintf(path, sizeof(path), "%s/%s.so", dir, name) >= (int)sizeof(path))
		return error_set(e, "the path of plugin \"%.80s\" is too long", name);
	if (file_check_directory(dir, e))
		return -1;
	char *bytes = file_read(path, &size, e);
	if (!bytes)
		return -1;
	file_hash(bytes, size, f->hash);
	if (file_check_elf(path, bytes, size, e) == 0)
		f->fd = file_copy(name, f->hash, bytes, size, e);
	free(bytes);
	if (f->fd < 0)
		return -1;
	f->name = xstrdup(name);
	f->path = xstrdup(path);
	return 0;
}

void plugin_file_close(struct plugin_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->name);
	free(f->path);
	*f = (struct plugin_file){ .fd = -1 };
}
