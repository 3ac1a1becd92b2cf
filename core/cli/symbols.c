/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbols.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "plugin/file.h"

enum { SYMBOLS_TEXT = 512, SYMBOLS_HASH = 16 };

static const char *symbols_plugin_dir;

/* "/memfd:NAME-HASH (deleted)": the name, or false. */
static bool symbols_is_copy(const char *module, char name[128], char hash[SYMBOLS_HASH + 1])
{
	struct str text = str_from(module);

	if (!str_starts(text, STR("/memfd:")))
		return false;
	text.p += strlen("/memfd:");
	text.n = strcspn(text.p, " ");
	if (text.n < SYMBOLS_HASH + 2 || text.n - SYMBOLS_HASH > 127 ||
	    text.p[text.n - SYMBOLS_HASH - 1] != '-')
		return false;
	snprintf(name, 128, "%.*s", (int)(text.n - SYMBOLS_HASH - 1), text.p);
	snprintf(hash, SYMBOLS_HASH + 1, "%s", text.p + text.n - SYMBOLS_HASH);
	return true;
}

/* The file that the copy was made of, unless another has taken its place. */
static char *symbols_plugin_path(const char *name, const char *hash)
{
	struct plugin_file file;
	char *path = NULL;
	struct error e;

	if (plugin_file_open(&file, symbols_plugin_dir, name, &e))
		return NULL;
	if (strcmp(file.hash, hash) == 0)
		path = xstrdup(file.path);
	plugin_file_close(&file);
	return path;
}

static int symbols_find_elf(Dwfl_Module *mod, void **data, const char *module, Dwarf_Addr base,
			    char **file, Elf **elf)
{
	char name[128], hash[SYMBOLS_HASH + 1];
	char *path = symbols_is_copy(module, name, hash) ? symbols_plugin_path(name, hash) :
							   xstrdup(module);

	(void)mod;
	(void)data;
	(void)base;
	*elf = NULL;
	if (!path)
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		free(path);
	else
		*file = path;
	return fd;
}

static const Dwfl_Callbacks symbols_callbacks = {
	.find_elf = symbols_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

static void symbols_label(const char *module, char out[160])
{
	char name[128], hash[SYMBOLS_HASH + 1];
	const char *slash = strrchr(module, '/');

	if (symbols_is_copy(module, name, hash))
		snprintf(out, 160, "%s.so", name);
	else
		snprintf(out, 160, "%s", slash ? slash + 1 : module);
}

static void symbols_name(Dwfl *dwfl, Dwarf_Addr pc, Dwarf_Addr look, char out[SYMBOLS_TEXT])
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, look);
	GElf_Off offset = 0;
	GElf_Sym symbol;
	char label[160], source[160] = "";
	Dwarf_Addr start;
	int line = 0;

	if (!mod) {
		snprintf(out, SYMBOLS_TEXT, "0x%" PRIx64, (uint64_t)pc);
		return;
	}
	symbols_label(dwfl_module_info(mod, NULL, &start, NULL, NULL, NULL, NULL, NULL), label);
	const char *name = dwfl_module_addrinfo(mod, look, &offset, &symbol, NULL, NULL, NULL);
	Dwfl_Line *at = dwfl_module_getsrc(mod, look);
	const char *file = at ? dwfl_lineinfo(at, NULL, &line, NULL, NULL, NULL) : NULL;
	if (file)
		snprintf(source, sizeof(source), " %s:%d",
			 strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
	if (name)
		snprintf(out, SYMBOLS_TEXT, "%.200s+0x%" PRIx64 "%s (%s)", name,
			 (uint64_t)(offset + (pc - look)), source, label);
	else
		snprintf(out, SYMBOLS_TEXT, "%s+0x%" PRIx64, label, (uint64_t)(pc - start));
}

static Dwfl *symbols_open(const char *maps)
{
	Dwfl *dwfl = dwfl_begin(&symbols_callbacks);
	FILE *text = *maps ? fmemopen((void *)(uintptr_t)maps, strlen(maps), "r") : NULL;

	if (dwfl) {
		dwfl_report_begin(dwfl);
		if (text)
			dwfl_linux_proc_maps_report(dwfl, text);
		dwfl_report_end(dwfl, NULL, NULL);
	}
	if (text)
		fclose(text);
	return dwfl;
}

json_t *symbols_find(const json_t *input, const char *plugin_dir)
{
	const char *maps = json_string_value(json_object_get(input, "maps"));
	json_t *list = json_array();
	const json_t *frame;
	size_t i;

	must(list);
	/* Nothing is fetched from anywhere for a log line. */
	unsetenv("DEBUGINFOD_URLS");
	symbols_plugin_dir = plugin_dir;
	Dwfl *dwfl = symbols_open(maps ? maps : "");
	json_array_foreach(json_object_get(input, "frames"), i, frame)
	{
		Dwarf_Addr pc = (Dwarf_Addr)json_integer_value(frame);
		char text[SYMBOLS_TEXT] = "?";

		/* A return address is behind the call. */
		if (dwfl)
			symbols_name(dwfl, pc, i && pc ? pc - 1 : pc, text);
		json_array_append_new(list, json_string(text));
	}
	if (dwfl)
		dwfl_end(dwfl);
	return json_pack("{s:o}", "backtrace", list);
}
