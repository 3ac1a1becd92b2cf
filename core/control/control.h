/* SPDX-License-Identifier: Apache-2.0 */
/* control/control.h -- the control process: generations of workers, signals, admin listener.
 * Called by: cli (control_run), control/admin (reads).  Never: runs plugin code, touches a
 * client's traffic. */
#ifndef GATEHOUSE_CONTROL_CONTROL_H
#define GATEHOUSE_CONTROL_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "control/bound.h"
#include "control/listen.h"
#include "control/notify.h"
#include "control/observer.h"
#include "control/passed.h"
#include "control/quarantine.h"
#include "control/takeover.h"
#include "control/worker_memory.h"
#include "metrics/total.h"

struct admin;
struct claims;
struct consul_key;
struct gateway_config;
struct generation;
struct registration;
struct handed_set;
struct reload;
struct upgrade;

struct control_options {
	const char *file;       /* gateway.json */
	const char *consul_key; /* whose value serves instead, once there is one; NULL: none */
	int log_level;          /* enum log_level, or -1: as configured */
	int log_format;         /* enum config_log_format, or -1: as configured */
	const char *pid_file;   /* NULL: none */
	const char *user;       /* USER or USER:GROUP to become; NULL: as configured */
};

/* Runs the gateway until SIGTERM or SIGINT: the process's exit status.  0 after a drain, 1 when it
 * could not start; why is on stderr. */
int control_run(const struct control_options *);

struct control {
	struct control_options options;
	uv_loop_t loop;
	uv_signal_t on_term, on_int, on_hup, on_usr2;
	uv_timer_t tick;
	uint64_t tick_ns;         /* when the last tick was */
	uint64_t started_us;      /* wall clock */
	uint64_t started_ns;      /* clock_mono_ns() */
	struct takeover takeover; /* from the gateway before */
	struct upgrade *upgrade;  /* to the one after; NULL: none is on its way */
	struct notify notify;
	struct passed_set passed; /* sockets that it was started with */
	struct listen_set listen_set;
	struct bound bound;         /* until the first generation listens */
	struct list generations;    /* all that have not ended, oldest first */
	struct generation *current; /* serves; NULL until the first is ready */
	uint64_t last_number;
	struct reload *reload;
	struct observer observer;
	struct worker_memory worker_memory;
	struct admin *admin; /* NULL: off */
	struct quarantine quarantine;
	struct total ended; /* counters of the generations that have ended */
	uint64_t ended_restarts;
	uint64_t reloads, reloads_failed;
	uint64_t reloaded_us;              /* wall clock of the last that was done */
	struct registration *registration; /* NULL: none */
	struct consul_key *consul_key;     /* NULL: none */
	struct claims *claims;
	uv_timer_t linger; /* it was taken out of Consul, and serves on */
	bool stopping, draining, finished;
	int status;
};

/* Tells all workers which plugin files are in quarantine, after that has changed. */
void control_hold(struct control *);
/* For control/reload: starts a generation beside the current one.  Takes the configuration and what
 * was handed to it, also on error.  NULL and the reason. */
struct generation *control_start_generation(struct control *, struct gateway_config *,
					    struct handed_set *, struct error *);
/* For control/reload: the first generation cannot be started, for these reasons (texts). */
void control_first_failed(struct control *, const json_t *errors);
/* Tells the service manager that a generation serves, and in what state: "" or what happened. */
void control_tell_ready(struct control *, const char *what);
/* For control/upgrade: another gateway, that process, serves.  This one answers for nothing any
 * more, drains and ends. */
void control_hand_over(struct control *, int pid);
/* For control/upgrade: whoever asked has been told, and nothing else may keep this process. */
void control_check_end(struct control *);
/* The counters of all that lives and all that has ended; total_fini() it. */
void control_total(const struct control *, struct total *);

#endif
