/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch.h -- HTTP requests through libcurl's multi interface on a libuv loop.
 * Called by: discovery/ (control), plugins' gh_call() (worker).  Never: on the relay's path,
 * and never in a process that does not ignore SIGPIPE (a TLS library writes without a flag). */
#ifndef GATEHOUSE_NET_FETCH_H
#define GATEHOUSE_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/str.h"

/* Requests on one HTTP/2 connection at a time: what Consul's server allows. */
enum { FETCH_STREAMS_MAX = 250 };

struct fetch;
struct fetcher;

/* What to ask; fetch_start() copies all of it. */
struct fetch_spec {
	const char *method; /* NULL: GET */
	const char *url;
	const char *unix_socket;    /* path of a unix socket to go through, or NULL */
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const char *body;
	size_t body_size;
	uint64_t timeout_ms, connect_timeout_ms;
	size_t max_answer; /* bytes of body; more fails the fetch */
	bool compressed;   /* ask for gzip, give plain bytes */
	bool fresh;        /* a new connection */
	bool once;         /* one that is closed after it, too */
	const char *ca_file, *ca_path, *client_cert, *client_key, *tls_server_name, *userpwd;
	bool tls_insecure;
};

/* The end, in the callback only.  status 0: no answer, error says why. */
struct fetch_result {
	int status;
	const char *error; /* NULL, or one sentence of libcurl's or ours */
	int curl_code;     /* CURLcode, to tell reset from refused from timed out */
	struct str body;
	bool multiplexed; /* it came over HTTP/2, which carries many requests on a connection */
	double total_ms;
};

typedef void (*fetch_cb)(void *arg, struct fetch *, const struct fetch_result *);

/* One per loop.  NULL when libcurl fails. */
struct fetcher *fetcher_new(uv_loop_t *);
/* At most so many connections to one host; 0: no limit, as at the start.  Requests wait for their
 * turn, so over HTTP/1 a limit below the number of long ones starves the rest. */
void fetcher_limit(struct fetcher *, unsigned connections);
/* Cancels all without their callbacks; memory goes when the loop has closed the handles. */
void fetcher_close(struct fetcher *);
/* Starts; speaks http and https only, follows no redirect and uses no proxy.  The callback comes
 * exactly once and never before this returns.  NULL: no memory or bad spec, no callback. */
struct fetch *fetch_start(struct fetcher *, const struct fetch_spec *, fetch_cb, void *arg);
/* Ends one without its callback. */
void fetch_cancel(struct fetch *);
/* A header of the answer (first of that name), in the callback only; absent when there is none. */
struct str fetch_header(const struct fetch *, const char *name);

#endif
