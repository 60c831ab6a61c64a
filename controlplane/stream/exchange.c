/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exchange: see exchange.h. What comes from a ring is checked as if it came from a stranger. */
#include "controlplane/stream/exchange.h"

#include "config/config.h"
#include "config/log.h"
#include "shm/doorbell.h"
#include "shm/paths.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20 /* between looks for the dataplane's file */

static_assert(sizeof(struct stream_message) + UINT16_MAX <= HUB_RING_OCTETS / 2 - 16,
	"the longest query fits a ring");

static int
bell_open(const struct config *c, const char *name)
{
	char *path = config_run_path(c, name);
	int fd = path != NULL ? doorbell_open(path) : -ENOMEM;

	if (fd < 0)
		log_error("%s: cannot open this doorbell: %s; is the directory there and ours to "
			  "write to?",
			path != NULL ? path : name, strerror(-fd));
	free(path);
	return fd;
}

/* Their files cannot be opened any more once the sandbox has closed. SIGTERM still ends us. */
static void
wait_for_others(struct exchange *x)
{
	const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000l};
	bool told = false, dataplane;

	while (hub_refresh(x->hub), dataplane = hub_has(x->hub, HUB_DATAPLANE),
		!dataplane || !hub_has(x->hub, HUB_CONTROLPLANE)) {
		if (!told)
			log_info("waiting for millrace-%s, which never ran here",
				dataplane ? "controlplane" : "dataplane");
		told = true;
		nanosleep(&pause, NULL);
	}
}

int
exchange_open(struct exchange *x, const struct config *c)
{
	unsigned n =
		c->dataplane.workers < HUB_WORKERS_MAX ? c->dataplane.workers : HUB_WORKERS_MAX;
	char *path = config_run_path(c, RUN_HUB);
	int err;

	*x = (struct exchange){.bell = -1, .awake = true};
	err = path != NULL ? hub_open(&x->hub, path, HUB_STREAM) : -ENOMEM;
	free(path);
	if (err < 0) {
		log_error("%s", err == -ENOMEM ? "out of memory" : hub_error());
		return err;
	}
	err = x->bell = bell_open(c, RUN_BELL_STREAM);
	for (unsigned i = 0; err >= 0 && i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, RUN_BELL_WORKER, i);
		err = x->worker[i].bell = bell_open(c, name);
		if (err >= 0)
			x->n_bells++;
	}
	if (err < 0) {
		exchange_close(x);
		return err;
	}
	wait_for_others(x);
	exchange_check_dataplane(x);
	return 0;
}

void
exchange_close(struct exchange *x)
{
	for (unsigned i = 0; i < x->n_bells; i++)
		close(x->worker[i].bell);
	if (x->bell >= 0)
		close(x->bell);
	hub_close(x->hub);
	*x = (struct exchange){.bell = -1};
}

void
exchange_check_dataplane(struct exchange *x)
{
	unsigned seat = hub_current_seat(x->hub);
	uint64_t started =
		atomic_load_explicit(&x->hub->instance[seat].started_ns, memory_order_relaxed);
	pid_t pid = hub_role_pid(x->hub, HUB_DATAPLANE);

	x->seat = seat;
	x->alive = pid != 0;
	if (pid == 0 || (pid == x->dataplane_pid && started == x->dataplane_started_ns))
		return;
	/* what the one before was asked and had taken from its ring will not be answered */
	x->instance++;
	x->dataplane_pid = pid;
	x->dataplane_started_ns = started;
}

int
exchange_worker_for(struct exchange *x, uint32_t number)
{
	uint32_t n =
		atomic_load_explicit(&x->hub->instance[x->seat].n_workers, memory_order_acquire);
	struct exchange_worker *w;
	unsigned i;

	/* never beyond what we have bells for; the dataplane gave its workers' rings memory */
	n = n < x->n_bells ? n : x->n_bells;
	if (n == 0)
		return -1;
	i = number % n;
	w = &x->worker[i];
	if (!w->attached) {
		ring_producer(&w->to, &x->hub->rings[i].to_worker.ring, HUB_RING_OCTETS);
		ring_consumer(&w->from, &x->hub->rings[i].from_worker.ring, HUB_RING_OCTETS);
		w->attached = true;
	}
	return (int)i;
}

struct stream_message *
exchange_reserve(struct exchange *x, int worker, uint32_t len)
{
	return ring_reserve(&x->worker[worker].to, (uint32_t)sizeof(struct stream_message) + len);
}

void
exchange_send(struct exchange *x, int worker, struct stream_message *m, uint64_t token,
	const struct exchange_client *client, uint32_t len)
{
	m->token = token;
	memcpy(m->client, client->address, sizeof m->client);
	m->client_port = client->port;
	m->transport = STREAM_TCP;
	m->close = 0;
	m->len = len;
	ring_commit(&x->worker[worker].to, (uint32_t)sizeof *m + len);
}

void
exchange_wake(struct exchange *x, int worker)
{
	if (ring_should_wake(&x->worker[worker].to))
		doorbell_ring(x->worker[worker].bell);
}

unsigned
exchange_drain(struct exchange *x, unsigned max, exchange_take *take, void *arg)
{
	unsigned n_all = 0;

	for (unsigned i = 0; i < x->n_bells; i++) {
		struct exchange_worker *w = &x->worker[i];
		for (unsigned n = 0; w->attached && n < max; n++, n_all++) {
			bool damaged = false;
			struct stream_message head;
			uint32_t len;
			const uint8_t *m = ring_peek(&w->from, &len, &damaged);
			if (m == NULL) {
				if (damaged)
					stream_counter_add(
						&x->hub->stream.counters, SCTR_RING_DAMAGED, 1);
				break;
			}
			if (len >= sizeof head) {
				memcpy(&head, m, sizeof head);
				if (head.len <= len - sizeof head && head.len <= UINT16_MAX)
					take(arg, head.token, m + sizeof head, head.len,
						head.close != 0);
				else
					stream_counter_add(
						&x->hub->stream.counters, SCTR_RING_DAMAGED, 1);
			} else {
				stream_counter_add(&x->hub->stream.counters, SCTR_RING_DAMAGED, 1);
			}
			ring_release(&w->from);
		}
	}
	return n_all;
}

bool
exchange_may_sleep(struct exchange *x)
{
	bool may = true;

	for (unsigned i = 0; i < x->n_bells; i++)
		if (x->worker[i].attached && !ring_may_sleep(&x->worker[i].from))
			may = false;
	x->awake = false;
	if (!may)
		exchange_awake(x);
	return may;
}

void
exchange_awake(struct exchange *x)
{
	if (x->awake)
		return;
	for (unsigned i = 0; i < x->n_bells; i++)
		if (x->worker[i].attached)
			ring_awake(&x->worker[i].from);
	x->awake = true;
}
