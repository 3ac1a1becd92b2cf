/* SPDX-License-Identifier: Apache-2.0 */
/* cli/symbols.c: addresses of this process, as the control process would ask for a worker's. */
#include "cli/symbols.h"

#include <regex.h>

#include "cli.h"
#include "plugin/image.h"

static const struct gh_host host = { .size = sizeof(host) };

/* /proc/self/maps; free() it. */
static char *maps(void)
{
	enum { MAPS_MAX = 1 << 20 };
	char *text = calloc(1, MAPS_MAX);
	FILE *f = fopen("/proc/self/maps", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(text, 1, MAPS_MAX - 1, f), 0);
	fclose(f);
	return text;
}

/* The lines for these addresses (ended by 0) in maps, joined by "|". */
static const char *lines(const char *text, const char *dir, const uintptr_t *frames)
{
	static char out[4096];
	json_t *input = json_pack("{s:s, s:[]}", "maps", text, "frames");
	size_t n = 0, i;
	json_t *line;

	for (; *frames; frames++)
		json_array_append_new(json_object_get(input, "frames"),
				      json_integer((json_int_t)*frames));
	json_t *report = symbols_find(input, dir);
	out[0] = '\0';
	json_array_foreach(json_object_get(report, "backtrace"), i, line) n += (size_t)snprintf(
		out + n, sizeof(out) - n, "%s%s", i ? "|" : "", json_string_value(line));
	json_decref(report);
	json_decref(input);
	return out;
}

static void ck_like(const char *text, const char *pattern)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, text, 0, NULL, 0) == 0, "\"%s\" is not like %s", text, pattern);
	regfree(&re);
}

/* Without debug information there is no file and line. */
#define SOURCE(file) "( " file "\\.c:[0-9]+)?"

START_TEST(test_own_function)
{
	char *text = maps();
	uintptr_t at = (uintptr_t)symbols_find;

	ck_like(lines(text, "", (uintptr_t[]){ at, 0 }),
		"^symbols_find\\+0x0" SOURCE("symbols") " \\(test_symbols\\)$");
	/* What follows is a return address: behind the call, perhaps in the next function. */
	ck_like(lines(text, "", (uintptr_t[]){ at + 1, at + 1, 0 }),
		"^symbols_find\\+0x1" SOURCE("symbols") " \\(test_symbols\\)"
							"\\|symbols_find\\+0x1" SOURCE(
								"symbols") " \\(test_symbols\\)$");
	ck_assert_ptr_null(strstr(lines(text, "", (uintptr_t[]){ at, at, 0 }), "|symbols_find+"));
	free(text);
}
END_TEST

START_TEST(test_library)
{
	char *text = maps();

	ck_like(lines(text, "", (uintptr_t[]){ (uintptr_t)json_array_size, 0 }),
		"^json_array_size\\+0x0.* \\(libjansson\\.so[.0-9]*\\)$");
	free(text);
}
END_TEST

/* The plugin's file is found by its name and content. */
START_TEST(test_copy_of_a_plugin)
{
	struct error e = { "" };
	struct plugin_image *image = plugin_image_load(scratch_plugins_built(), "lab_info", &host,
						       &e);

	ck_assert_msg(image != NULL, "%s", e.text);
	uintptr_t at[] = { (uintptr_t)image->plugin.on_request, 0 };
	char *text = maps();
	ck_contains(text, "/memfd:lab_info-");
	ck_like(lines(text, scratch_plugins_built(), at),
		"^info_on_request\\+0x0" SOURCE("lab_info") " \\(lab_info\\.so\\)$");
	/* It has gone from there, or is another one now. */
	ck_like(lines(text, "/nowhere", at), "^lab_info\\.so\\+0x[0-9a-f]+$");
	char command[PATH_MAX + 128];
	snprintf(command, sizeof(command), "cp %s/lab_info.so %s && echo >>%s",
		 scratch_plugins_built(), scratch_path("lab_info.so"), scratch_path("lab_info.so"));
	ck_assert_int_eq(system(command), 0);
	ck_like(lines(text, scratch_dir(), at), "^lab_info\\.so\\+0x[0-9a-f]+$");
	free(text);
	plugin_image_free(image);
}
END_TEST

/* A text of maps with one module at 0x7f0000000000. */
static const char *module(const char *file)
{
	static char text[512];

	snprintf(text, sizeof(text), "7f0000000000-7f0000001000 r-xp 00000000 08:01 7 %s\n", file);
	return text;
}

START_TEST(test_module_that_cannot_be_read)
{
	const uintptr_t at[] = { 0x7f0000000010, 0 };

	ck_assert_str_eq(lines(module("/nowhere/gone.so"), "", at), "gone.so+0x10");
	/* Names like those of copies, and none. */
	ck_contains(lines(module("/memfd:short (deleted)"), "", at), "+0x10");
	ck_contains(lines(module("/memfd:0123456789abcdef (deleted)"), "", at), "+0x10");
	ck_contains(lines(module("/memfd:p_0123456789abcdef (deleted)"), "", at), "+0x10");
	ck_assert_str_eq(lines(module("/memfd:p-0123456789abcdef (deleted)"), "/nowhere", at),
			 "p.so+0x10");
	/* Nobody waits for a writer. */
	ck_assert_int_eq(mkfifo(scratch_path("pipe.so"), 0600), 0);
	ck_assert_str_eq(lines(module(scratch_path("pipe.so")), "", at), "pipe.so+0x10");
	scratch_write("text.so", "no ELF file");
	ck_assert_str_eq(lines(module(scratch_path("text.so")), "", at), "text.so+0x10");
}
END_TEST

START_TEST(test_addresses_without_a_module)
{
	ck_assert_str_eq(lines(module("/nowhere/gone.so"), "", (uintptr_t[]){ 0x1234, 0 }),
			 "0x1234");
	ck_assert_str_eq(lines("", "", (uintptr_t[]){ 0x10, 0x20, 0 }), "0x10|0x20");
	ck_assert_str_eq(lines("no maps\n\n-", "", (uintptr_t[]){ 0x10, 0 }), "0x10");
}
END_TEST

/* The report is always one, whatever the control process got from a worker. */
START_TEST(test_no_input)
{
	static const char *const inputs[] = { "null", "[]", "{}", "{\"frames\": 1, \"maps\": 2}" };

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		json_t *input = json_loads(inputs[i], JSON_DECODE_ANY, NULL);
		json_t *report = symbols_find(input, "");
		ck_assert(json_is_array(json_object_get(report, "backtrace")));
		ck_assert_uint_eq(json_array_size(json_object_get(report, "backtrace")), 0);
		json_decref(report);
		json_decref(input);
	}
	json_t *odd = json_pack("{s:[s,n,i]}", "frames", "x", 0);
	json_t *report = symbols_find(odd, "");
	json_t *expected = json_pack("{s:[s,s,s]}", "backtrace", "0x0", "0x0", "0x0");
	ck_assert(json_equal(report, expected));
	json_decref(expected);
	json_decref(report);
	json_decref(odd);
}
END_TEST

CLI_SUITE("symbols", test_own_function, test_library, test_copy_of_a_plugin,
	  test_module_that_cannot_be_read, test_addresses_without_a_module, test_no_input)
