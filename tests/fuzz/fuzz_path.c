/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz/fuzz_path.c -- any bytes as a path, under any rules: the first byte is the rules, a bit
 * each.  What comes out must be in normal form, and safe whoever decodes it. */
#include "http/path.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"

static int fuzz_digit(char c)
{
	const char *digits = "00112233445566778899aAbBcCdDeEfF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) / 2 : -1;
}

/* A reader that decodes everything, once. */
static size_t fuzz_decode(struct str s, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool encoded = s.p[i] == '%' && i + 2 < s.n && fuzz_digit(s.p[i + 1]) >= 0 &&
			       fuzz_digit(s.p[i + 2]) >= 0;
		to[n++] = encoded ? (char)(fuzz_digit(s.p[i + 1]) * 16 + fuzz_digit(s.p[i + 2])) :
				    s.p[i];
		i += encoded ? 2 : 0;
	}
	return n;
}

/* ... that takes backslashes for slashes and knows parameters: it must see no "..", or it
 * would serve what another route guards. */
static void fuzz_look_for_dots(const char *p, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && p[i] != '/' && p[i] != '\\')
			continue;
		const char *end = memchr(p + start, ';', i - start);
		size_t name = end ? (size_t)(end - p) - start : i - start;
		must(!(name == 2 && p[start] == '.' && p[start + 1] == '.'));
		start = i + 1;
	}
}

/* As the gateway reads it: no empty and no dot segment, and nothing that may not stand there. */
static void fuzz_check_form(struct str path)
{
	must(path.n >= 1 && path.p[0] == '/');
	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];
		must(c > 0x20 && c < 0x7f && !strchr("\"#<>?[\\]^`{|}", c));
		if (c != '/')
			continue;
		struct str rest = { path.p + i + 1, path.n - i - 1 };
		must(!str_starts(rest, STR("/")));
		must(!str_eq(rest, STR(".")) && !str_starts(rest, STR("./")));
		must(!str_eq(rest, STR("..")) && !str_starts(rest, STR("../")));
	}
}

static void fuzz_check_rules(struct str path, const struct path_rules *rules, const char *decoded,
			     size_t n)
{
	size_t slashes = 0;

	for (size_t i = 0; i < path.n; i++)
		slashes += path.p[i] == '/';
	for (size_t i = 0; i < n; i++) {
		must(decoded[i] || rules->encoded_nul == PATH_PASS);
		slashes -= decoded[i] == '/' || decoded[i] == '\\';
	}
	must(slashes == 0 || rules->encoded_slash == PATH_PASS);
	must(rules->invalid_utf8 == PATH_PASS || str_utf8_valid((struct str){ decoded, n }));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct path_rules rules = { .encoded_slash = data[0] & 1 ? PATH_PASS : PATH_REJECT,
				    .encoded_nul = data[0] & 2 ? PATH_PASS : PATH_REJECT,
				    .invalid_percent = data[0] & 4 ? PATH_PASS : PATH_REJECT,
				    .invalid_utf8 = data[0] & 8 ? PATH_PASS : PATH_REJECT };
	struct str raw = { (const char *)data + 1, size - 1 }, first, second;
	/* Exactly as large as the contract asks, so that a sanitizer sees a write past it. */
	char *out = xcalloc(1, raw.n + 1), *again = xcalloc(1, raw.n + 1);
	bool changed;

	if (path_normalise(raw, &rules, out, &first, &changed) == PATH_OK) {
		must(first.n <= raw.n && changed == !str_eq(raw, first));
		fuzz_check_form(first);
		must(path_normalise(first, &rules, again, &second, &changed) == PATH_OK);
		must(!changed && str_eq(first, second));
		size_t n = fuzz_decode(first, again);
		fuzz_check_rules(first, &rules, again, n);
		fuzz_look_for_dots(again, n);
	}
	path_query_valid(raw);
	free(out);
	free(again);
	return 0;
}
