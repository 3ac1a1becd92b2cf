/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/crowd.h"

#include <string.h>
#include <unistd.h>

#include "base/shm.h"

static const uint64_t CROWD_MAGIC = 0x676174652d637265; /* another layout, another number */

struct crowd_header {
	_Alignas(64) uint64_t magic;
	uint32_t workers, services;
};

static uint64_t crowd_bytes(uint64_t workers, uint64_t services)
{
	return sizeof(struct crowd_header) + services * sizeof(struct crowd_rule) +
	       workers * services * sizeof(struct crowd_cell);
}

static void crowd_point(struct crowd *c, void *region, uint32_t workers, uint32_t services)
{
	c->region = region;
	c->workers = workers;
	c->services = services;
	c->bytes = crowd_bytes(workers, services);
	c->rules = (struct crowd_rule *)(void *)((char *)region + sizeof(struct crowd_header));
	c->cells = (struct crowd_cell *)(void *)(c->rules + services);
}

int crowd_create(struct crowd *c, uint32_t workers, uint32_t services, struct error *e)
{
	size_t bytes;

	*c = (struct crowd){ .fd = shm_create("gatehouse-crowd", crowd_bytes(workers, services),
					      e) };
	if (c->fd < 0)
		return -1;
	struct crowd_header *h = shm_map(c->fd, &bytes, e);
	if (!h) {
		close(c->fd);
		c->fd = -1;
		return -1;
	}
	*h = (struct crowd_header){ CROWD_MAGIC, workers, services };
	crowd_point(c, h, workers, services);
	return 0;
}

int crowd_open(struct crowd *c, int fd, struct error *e)
{
	size_t bytes;

	*c = (struct crowd){ .fd = -1 };
	struct crowd_header *h = shm_map(fd, &bytes, e);
	if (!h)
		return -1;
	if (bytes < sizeof(*h) || h->magic != CROWD_MAGIC ||
	    crowd_bytes(h->workers, h->services) != bytes) {
		shm_unmap(h, bytes);
		return error_set(e, "descriptor %d is not the shared counts of this version", fd);
	}
	crowd_point(c, h, h->workers, h->services);
	return 0;
}

void crowd_close(struct crowd *c)
{
	if (c->region)
		shm_unmap(c->region, c->bytes);
	if (c->region && c->fd >= 0)
		close(c->fd);
	*c = (struct crowd){ .fd = -1 };
}

void crowd_renew(struct crowd *c, uint32_t worker)
{
	for (uint32_t i = 0; i < c->services && worker < c->workers; i++)
		memset(&crowd_cells(c, i)[worker], 0, sizeof(struct crowd_cell));
}

struct crowd_cell *crowd_cells(const struct crowd *c, uint32_t service)
{
	return &c->cells[(size_t)service * c->workers];
}

int64_t crowd_sum(const struct crowd_cell *cells, uint32_t workers, enum crowd_kind kind)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < workers; i++)
		sum += __atomic_load_n(&cells[i].count[kind], __ATOMIC_SEQ_CST);
	return sum > 0 ? sum : 0;
}

void crowd_trials(const struct crowd *c, uint32_t service, uint64_t epoch, uint64_t *ok,
		  uint64_t *failed)
{
	const struct crowd_cell *cells = crowd_cells(c, service);

	*ok = *failed = 0;
	for (uint32_t i = 0; i < c->workers; i++) {
		if (__atomic_load_n(&cells[i].trial_epoch, __ATOMIC_ACQUIRE) != epoch)
			continue;
		*ok += __atomic_load_n(&cells[i].trial_ok, __ATOMIC_RELAXED);
		*failed += __atomic_load_n(&cells[i].trial_failed, __ATOMIC_RELAXED);
	}
}
