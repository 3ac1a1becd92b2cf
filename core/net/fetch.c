/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl says which sockets and which timer it wants watched (CURLMOPT_SOCKETFUNCTION,
 * CURLMOPT_TIMERFUNCTION); libuv watches them and calls back into libcurl.  Ends are only taken
 * from curl_multi_info_read() after such a call, thus never inside fetch_start(). */
#include "net/fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"

enum {
	FETCHER_MAGIC = 0x66746368,
	FETCH_HEAD_MAX = 256 * 1024,
	FETCH_KEEPALIVE_S = 15,
	FETCH_REASON_SIZE = 80
};

struct fetcher {
	unsigned magic;
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	struct list fetches, sockets;
	size_t handles; /* libuv handles that have not been closed */
	bool closing;
};

/* One socket of libcurl's that libuv watches. */
struct fetch_socket {
	uv_poll_t poll;
	struct list link;
	struct fetcher *fetcher;
	curl_socket_t fd;
	int events; /* that libcurl waits for, as libuv names them */
};

struct fetch {
	struct list link;
	struct fetcher *fetcher;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	fetch_cb done;
	void *arg;
	struct buf body;
	size_t head_size, max_answer;
	bool in_callback;
	char reason[FETCH_REASON_SIZE]; /* ours; goes before libcurl's */
	char curl_reason[CURL_ERROR_SIZE];
};

static void fetch_free(struct fetch *f)
{
	list_remove(&f->link);
	if (f->easy) {
		curl_multi_remove_handle(f->fetcher->multi, f->easy);
		curl_easy_cleanup(f->easy);
	}
	curl_slist_free_all(f->headers);
	curl_slist_free_all(f->connect_to);
	buf_fini(&f->body);
	free(f);
}

static const char *fetch_reason(const struct fetch *f, CURLcode code)
{
	if (f->reason[0])
		return f->reason;
	return f->curl_reason[0] ? f->curl_reason : curl_easy_strerror(code);
}

static void fetch_end(struct fetch *f, CURLcode code)
{
	struct fetch_result result = { .curl_code = (int)code };
	curl_off_t total_us = 0;
	long status = 0, version = 0;

	curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &total_us);
	curl_easy_getinfo(f->easy, CURLINFO_HTTP_VERSION, &version);
	result.multiplexed = version >= CURL_HTTP_VERSION_2_0;
	result.total_ms = (double)total_us / 1000.0;
	if (code == CURLE_OK)
		curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	result.status = (int)status;
	if (code != CURLE_OK)
		result.error = fetch_reason(f, code);
	else
		result.body = f->body.p ? buf_str(&f->body) : STR("");
	/* Out of the list: a fetcher_close() in the callback must leave this one to us. */
	list_remove(&f->link);
	f->in_callback = true;
	f->done(f->arg, f, &result);
}

/* Hands over every transfer that has ended.  A callback may start, cancel and close. */
static void fetcher_reap(struct fetcher *fetcher)
{
	CURLMsg *message;
	int left;

	while (!fetcher->closing && (message = curl_multi_info_read(fetcher->multi, &left))) {
		CURLcode code = message->data.result;
		struct fetch *f = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
		curl_multi_remove_handle(fetcher->multi, f->easy);
		fetch_end(f, code);
		curl_easy_cleanup(f->easy);
		f->easy = NULL;
		fetch_free(f);
	}
}

static void fetcher_on_handle_closed(struct fetcher *fetcher)
{
	if (--fetcher->handles == 0) {
		fetcher->magic = 0;
		free(fetcher);
	}
}

static void fetcher_on_socket_closed(uv_handle_t *handle)
{
	struct fetch_socket *s = container_of((uv_poll_t *)handle, struct fetch_socket, poll);
	struct fetcher *fetcher = s->fetcher;

	free(s);
	fetcher_on_handle_closed(fetcher);
}

static void fetcher_on_timer_closed(uv_handle_t *handle)
{
	fetcher_on_handle_closed(container_of((uv_timer_t *)handle, struct fetcher, timer));
}

static void fetcher_on_readiness(uv_poll_t *, int status, int events);

