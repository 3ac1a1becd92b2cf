/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host_parts.h -- the functions of the host table, by the file they are in.
 * Called by: proxy/host only. */
#ifndef GATEHOUSE_PROXY_HOST_PARTS_H
#define GATEHOUSE_PROXY_HOST_PARTS_H

#include <gatehouse/plugin.h>

/* host_header.c */
struct gh_str host_header(const struct gh_request *, enum gh_side, const char *name);
int host_header_next(const struct gh_request *, enum gh_side, size_t *cursor, struct gh_str *name,
		     struct gh_str *value);
int host_header_set(struct gh_request *, enum gh_side, const char *name, struct gh_str value);
int host_header_add(struct gh_request *, enum gh_side, const char *name, struct gh_str value);
int host_header_remove(struct gh_request *, enum gh_side, const char *name);

/* host_reply.c */
enum gh_verdict host_relay(struct gh_request *, const char *service);
enum gh_verdict host_reply(struct gh_request *, int status, const char *content_type,
			   const void *body, size_t n);
enum gh_verdict host_problem(struct gh_request *, int status, const char *title,
			     const char *detail);
enum gh_verdict host_reply_begin(struct gh_request *, int status, const char *content_type,
				 int64_t length);
enum gh_write host_reply_write(struct gh_request *, const void *, size_t);
void host_reply_end(struct gh_request *);
void host_on_writable(struct gh_request *, gh_timer_cb, void *arg);
int host_status(const struct gh_request *);
int host_set_status(struct gh_request *, int status);

/* host_async.c */
int host_read_body(struct gh_request *, size_t max, gh_body_cb, void *arg);
int host_call(struct gh_request *, const struct gh_call_spec *, gh_call_cb, void *arg);
int host_call_status(const struct gh_call *);
const char *host_call_error(const struct gh_call *);
struct gh_str host_call_body(const struct gh_call *);
struct gh_str host_call_header(const struct gh_call *, const char *name);
int host_timer(struct gh_request *, uint64_t ms, gh_timer_cb, void *arg);

#endif
