/* SPDX-License-Identifier: Apache-2.0 */
/* cli/symbols.h -- which functions the return addresses of a worker that died are in.
 * Called by: cli/probe, in a child process of the control process.  Never: in a process that must
 * not end: it reads files of programs, a plugin's among them. */
#ifndef GATEHOUSE_CLI_SYMBOLS_H
#define GATEHOUSE_CLI_SYMBOLS_H

#include <jansson.h>

/* input: {"maps":TEXT of /proc/PID/maps, "frames":[ADDRESS,...]}.  A new {"backtrace":[TEXT,...]},
 * one text a frame: "function+0x1a file.c:30 (plugin.so)", as much of it as can be told.  A private
 * copy of a plugin is looked up in plugin_dir, if the file there is still the same. */
json_t *symbols_find(const json_t *input, const char *plugin_dir);

#endif
