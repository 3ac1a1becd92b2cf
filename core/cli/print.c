/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { PRINT_COLUMNS_MAX = 16 };

void print_json(json_t *value)
{
	must(value);
	json_dumpf(value, stdout, JSON_INDENT(2) | PRINT_NUMBERS);
	putchar('\n');
	json_decref(value);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t print_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void print_text(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p; p++) {
		/* Of Unicode's second block of them, the second byte. */
		bool control = *p < 0x20 || *p == 0x7f ||
			       (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);

		putchar(control ? '?' : *p);
		p += control && *p == 0xc2;
	}
}

static void print_cell(const char *text, size_t width)
{
	size_t n = print_width(text);

	print_text(text);
	for (; n < width; n++)
		putchar(' ');
}

static void print_row(const char *const *cells, const size_t *widths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		print_cell(cells[i], i + 1 < count ? widths[i] + 2 : 0);
	putchar('\n');
}

void print_columns(const char *const *head, const char *const *cells, size_t rows, size_t count)
{
	size_t widths[PRINT_COLUMNS_MAX] = { 0 };

	must(count <= PRINT_COLUMNS_MAX);
	for (size_t i = 0; i < count; i++) {
		widths[i] = print_width(head[i]);
		for (size_t r = 0; r < rows; r++) {
			size_t n = print_width(cells[r * count + i]);
			widths[i] = n > widths[i] ? n : widths[i];
		}
	}
	print_row(head, widths, count);
	for (size_t r = 0; r < rows; r++)
		print_row(&cells[r * count], widths, count);
}
