/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/slab.h -- the memory a worker shares with the control process: counters, heartbeat and
 * "who runs now".
 * Called by: worker and proxy (plain stores), control (creates, reads, sums).
 * Never: locks; a slab has one writer, and readers accept that figures are a moment old. */
#ifndef GATEHOUSE_METRICS_SLAB_H
#define GATEHOUSE_METRICS_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "metrics/end_reason.h"

enum {
	SLAB_NAME_SIZE = 120,
	SLAB_REQUEST_ID = 40, /* with its NUL; a longer one is cut */
	SLAB_BUCKETS = 16,    /* upper bounds in slab_bucket_us[], the last is infinity */
	SLAB_PLUGIN_METRICS = 64,
	SLAB_STATUS_CLASSES = 6, /* 0: no answer, 1xx (tunnels) ... 5xx */
	SLAB_FRAMES = 32,
	SLAB_MAPS_SIZE = 96 * 1024,
	SLAB_REFUSED = 16,
	SLAB_ENDED = 16,       /* requests that wait to be counted */
	SLAB_ENDPOINTS = 16384 /* pages that nobody writes to take no memory */
};

/* Upper bounds of the latency buckets in microseconds, but for the last. */
extern const uint64_t slab_bucket_us[SLAB_BUCKETS - 1];

struct slab_histogram {
	uint64_t sum_us;
	uint64_t bucket[SLAB_BUCKETS]; /* not cumulative */
};

/* What plugin code runs now; the worker stores it before each call and clears it after, so
 * that the control process can name the guilty after a crash or a stall.  One cache line. */
struct slab_running {
	uint32_t plugin; /* 1 + position in the generation's plugin list; 0: none runs */
	uint32_t hook;   /* enum plugin_hook */
	uint32_t route;  /* position in the configuration's routes */
	uint32_t reserved;
	char request_id[SLAB_REQUEST_ID]; /* NUL-terminated, may be cut */
	uint64_t since_ns;                /* clock_mono_ns() */
};

/* A system call that the worker's filter has refused, noted by a signal handler: the first time for
 * each call and plugin. */
struct slab_refused {
	uint32_t claimed; /* by the handler that fills it */
	uint32_t done;    /* it can be read */
	uint32_t number, reserved;
	struct slab_running running; /* plugin 0: none ran, or another thread did it */
};

/* What a signal handler leaves behind.  Memory that is not touched is none. */
struct slab_crash {
	uint32_t begun;  /* the handler was entered */
	uint32_t signal; /* 0: nothing was noted */
	int32_t code;    /* si_code */
	uint32_t frame_count;
	uint64_t address; /* si_addr */
	uint64_t pc;
	uint64_t frames[SLAB_FRAMES]; /* the place of the fault, then return addresses */
	uint32_t maps_size, reserved;
	char maps[SLAB_MAPS_SIZE]; /* lines of /proc/PID/maps that name a file */
};

/* A request that has ended, for the counters of its route. */
struct slab_ended {
	uint32_t route;
	uint32_t status_class;
	uint64_t bytes_in, bytes_out;
	uint64_t us;
};

/* One per route of the configuration, in its order.  Each request writes to the counters, which
 * are in as few cache lines as can be. */
struct slab_route {
	_Alignas(64) uint64_t requests[SLAB_STATUS_CLASSES];
	uint64_t bytes_in, bytes_out; /* body bytes from and to clients */
	struct slab_histogram duration;
	char name[SLAB_NAME_SIZE]; /* the pattern */
};

/* One per service, in the order in which the worker first met them. */
struct slab_service {
	char name[SLAB_NAME_SIZE];
	uint64_t requests[SLAB_STATUS_CLASSES]; /* by the service's own answer */
	uint64_t failures[END_REASON_COUNT];    /* tries that ended with that reason */
	uint64_t retries;
	uint64_t retries_refused;       /* the budget was used up */
	uint64_t hedges;                /* second tries beside a first one */
	uint64_t hedges_won;            /* of these, those that answered first */
	uint64_t failovers;             /* requests that another service took */
	uint64_t queued;                /* requests that had to wait for a place */
	uint64_t overloaded;            /* requests for which there was none in the queue either */
	uint64_t queue_timeouts;        /* requests that waited too long */
	uint64_t broken;                /* requests that the breaker did not let through */
	uint64_t connects;              /* connections opened */
	uint64_t reused;                /* requests on a kept connection */
	int64_t connections;            /* open now */
	int64_t idle;                   /* of these in the pool */
	int64_t pending;                /* requests that wait now */
	struct slab_histogram duration; /* request sent to head received */
};

