/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/prometheus.h -- figures as Prometheus text, format 0.0.4.
 * Called by: control/admin_metrics.  Never: decides which figures there are, but for the
 * workers' own. */
#ifndef GATEHOUSE_METRICS_PROMETHEUS_H
#define GATEHOUSE_METRICS_PROMETHEUS_H

#include "base/buf.h"
#include "metrics/total.h"

/* One label; values are escaped, and what is not UTF-8 in them becomes "?". */
struct prometheus_label {
	const char *name;
	struct str value;
};

/* The label list of a call: prometheus_u64(b, "x_total", PROMETHEUS_LABELS({"a", v}), 3). */
#define PROMETHEUS_LABELS(...)                                                                     \
	(const struct prometheus_label[])                                                          \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL,                                                                      \
			{                                                                          \
				NULL, 0                                                            \
			}                                                                          \
		}                                                                                  \
	}

/* The HELP and TYPE lines; the family's samples must follow without another family between. */
void prometheus_family(struct buf *, const char *name, const char *type, const char *help);
/* One sample; labels end with a NULL name, or are NULL. */
void prometheus_u64(struct buf *, const char *name, const struct prometheus_label *labels,
		    uint64_t value);
void prometheus_i64(struct buf *, const char *name, const struct prometheus_label *labels,
		    int64_t value);
void prometheus_seconds(struct buf *, const char *name, const struct prometheus_label *labels,
			double value);
/* A family of one sample without labels. */
void prometheus_counter(struct buf *, const char *name, const char *help, uint64_t value);
void prometheus_gauge(struct buf *, const char *name, const char *help, int64_t value);

/* With more routes than that, those without a request are left out. */
enum { PROMETHEUS_ROUTES = 200 };

/* All that workers count. */
void prometheus_total(struct buf *, const struct total *);

#endif