static void fetcher_socket_watch(struct fetch_socket *s)
{
	int rc = uv_poll_start(&s->poll, s->events, fetcher_on_readiness);

	if (rc < 0)
		log_error("cannot watch a socket", LOG_S("error", uv_strerror(rc)));
}

static void fetcher_on_readiness(uv_poll_t *poll, int status, int events)
{
	struct fetch_socket *s = container_of(poll, struct fetch_socket, poll);
	struct fetcher *fetcher = s->fetcher;
	int flags = 0, running;

	must(fetcher->magic == FETCHER_MAGIC);
	/* libuv reports an error without looking what it is, and before what has arrived: let
	 * libcurl read, and find out. */
	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(fetcher->multi, s->fd, flags, &running);
	/* It has stopped watching, too. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		fetcher_socket_watch(s);
	fetcher_reap(fetcher);
}

static void fetcher_on_timeout(uv_timer_t *timer)
{
	struct fetcher *fetcher = container_of(timer, struct fetcher, timer);
	long left = -1;
	int running;

	must(fetcher->magic == FETCHER_MAGIC);
	curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	fetcher_reap(fetcher);
	if (fetcher->closing || uv_is_active((uv_handle_t *)timer))
		return;
	/* libuv's clock may run behind libcurl's: then this was too early, nothing has ended,
	 * and libcurl does not ask a second time for the same moment. */
	curl_multi_timeout(fetcher->multi, &left);
	if (left >= 0)
		uv_timer_start(timer, fetcher_on_timeout, left > 0 ? (uint64_t)left : 1, 0);
}

/* libcurl asks for one timer; -1 stops it. */
static int fetcher_on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	struct fetcher *fetcher = arg;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&fetcher->timer);
	else
		uv_timer_start(&fetcher->timer, fetcher_on_timeout, (uint64_t)timeout_ms, 0);
	return 0;
}

static void fetcher_socket_close(struct fetch_socket *s)
{
	list_remove(&s->link);
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, fetcher_on_socket_closed);
}

static struct fetch_socket *fetcher_socket_open(struct fetcher *fetcher, curl_socket_t fd)
{
	struct fetch_socket *s = calloc(1, sizeof(*s));
	int rc = UV_ENOMEM;

	if (!s || (rc = uv_poll_init_socket(fetcher->loop, &s->poll, fd)) < 0) {
		/* Not -1 to libcurl, which would end all transfers for ever: this one
		 * runs into its deadline. */
		log_error("cannot watch a socket", LOG_S("error", uv_strerror(rc)));
		free(s);
		return NULL;
	}
	s->fetcher = fetcher;
	s->fd = fd;
	fetcher->handles++;
	list_push(&fetcher->sockets, &s->link);
	curl_multi_assign(fetcher->multi, fd, s);
	return s;
}

static int fetcher_on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg,
				    void *socket_arg)
{
	struct fetcher *fetcher = arg;
	struct fetch_socket *s = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s) {
			curl_multi_assign(fetcher->multi, fd, NULL);
			fetcher_socket_close(s);
		}
		return 0;
	}
	if (!s && !(s = fetcher_socket_open(fetcher, fd)))
		return 0;
	s->events = (what & CURL_POLL_IN ? UV_READABLE : 0) |
		    (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	fetcher_socket_watch(s);
	return 0;
}

struct fetcher *fetcher_new(uv_loop_t *loop)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher || !(fetcher->multi = curl_multi_init())) {
		free(fetcher);
		return NULL;
	}
	fetcher->magic = FETCHER_MAGIC;
	fetcher->loop = loop;
	list_init(&fetcher->fetches);
	list_init(&fetcher->sockets);
	must(uv_timer_init(loop, &fetcher->timer) == 0);
	fetcher->handles = 1;
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, fetcher_on_socket_wanted);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, fetcher_on_timer_wanted);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)FETCH_STREAMS_MAX);
	return fetcher;
}

void fetcher_limit(struct fetcher *fetcher, unsigned connections)
{
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)connections);
}