/* What requests to one endpoint came to, for the control process to judge it by.  The control
 * process says in its "endpoints" messages which is whose. */
struct slab_endpoint {
	uint64_t ok;
	uint64_t failed;  /* gateway errors: no answer, or 502, 503 and 504 */
	uint64_t refused; /* of these: the connection was refused */
	uint64_t row;     /* failed since the last ok */
};

/* One per gh_metric(). */
struct slab_plugin_metric {
	char plugin[48], name[64], help[128];
	uint64_t value;
};

/* The front of the region; routes, services and plugin metrics follow at the offsets. */
struct slab_header {
	uint64_t magic;
	uint64_t bytes;
	uint32_t route_count, route_offset;
	uint32_t service_cap, service_count, service_offset;
	uint32_t plugin_metric_count, plugin_metric_offset;
	uint32_t endpoint_offset;
	uint32_t worker; /* position among the generation's workers */
	uint64_t generation;
	int64_t pid;
	uint64_t heartbeat_ns; /* clock_mono_ns() of the last turn of the loop */
	_Alignas(64) struct slab_running running;

	_Alignas(64) uint64_t requests;
	uint64_t ended[END_REASON_COUNT];
	uint64_t connections_accepted;
	uint64_t connections_shed;           /* closed at once since a limit was reached */
	uint64_t bytes_received, bytes_sent; /* on client connections, heads included */
	uint64_t access_log_dropped;         /* lines lost since the log could not be written */
	uint64_t interim;                    /* 1xx answers relayed */
	uint64_t tunnels;
	int64_t connections_open;
	int64_t connections_idle;
	int64_t requests_active;
	int64_t buffers_bytes; /* held in buffers now */
	int64_t tunnels_open;

	/* Not yet in the routes' counters: slab_settle(). */
	uint32_t waiting, reserved;
	struct slab_ended last[SLAB_ENDED];

	struct slab_refused refused[SLAB_REFUSED];
	struct slab_crash crash;
};

/* A worker's or the control process's view of one region. */
struct slab {
	int fd; /* -1 when it is another's */
	struct slab_header *header;
	struct slab_route *routes;
	struct slab_service *services;
	struct slab_plugin_metric *plugin_metrics;
	struct slab_endpoint *endpoints; /* SLAB_ENDPOINTS */
	/* The control process keeps its own, since a plugin gone wild can write into the region. */
	size_t bytes;
	uint32_t route_count, service_cap;
	bool large; /* so many routes that their counters are in no cache */
};

/* A new region for that many routes and at most that many services.  0 or -1. */
int slab_create(struct slab *, uint32_t worker, uint64_t generation, uint32_t routes,
		uint32_t service_cap, struct error *);
/* Maps what slab_create() made elsewhere; checks magic and bounds.  0 or -1. */
int slab_open(struct slab *, int fd, struct error *);
/* Unmaps, and closes the descriptor when it is ours. */
void slab_close(struct slab *);
/* The service's block, a new one when there is none of that name (a replaced worker finds its
 * predecessor's and goes on counting).  When the table is full: the shared last block, "other". */
struct slab_service *slab_service(struct slab *, struct str name);
/* How many blocks are in use now, never more than there are. */
uint32_t slab_service_count(const struct slab *);
uint32_t slab_plugin_metric_count(const struct slab *);
/* Adds a request to its route's counters: at once, or when there are thousands of routes, the next
 * time that slab_settle() is called, by itself when there are many, and before the worker waits.
 * The counters of one among thousands are in no cache; so it is waited for those of many at once.
 * */
void slab_add_ended(struct slab *, const struct slab_ended *);
void slab_settle(struct slab *);
/* When the worker has ended, and another may take over what it left: counts what it had not, and
 * what is not a counter begins at 0 again. */
void slab_renew(struct slab *);
/* The plugin metric's position, found or made; -1 when full. */
int slab_plugin_metric(struct slab *, const char *plugin, const char *name, const char *help);

/* Readers that load ok first never see a row from before it. */
static inline void slab_endpoint_ok(struct slab_endpoint *e)
{
	__atomic_store_n(&e->row, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&e->ok, e->ok + 1, __ATOMIC_RELEASE);
}

static inline void slab_endpoint_failed(struct slab_endpoint *e, bool refused)
{
	e->row++;
	e->failed++;
	e->refused += refused;
}

static inline void slab_observe(struct slab_histogram *h, uint64_t us)
{
	int i = 0;
	while (i < SLAB_BUCKETS - 1 && us > slab_bucket_us[i])
		i++;
	h->bucket[i]++;
	h->sum_us += us;
}

#endif
