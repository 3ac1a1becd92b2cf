/* SPDX-License-Identifier: Apache-2.0 */
/* http/path.h -- the one rule by which a path is decoded: what is matched is what is relayed.
 * Called by: proxy/route, once per request.  Never: decodes anything but unreserved characters,
 * so a path in normal form means the same to whoever decodes the rest.
 *
 * The normal form (RFC 3986, 5.2.4 and 6.2.2):
 *   - percent-encoded letters, digits, "-", ".", "_" and "~" are decoded; every other
 *     percent-encoding stays, with upper-case digits;
 *   - runs of slashes become one; then "." and ".." segments, however they were spelt, are
 *     taken out; a slash at the end stays.
 * Refused always: a path that does not begin with "/"; characters that RFC 3986, 3.3 does not
 * allow (space, controls, bytes over 0x7e, backslash, quotes, <>[]{}|^`#?); ".." above the root
 * (RFC 3986 would stay at the root, but nobody honest asks for it); and ".." that only some
 * readers would see: "..;x", or ".." beside an encoded slash or backslash. */
#ifndef GATEHOUSE_HTTP_PATH_H
#define GATEHOUSE_HTTP_PATH_H

#include <stdbool.h>

#include "base/str.h"

/* PATH_PASS leaves what is meant as it was written. */
enum path_policy { PATH_REJECT, PATH_PASS };

struct path_rules {
	enum path_policy encoded_slash;   /* %2F, and %5C, which some readers take for one */
	enum path_policy encoded_nul;     /* %00 */
	enum path_policy invalid_percent; /* "%" without two hexadecimal digits */
	enum path_policy invalid_utf8;    /* of the decoded path (RFC 3629) */
};

#define PATH_RESULTS(X)                                                                            \
	X(OK, "path is valid")                                                                     \
	X(NO_SLASH, "path does not begin with a slash")                                            \
	X(BAD_CHAR, "a character in the path that must be percent-encoded")                        \
	X(BAD_PERCENT, "\"%\" in the path without two hexadecimal digits")                         \
	X(NUL, "%00 in the path")                                                                  \
	X(ENCODED_SLASH, "an encoded slash or backslash in the path")                              \
	X(NOT_UTF8, "path is not UTF-8")                                                           \
	X(ABOVE_ROOT, "\"..\" in the path leads above the root")                                   \
	X(HIDDEN_DOTS, "a disguised \".\" or \"..\" in the path")

enum path_result {
#define PATH_RESULT_ENUM_(name, text) PATH_##name,
	PATH_RESULTS(PATH_RESULT_ENUM_)
#undef PATH_RESULT_ENUM_
};

/* Brings a path (without its query) to normal form: *result is raw itself when it is in normal
 * form already, else text in out, which has room for raw.n + 1 bytes and does not overlap raw.
 * The result is never longer than raw, and is its own normal form under the same rules.
 * *result and *changed are set with PATH_OK only. */
enum path_result path_normalise(struct str raw, const struct path_rules *, char *out,
				struct str *result, bool *changed);
/* Why it was refused, for the log and the client: a constant. */
const char *path_result_text(enum path_result);
/* Whether a query is printable ASCII without space and "#".  That is more than RFC 3986, 3.4
 * allows, because clients send "[", "|" and others as they are; nothing in a query is decoded. */
bool path_query_valid(struct str query);

#endif
