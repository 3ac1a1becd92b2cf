/* SPDX-License-Identifier: Apache-2.0 */

/* service_log.h -- one line of text on standard error per event, from any thread.
 * Called by: everything in services/common.   Never: fails, or writes part of a line. */
#ifndef SERVICES_COMMON_SERVICE_LOG_H
#define SERVICES_COMMON_SERVICE_LOG_H

/* Sets the name that every line carries; the string must outlive the process' threads. */
void service_log_name(const char *name);

/* Writes time, name and message.  Control characters are replaced, since parts of a
 * message come from the network; a message above 1 KiB is cut. */
void service_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