void fetcher_close(struct fetcher *fetcher)
{
	if (!fetcher || fetcher->closing)
		return;
	must(fetcher->magic == FETCHER_MAGIC);
	fetcher->closing = true;
	while (!list_empty(&fetcher->fetches))
		fetch_free(container_of(fetcher->fetches.next, struct fetch, link));
	while (!list_empty(&fetcher->sockets))
		fetcher_socket_close(
			container_of(fetcher->sockets.next, struct fetch_socket, link));
	/* From here on libcurl only closes idle connections, which nobody watches. */
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, NULL);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, NULL);
	curl_multi_cleanup(fetcher->multi);
	fetcher->multi = NULL;
	uv_timer_stop(&fetcher->timer);
	uv_close((uv_handle_t *)&fetcher->timer, fetcher_on_timer_closed);
}

static size_t fetch_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;

	if (size * count <= f->max_answer - f->body.n) {
		buf_append(&f->body, data, size * count);
		return f->body.failed ? 0 : size * count;
	}
	snprintf(f->reason, sizeof(f->reason), "the answer is larger than %zu bytes",
		 f->max_answer);
	return 0;
}

/* libcurl keeps the headers itself; here they are only counted. */
static size_t fetch_on_head(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;

	(void)data;
	f->head_size += size * count;
	if (f->head_size <= FETCH_HEAD_MAX)
		return size * count;
	snprintf(f->reason, sizeof(f->reason), "the head of the answer is larger than %d bytes",
		 FETCH_HEAD_MAX);
	return 0;
}

/* Whether a text may stand in a request's head. */
static bool fetch_line_ok(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' && *text != '\t')
			return false;
		if (*text == 0x7f)
			return false;
	}
	return true;
}

static int fetch_add_header(struct fetch *f, const char *line)
{
	struct curl_slist *grown = curl_slist_append(f->headers, line);

	if (!grown)
		return -1;
	f->headers = grown;
	return 0;
}

static int fetch_set_headers(struct fetch *f, const struct fetch_spec *spec)
{
	bool typed = false;

	for (const char *const *h = spec->headers; h && *h; h++) {
		if (!strchr(*h, ':') || !fetch_line_ok(*h) || fetch_add_header(f, *h))
			return -1;
		typed |= strncasecmp(*h, "Content-Type:", 13) == 0;
	}
	/* libcurl would call every body a form, and wait for a 100 before a large one. */
	if (spec->body &&
	    (fetch_add_header(f, "Expect:") || (!typed && fetch_add_header(f, "Content-Type:"))))
		return -1;
	if (!f->headers)
		return 0;
	return curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) ? -1 : 0;
}

static int fetch_set_method(struct fetch *f, const struct fetch_spec *spec)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *method = spec->method ? spec->method : "GET";
	CURLcode rc = CURLE_OK;

	if (!*method || method[strspn(method, token)])
		return -1;
	if (spec->body) {
		rc |= curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)spec->body_size);
		rc |= curl_easy_setopt(f->easy, CURLOPT_COPYPOSTFIELDS, spec->body);
	} else if (strcmp(method, "HEAD") == 0) {
		rc |= curl_easy_setopt(f->easy, CURLOPT_NOBODY, 1L);
	}
	rc |= curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, method);
	return rc ? -1 : 0;
}

/* Makes libcurl verify another name than the one it connects to: that name goes into the URL,
 * and CURLOPT_CONNECT_TO leads back to the real host. */
static int fetch_set_server_name(struct fetch *f, const struct fetch_spec *spec)
{
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL, *named = NULL, *target = NULL;
	int rc = -1;

	if (!url || curl_url_set(url, CURLUPART_URL, spec->url, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
	    curl_url_set(url, CURLUPART_HOST, spec->tls_server_name, 0) ||
	    curl_url_get(url, CURLUPART_URL, &named, 0) ||
	    asprintf(&target, "::%s:%s", host, port) < 0)
		goto done;
	f->connect_to = curl_slist_append(NULL, target);
	if (!f->connect_to || curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, f->connect_to) ||
	    curl_easy_setopt(f->easy, CURLOPT_URL, named))
		goto done;
	rc = 0;
done:
	free(target);
	curl_free(host);
	curl_free(port);
	curl_free(named);
	curl_url_cleanup(url);
	return rc;
}

