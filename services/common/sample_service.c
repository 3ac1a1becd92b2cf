/* SPDX-License-Identifier: Apache-2.0 */

/* Two threads beside main(): libmicrohttpd's, which serves, and the registration's.  main()
 * waits for a signal; every other thread has the signals blocked. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registration.h"
#include "sample_service.h"
#include "service_config.h"
#include "service_log.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

/* A proxy keeps idle connections for about a minute: the side that answers closes last, so
 * that no request meets a connection which is just being closed. */
#define SERVICE_IDLE_SECONDS 120u
#define SERVICE_CONNECTIONS  16384u
/* Descriptors that are no connections: standard streams, epoll, Consul, resolver. */
#define SERVICE_OWN_FDS  64u
#define SERVICE_LEAVE_MS 2500

struct server {
	const struct sample_route *routes;
	struct MHD_Daemon *daemon;
	atomic_bool leaving;
};

static enum MHD_Result server_reply(struct server *server, struct MHD_Connection *connection,
				    unsigned status, json_t *document)
{
	struct MHD_Response *response;
	enum MHD_Result rc;
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	/* Who keeps connections open learns here that this instance is going away. */
	if (atomic_load(&server->leaving))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result server_reply_error(struct server *server, struct MHD_Connection *connection,
					  unsigned status, const char *text)
{
	return server_reply(server, connection, status, json_pack("{s:s}", "error", text));
}

static json_t *server_health(void)
{
	return json_pack("{s:s}", "status", "ok");
}

static const struct sample_route *server_find(const struct server *server, const char *path)
{
	static const struct sample_route health = { "/health", server_health };

	if (!strcmp(path, health.path))
		return &health;
	for (const struct sample_route *route = server->routes; route->path; route++) {
		if (!strcmp(path, route->path))
			return route;
	}
	return NULL;
}

/* libmicrohttpd calls this once for the head, once for each piece of a body, and once more
 * at the end, which is when it is answered. */
static enum MHD_Result server_on_request(void *arg, struct MHD_Connection *connection,
					 const char *path, const char *method, const char *version,
					 const char *body, size_t *body_size, void **state)
{
	static char begun;
	struct server *server = arg;
	const struct sample_route *route;
	json_t *document;

	(void)version;
	(void)body;
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	route = server_find(server, path);
	if (!route)
		return server_reply_error(server, connection, MHD_HTTP_NOT_FOUND, "not found");
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return server_reply_error(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
					  "method not allowed");
	document = route->answer();
	if (!document)
		return server_reply_error(server, connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
					  "internal error");
	return server_reply(server, connection, MHD_HTTP_OK, document);
}

/* Returns a listening socket, or -1 after logging why. */
static int server_listen(const struct service_config *config)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *address;
	const int on = 1;
	char port[8];
	int fd;

	snprintf(port, sizeof(port), "%u", config->port);
	if (getaddrinfo(config->bind, port, &hints, &address)) {
		service_log("SERVICE_BIND: \"%s\" is not an IP address", config->bind);
		return -1;
	}
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, SOMAXCONN)) {
		service_log("cannot listen on %s port %u: %s", config->bind, config->port,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(address);
	return fd;
}

/* Returns how many connections may be open, having raised the limit as far as it goes. */
static unsigned server_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return SERVICE_OWN_FDS;
	if (limit.rlim_cur < SERVICE_CONNECTIONS + SERVICE_OWN_FDS) {
		limit.rlim_cur = SERVICE_CONNECTIONS + SERVICE_OWN_FDS;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= SERVICE_CONNECTIONS + SERVICE_OWN_FDS)
		return SERVICE_CONNECTIONS;
	if (limit.rlim_cur > 2 * SERVICE_OWN_FDS)
		return (unsigned)limit.rlim_cur - SERVICE_OWN_FDS;
	return SERVICE_OWN_FDS;
}

