/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/replay.c -- gives each file of a fuzzer's corpus to the fuzzer once.
 * Linked with every tests/fuzz/fuzz_X.c for make check, where libFuzzer is not there.
 * Called as fuzz_X [FILE...]; without a file it reads $SRCDIR/tests/fuzz/corpus/X. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	/* Exactly as long as the input, so that a sanitizer sees a read past its end. */
	size = (size_t)st.st_size;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, file) != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return -1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		char *path = NULL;
		int failed;

		if (entry->d_name[0] == '.')
			continue;
		failed = asprintf(&path, "%s/%s", folder, entry->d_name) < 0 || replay_file(path);
		free(path);
		if (failed)
			break;
		count++;
	}
	closedir(dir);
	if (entry != NULL)
		return -1;
	if (count == 0) {
		fprintf(stderr, "%s: empty\n", folder);
		return -1;
	}
	printf("%s: %d inputs replayed\n", folder, count);
	return 0;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("SRCDIR");
	const char *name = strrchr(argv[0], '/');
	char folder[PATH_MAX];

	for (int i = 1; i < argc; i++) {
		if (replay_file(argv[i]) != 0)
			return 1;
	}
	if (argc > 1)
		return 0;
	name = name != NULL ? name + 1 : argv[0];
	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".",
		 name);
	return replay_folder(folder) == 0 ? 0 : 1;
}
