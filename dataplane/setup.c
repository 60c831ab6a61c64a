/* SPDX-License-Identifier: GPL-3.0-or-later */
/* setup: opens what the configuration lists and says what is wrong with it, in the words of whoever
 * wrote the configuration. */
#include "dataplane/setup.h"

#include "config/log.h"
#include "dataplane/eal.h"
#include "dataplane/port_figures.h"
#include "dataplane/ports/ethdev.h"
#include "dataplane/ports/socket.h"
#include "dataplane/ports/stream.h"
#include "dataplane/ports/xdp/filter.h"
#include "dataplane/stand_in.h"
#include "dataplane/takeover.h"
#include "shm/doorbell.h"
#include "shm/paths.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

int
setup_move_port(struct worker *w, struct port *p)
{
	struct port **grown = realloc(w->port, (w->n_ports + 1) * sizeof(struct port *));

	if (grown == NULL)
		return -ENOMEM;
	w->port = grown;
	p->tap_index = (uint16_t)w->n_taps++;
	w->port[w->n_ports++] = p;
	return 0;
}

int
setup_add_port(struct worker *w, struct port *p, unsigned index)
{
	int err = setup_move_port(w, p);

	if (err != 0)
		p->ops->close(p);
	else
		port_figures_attach(w->hub, w->shared, p, index);
	return err;
}

/* CPU for each worker: the configured ones; else, where devices are polled, the ones that we may
 * use. */
static void
choose_cpus(struct setup *s, const struct config *c)
{
	cpu_set_t allowed;
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_workers; i++) {
		s->worker[i].cpu = -1;
		if (c->dataplane.cores_count != 0)
			s->worker[i].cpu = (int)c->dataplane.cores[i % c->dataplane.cores_count];
	}
	if (c->dataplane.cores_count != 0 || c->dataplane.ports_count == 0)
		return;
	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0 ||
		(unsigned)CPU_COUNT(&allowed) < s->n_workers)
		return;
	/* from the last CPU down: the first ones get most interrupts */
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && n < s->n_workers; cpu--) {
		if (CPU_ISSET((unsigned)cpu, &allowed))
			s->worker[n++].cpu = cpu;
	}
}

static const char *
bind_advice(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "; another program listens there (`ss -lunp` names it)";
	case -EADDRNOTAVAIL:
		return "; this machine does not have that address (`ip address` lists them)";
	case -EACCES:
		return "; ports below 1024 need CAP_NET_BIND_SERVICE, or start as root and set "
		       "`user`";
	default:
		return "";
	}
}

int
setup_inherit_sockets(struct setup *s, struct heritage *h, const struct config_address *a,
	unsigned index, unsigned *n)
{
	int err = 0;

	*n = 0;
	for (unsigned i = 0; h != NULL && i < h->n && err == 0; i++) {
		struct worker *w = &s->worker[*n % s->n_workers];
		struct port *p = NULL;
		if (h->fd[i] < 0 || !socket_port_is_bound_to(h->fd[i], a))
			continue;
		err = socket_port_inherit(&p, h->fd[i], a, &w->shared->counters);
		if (err == 0) {
			h->fd[i] = -1;
			(*n)++;
			err = setup_add_port(w, p, index);
		}
	}
	return err;
}

/* The address that was opened last has n sockets; one of them is the first worker's last port. */
static void
spread_sockets(const struct setup *s, unsigned n)
{
	const struct worker *w = &s->worker[0];
	int err = socket_spread(socket_port_fd(w->port[w->n_ports - 1]), n);

	if (err != 0)
		log_warning("a heavy client will keep one worker busy: %s", strerror(-err));
}

static int
open_sockets(struct setup *s, const struct config *c, struct heritage *h)
{
	char text[64];
	int err = 0;

	for (unsigned l = 0; l < c->dataplane.listen_count && err == 0; l++) {
		const struct config_address *a = &c->dataplane.listen[l];
		unsigned first, index;
		config_format_address(a, text);
		index = port_figures_enter(s->hub, text, HUB_PORT_SOCKET);
		err = setup_inherit_sockets(s, h, a, index, &first);
		if (err == 0 && first == 0)
			err = socket_port_probe(a);
		for (unsigned i = first; i < s->n_workers && err == 0; i++) {
			struct port *p = NULL;
			err = socket_port_open(&p, a, &s->worker[i].shared->counters);
			if (err == 0)
				err = setup_add_port(&s->worker[i], p, index);
		}
		if (err == 0)
			spread_sockets(s, first > s->n_workers ? first : s->n_workers);
		if (err != 0)
			log_error("cannot listen on %s: %s%s", text, strerror(-err),
				bind_advice(err));
		else
			log_info("listening on %s (kernel sockets)", text);
	}
	return err;
}

