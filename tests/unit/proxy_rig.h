/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy_rig.h -- a real proxy in the test process: configuration, plugins, sockets and
 * loop are those of a worker; clients and origins are sockets of the test on the same loop.
 * Called by: the tests of core/proxy and of what it stands on.  Never: imitates a part of the
 * gateway, but for the control process's message of which endpoints there are.
 *
 * In all texts ' stands for ".  In a configuration @0 ... @3 are the addresses of the origins,
 * @none is one that nobody listens on, @plugins and @lab are the plugins of the gateway and of the
 * tests, @log is a file.  In what is expected @0 ... are the same, and ~ is any run of bytes up to
 * the one behind it, on one line. */
#ifndef GATEHOUSE_TESTS_PROXY_RIG_H
#define GATEHOUSE_TESTS_PROXY_RIG_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "net/listener.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "suite.h"

enum { RIG_ORIGINS = 4, RIG_PEERS = 64 };

/* The other end of a connection: a client's, or an origin's. */
struct rig_peer {
	uv_tcp_t tcp;
	uv_shutdown_t shutdown;
	struct buf got;    /* what came and rig_got() has not taken */
	bool ended, reset; /* no more comes: in order, or not */
	bool closing;
	unsigned writes; /* that run */
};

/* A socket that listens for the gateway. */
struct rig_origin {
	uv_tcp_t tcp;
	struct rig_peer *accepted[RIG_PEERS];
	unsigned count;
	char address[32];
};

struct rig {
	uv_loop_t loop;
	struct gateway_config *config;
	struct config_errors errors;
	struct route_table *routes;
	struct slab slab;
	struct deadlines deadlines;
	struct proxy proxy;
	struct listener listener;
	struct rig_origin origins[RIG_ORIGINS];
	struct rig_peer *peers[RIG_PEERS]; /* all of them */
	unsigned peer_count;
	uv_timer_t tick; /* no turn of the loop lasts longer */
	unsigned conns_gone;
	const char *refused; /* the service that proxy.on_refused was told of last */
	char none[32], log[64];
};

extern struct rig rig;

/* The routes of most tests: everything goes to the service "s", which is origin 0. */
#define RIG_TO(endpoints)                                                                          \
	"'plugin_dir': '@plugins', 'services': {'s': {'endpoints': [" endpoints                    \
	"]}}, 'routes': [{'path': '/*', 'plugin': 'relay', 'config': {'service': 's'}}]"
#define RIG_RELAY RIG_TO("'@0'")
/* A request to the host "h", what the gateway puts behind its fields on the way to the service, and
 * behind those of the service's answer on the way back. */
#define RIG_ASK(method, path) method " " path " HTTP/1.1\r\nHost: h\r\n"
#define RIG_GET(path)         RIG_ASK("GET", path) "\r\n"
#define RIG_ORIGIN                                                                                 \
	"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"         \
	"Via: 1.1 gatehouse\r\nX-Request-Id: ~\r\n\r\n"
#define RIG_VIA "Date: ~\r\nVia: 1.1 gatehouse\r\n\r\n"
/* An answer of the gateway's own: status and phrase, fields between, the reason word. */
#define RIG_PROBLEM(status, phrase, fields, word, connection)                                      \
	"HTTP/1.1 " status " " phrase "\r\nContent-Type: application/problem+json\r\n"             \
	"Content-Length: ~\r\n" fields "X-Request-Id: ~\r\nCache-Control: no-store\r\n"            \
	"Server: gatehouse\r\nDate: ~\r\n" connection "\r\n{'type':'urn:gatehouse:" word           \
	"','title':'" phrase "','status':" status ",'detail':'~','request_id':'~'}\n"

/* Starts the proxy with these members of gateway.json, besides "listen". */
void rig_open(const char *members);
/* Closes all.  Fails if a peer got bytes that no rig_got() has taken, or if anything is left: a
 * connection, a request, memory that is counted, a handle of the loop. */
void rig_close(void);
/* What the control process sends when discovery knows of endpoints, as JSON; id, address, port and
 * weight are in each. */
void rig_endpoints(const char *service, const char *state, const char *list);

/* Runs the loop until the condition holds, with a limit. */
#define rig_until(condition)                                                                       \
	do {                                                                                       \
		uint64_t limit_ = rig_limit();                                                     \
		while (!(condition))                                                               \
			rig_turn(limit_, #condition);                                              \
	} while (0)
/* Runs it for so many turns, for what must not happen. */
void rig_turns(int n);
uint64_t rig_limit(void);
void rig_turn(uint64_t limit, const char *what);

/* A new connection to the gateway, which hears of it in the next turn of the loop. */
struct rig_peer *rig_connect(void);
/* The connection number i that the gateway has opened to an origin; waits for it. */
struct rig_peer *rig_accepted(unsigned origin, unsigned i);
/* What the other end no longer takes is lost: that shows in how the peer's own reading ends. */
void rig_send_bytes(struct rig_peer *, const char *, size_t);
void rig_send(struct rig_peer *, const char *text);
/* Ends the peer's side in order; closes it with a reset; stops and goes on reading. */
void rig_end(struct rig_peer *);
void rig_reset(struct rig_peer *);
void rig_pause(struct rig_peer *);
void rig_resume(struct rig_peer *);
/* Sends as much as is taken while nobody reads at the other end: byte i is 'a' + i % 23.  How many
 * bytes.  Then the other end reads them all; they are all that it has got. */
size_t rig_fill(struct rig_peer *);
void rig_filled(struct rig_peer *, size_t n);

/* Waits until the peer has got exactly this, and takes it. */
void rig_got(struct rig_peer *, const char *expected);
/* Answers with 204 from there, and waits until the client has got it. */
void rig_answer(struct rig_peer *origin, struct rig_peer *client);
/* Waits for the end of what the peer gets, in order or with a reset; nothing has come before that
 * no rig_got() has taken. */
void rig_ended(struct rig_peer *);
void rig_was_reset(struct rig_peer *);
/* The access log's lines so far, in a buffer of the rig's. */
const char *rig_log_text(void);
/* Whether a whole text is as expected, which is written as for rig_got(). */
void rig_like(const char *text, const char *expected);
/* How many requests have ended so. */
uint64_t rig_ends(enum end_reason);
/* The gateway's side of the only client connection. */
struct conn *rig_conn(void);
struct service *rig_service(const char *name);

#endif