static int fetch_set_tls(struct fetch *f, const struct fetch_spec *spec)
{
	CURLcode rc = CURLE_OK;

	rc |= curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYPEER, spec->tls_insecure ? 0L : 1L);
	rc |= curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYHOST, spec->tls_insecure ? 0L : 2L);
	if (spec->ca_file)
		rc |= curl_easy_setopt(f->easy, CURLOPT_CAINFO, spec->ca_file);
	if (spec->ca_path)
		rc |= curl_easy_setopt(f->easy, CURLOPT_CAPATH, spec->ca_path);
	if (spec->client_cert)
		rc |= curl_easy_setopt(f->easy, CURLOPT_SSLCERT, spec->client_cert);
	if (spec->client_key)
		rc |= curl_easy_setopt(f->easy, CURLOPT_SSLKEY, spec->client_key);
	return rc ? -1 : 0;
}

static CURLcode fetch_set_scope(CURL *easy)
{
	CURLcode rc = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
	rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* A header with a secret is for that host: never for a proxy of the environment. */
	rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	rc |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)FETCH_KEEPALIVE_S);
	rc |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)FETCH_KEEPALIVE_S);
	rc |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "gatehouse");
	return rc;
}

/* HTTP/2 over TLS carries many requests on a connection, so there a request waits to see
 * whether one that is being opened can.  In the clear it would wait for a whole answer. */
static CURLcode fetch_set_version(CURL *easy, const struct fetch_spec *spec)
{
	CURLcode rc = CURLE_OK;

	if (strncasecmp(spec->url, "https:", 6) != 0)
		return curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (!spec->fresh)
		rc |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	return rc;
}

static int fetch_set_options(struct fetch *f, const struct fetch_spec *spec)
{
	CURLcode rc = CURLE_OK;

	rc |= curl_easy_setopt(f->easy, CURLOPT_URL, spec->url);
	rc |= curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
	rc |= curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->curl_reason);
	rc |= curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, fetch_on_body);
	rc |= curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	rc |= curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, fetch_on_head);
	rc |= curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
	rc |= curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)spec->timeout_ms);
	rc |= curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)spec->connect_timeout_ms);
	rc |= fetch_set_scope(f->easy);
	if (spec->unix_socket)
		rc |= curl_easy_setopt(f->easy, CURLOPT_UNIX_SOCKET_PATH, spec->unix_socket);
	if (spec->compressed)
		rc |= curl_easy_setopt(f->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (spec->userpwd)
		rc |= curl_easy_setopt(f->easy, CURLOPT_USERPWD, spec->userpwd);
	if (spec->fresh || spec->once)
		rc |= curl_easy_setopt(f->easy, CURLOPT_FRESH_CONNECT, 1L);
	if (spec->once)
		rc |= curl_easy_setopt(f->easy, CURLOPT_FORBID_REUSE, 1L);
	rc |= fetch_set_version(f->easy, spec);
	return rc ? -1 : 0;
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_spec *spec, fetch_cb done,
			  void *arg)
{
	struct fetch *f;

	must(fetcher->magic == FETCHER_MAGIC);
	if (fetcher->closing || !spec->url || !fetch_line_ok(spec->url))
		return NULL;
	if (!(f = calloc(1, sizeof(*f))))
		return NULL;
	f->fetcher = fetcher;
	f->done = done;
	f->arg = arg;
	f->max_answer = spec->max_answer;
	buf_init(&f->body, 0);
	list_push(&fetcher->fetches, &f->link);
	f->easy = curl_easy_init();
	if (!f->easy || fetch_set_options(f, spec) || fetch_set_method(f, spec) ||
	    fetch_set_headers(f, spec) || fetch_set_tls(f, spec) ||
	    (spec->tls_server_name && fetch_set_server_name(f, spec)) ||
	    curl_multi_add_handle(fetcher->multi, f->easy)) {
		fetch_free(f);
		return NULL;
	}
	return f;
}

void fetch_cancel(struct fetch *f)
{
	/* In its own callback it has ended already, and fetcher_reap() frees it. */
	if (f && !f->in_callback)
		fetch_free(f);
}

struct str fetch_header(const struct fetch *f, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(f->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return (struct str){ NULL, 0 };
	return str_from(header->value);
}