/* All queues of all devices, in the order in which they are dealt out to workers. */
struct queues {
	struct port **port;
	unsigned *worker;
	unsigned n;
};

static int
add_queue(struct queues *all, struct port *p, unsigned worker)
{
	struct port **ports = realloc(all->port, (all->n + 1) * sizeof(struct port *));
	unsigned *workers;

	if (ports == NULL)
		return -ENOMEM;
	all->port = ports;
	workers = realloc(all->worker, (all->n + 1) * sizeof(unsigned));
	if (workers == NULL)
		return -ENOMEM;
	all->worker = workers;
	all->port[all->n] = p;
	all->worker[all->n++] = worker;
	return 0;
}

/* A device is known by what comes before the first comma of its arguments. */
static unsigned
enter_device(struct hub *h, const struct config_port *c)
{
	char name[sizeof((struct hub_port *)0)->name];

	snprintf(name, sizeof name, "%.*s", (int)strcspn(c->device, ","), c->device);
	return port_figures_enter(h, name, HUB_PORT_DEVICE);
}

static int
open_device(struct setup *s, const struct config_port *c, struct queues *all)
{
	struct port *queue[ETHDEV_QUEUES_MAX];
	unsigned n = 0, index = enter_device(s->hub, c);
	int err = ethdev_port_open(c, s->n_workers, queue, &n);

	/* deal on from where the last device ended, so that single queues spread as well */
	for (unsigned q = 0; q < n; q++) {
		unsigned w = all->n % s->n_workers;
		int failed;
		queue[q]->counters = &s->worker[w].shared->counters;
		failed = add_queue(all, queue[q], w);
		if (failed == 0)
			failed = setup_add_port(&s->worker[w], queue[q], index);
		err = err != 0 ? err : failed;
	}
	return err;
}

/* What workers hand on to one another is one more port of each. */
static int
tie_workers(struct setup *s, const struct queues *all)
{
	struct counters *counters[HUB_WORKERS_MAX];
	struct port *port[HUB_WORKERS_MAX];
	unsigned index;
	int err;

	if (s->n_workers < 2 || all->n == 0)
		return 0;
	for (unsigned w = 0; w < s->n_workers; w++)
		counters[w] = &s->worker[w].shared->counters;
	err = spread_open(&s->spread, all->port, all->worker, all->n, counters, s->n_workers, port);
	if (err != 0)
		log_error("cannot tie the workers together: %s", strerror(-err));
	index = port_figures_enter(s->hub, "spread", HUB_PORT_SPREAD);
	for (unsigned w = 0; w < s->n_workers && err == 0; w++)
		err = setup_add_port(&s->worker[w], port[w], index);
	return err;
}

static int
start_eal(struct setup *s, const struct config *c)
{
	int err = c->dataplane.ports_count != 0 ? eal_start(c) : 0;

	s->eal = err == 0 && c->dataplane.ports_count != 0;
	return err;
}

int
setup_open_devices(struct setup *s, const struct config *c, bool again)
{
	struct queues all = {0};
	int err = 0;

	for (unsigned d = 0; d < c->dataplane.ports_count && err == 0; d++)
		if (!again || ethdev_may_step_aside(&c->dataplane.ports[d]))
			err = open_device(s, &c->dataplane.ports[d], &all);
	if (err == 0)
		err = tie_workers(s, &all);
	free(all.port);
	free(all.worker);
	return err;
}