static int server_start(struct server *server, const struct service_config *config)
{
	int fd = server_listen(config);

	if (fd < 0)
		return -1;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, server_on_request, server,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, server_connections(),
		MHD_OPTION_CONNECTION_TIMEOUT, SERVICE_IDLE_SECONDS, MHD_OPTION_END);
	if (!server->daemon) {
		service_log("libmicrohttpd cannot start");
		close(fd);
		return -1;
	}
	service_log("serving on %s port %u", config->bind, config->port);
	return 0;
}

/* Waits until signals is readable (returns true), or other_fd is or the time is over.
 * other_fd may be -1; a negative time is no limit. */
static bool service_wait_signal(int signals, int other_fd, int milliseconds)
{
	struct pollfd fds[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = other_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	while (poll(fds, 2, milliseconds) < 0) {
		if (errno != EINTR)
			return true;
	}
	if (!fds[0].revents)
		return false;
	return read(signals, &info, sizeof(info)) > 0;
}

/* Serves until the first signal, then leaves.  A second signal ends the process at once. */
static void service_serve(const struct service_config *config, struct server *server,
			  struct registration *registration, int signals)
{
	int left_fd = registration_left_fd(registration);

	service_wait_signal(signals, -1, -1);
	service_log("leaving: deregister, then serve %.1f s more", (double)config->drain_ms / 1000);
	atomic_store(&server->leaving, true);
	registration_leave(registration);
	if (service_wait_signal(signals, left_fd, SERVICE_LEAVE_MS)) {
		service_log("second signal, ending without an answer from Consul");
		_exit(EXIT_SUCCESS);
	}
	if (service_wait_signal(signals, -1, (int)config->drain_ms))
		service_log("second signal, ending now");
}

/* Blocks the signals in this thread and those to come.  Returns a descriptor that reads
 * them, or -1 after logging why. */
static int service_take_signals(void)
{
	sigset_t set;
	int fd = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (!pthread_sigmask(SIG_BLOCK, &set, NULL))
		fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		service_log("cannot take signals: %s", strerror(errno));
	return fd;
}

static int service_run(const struct service_config *config, const struct sample_route *routes)
{
	struct server server = { .routes = routes };
	struct registration *registration;
	int status = EXIT_FAILURE;
	int signals = service_take_signals();

	if (signals < 0)
		return EXIT_FAILURE;
	/* Listen first: who finds us in Consul can connect. */
	if (server_start(&server, config))
		goto done;
	registration = registration_start(config);
	if (registration) {
		service_serve(config, &server, registration, signals);
		registration_free(registration);
		service_log("ended");
		status = EXIT_SUCCESS;
	}
	MHD_stop_daemon(server.daemon);
done:
	close(signals);
	return status;
}

static void service_usage(const char *name, unsigned port, const struct sample_route *routes)
{
	printf("usage: %s [--help | --version]\n\n"
	       "A sample backend for gatehouse.  Registers in Consul, keeps the registration\n"
	       "alive, and answers as JSON:\n\n",
	       name);
	for (; routes->path; routes++)
		printf("  GET %s\n", routes->path);
	printf("  GET /health\n\nEnvironment, with defaults:\n\n");
	service_config_help(name, port);
}

int sample_service_run(int argc, char **argv, const char *name, unsigned port,
		       const struct sample_route *routes)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct service_config config;
	int status;

	switch (getopt_long(argc, argv, "hV", options, NULL)) {
	case 'h':
		service_usage(name, port, routes);
		return EXIT_SUCCESS;
	case 'V':
		printf("%s (gatehouse) %s\n", name, PACKAGE_VERSION);
		return EXIT_SUCCESS;
	case -1:
		if (optind == argc)
			break;
		fprintf(stderr, "%s: takes no arguments; see --help\n", name);
		return 2;
	default:
		return 2;
	}
	service_log_name(name);
	if (service_config_read(&config, name, port))
		return EXIT_FAILURE;
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		service_log("cannot set up libcurl");
		return EXIT_FAILURE;
	}
	status = service_run(&config, routes);
	curl_global_cleanup();
	return status;
}