/* Access lists and rate limits: a table for each worker. */
static int
create_policies(struct setup *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->worker[i];
		uint64_t seed[2];
		if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
			log_error("no random octets for the rate limiter's hash");
			return -EIO;
		}
		w->policy = policy_create(s->n_workers, seed, &w->shared->counters);
		if (w->policy == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
setup_open(struct setup *s, const struct config *c, struct hub *hub, struct heritage *h)
{
	int err;

	*s = (struct setup){.hub = hub, .bell_stream = -1};
	if (c->dataplane.listen_count + c->dataplane.ports_count == 0) {
		log_error("nothing to listen on; give dataplane.listen or dataplane.ports");
		return -EINVAL;
	}
	if (c->dataplane.workers == 0 || c->dataplane.workers > HUB_WORKERS_MAX) {
		log_error("dataplane.workers is %u; it must be 1 to %u", c->dataplane.workers,
			HUB_WORKERS_MAX);
		return -EINVAL;
	}
	s->worker = aligned_alloc(64, c->dataplane.workers * sizeof(struct worker));
	if (s->worker == NULL)
		return -ENOMEM;
	memset(s->worker, 0, c->dataplane.workers * sizeof(struct worker));
	s->n_workers = c->dataplane.workers;
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->worker[i];
		w->index = i;
		w->hub = hub;
		w->shared = hub_own_worker(hub, i);
		w->bell = -1;
	}
	/* grace periods are waited out for claimed workers only */
	for (unsigned i = 0; i < s->n_workers; i++) {
		err = hub_worker_claim(hub, i);
		if (err != 0) {
			log_error("%s", hub_error());
			return err;
		}
	}
	choose_cpus(s, c);
	port_figures_begin(hub);
	err = create_policies(s);
	if (err == 0)
		err = start_eal(s, c);
	/* whatever can fail without a device comes before the one that runs is asked to close its
	 * own */
	if (err == 0 && h != NULL)
		err = stand_in_request(c, h, hub);
	/* devices first: a socket that is opened beside another dataplane's is asked at once */
	if (err == 0)
		err = setup_open_devices(s, c, false);
	if (err == 0)
		err = open_sockets(s, c, h);
	if (err == 0 && h != NULL)
		err = stand_in_adopt(s, c, h);
	for (unsigned i = 0; i < s->n_workers; i++)
		s->worker[i].registered = s->eal;
	return err;
}

/* Open RUN_DIR/name as a doorbell. */
static int
open_bell(const struct config *c, const char *name)
{
	char *path = config_run_path(c, name);
	int fd = path != NULL ? doorbell_open(path) : -ENOMEM;

	if (fd < 0)
		log_error("cannot open %s/%s: %s", c->run_dir, name, strerror(-fd));
	free(path);
	return fd;
}

int
setup_open_bells(struct setup *s, const struct config *c)
{
	char name[32];

	s->bell_stream = open_bell(c, RUN_BELL_STREAM);
	if (s->bell_stream < 0)
		return s->bell_stream;
	s->stream_index = port_figures_enter(s->hub, "stream", HUB_PORT_STREAM);
	for (unsigned i = 0; i < s->n_workers; i++) {
		snprintf(name, sizeof name, RUN_BELL_WORKER, i);
		s->worker[i].bell = open_bell(c, name);
		if (s->worker[i].bell < 0)
			return s->worker[i].bell;
	}
	return 0;
}

int
setup_open_rings(struct setup *s)
{
	int err = 0;

	for (unsigned i = 0; i < s->n_workers && err == 0; i++) {
		struct worker *w = &s->worker[i];
		struct port *p = NULL;
		err = stream_port_open(
			&p, &s->hub->rings[i], &w->shared->counters, s->bell_stream, w->bell);
		if (err == 0)
			err = setup_add_port(w, p, s->stream_index);
	}
	if (err != 0)
		log_error("out of memory");
	return err;
}

void
setup_close(struct setup *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->worker[i];
		for (unsigned k = 0; k < w->n_ports; k++)
			w->port[k]->ops->close(w->port[k]);
		free(w->port);
		policy_destroy(w->policy);
		if (w->bell >= 0)
			close(w->bell);
	}
	spread_close(s->spread);
	xdp_filters_close();
	free(s->worker);
	if (s->bell_stream >= 0)
		close(s->bell_stream);
	if (s->eal)
		eal_stop();
	*s = (struct setup){.bell_stream = -1};
}
