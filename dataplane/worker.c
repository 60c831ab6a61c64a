/* SPDX-License-Identifier: GPL-3.0-or-later */
/* worker: the poll loop. Receives from each port, answers, transmits; when nothing comes it backs
 * off: to sleep in the kernel when every port can wake it, to short naps when one must be polled.
 */
#include "dataplane/worker.h"

#include "config/log.h"
#include "dataplane/capture/tap.h"
#include "shm/doorbell.h"

#include <errno.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

#define SPINS_BEFORE_SLEEP 32u /* empty rounds before ppoll(2): ~20 us with one socket */
#define SPINS_BEFORE_NAP 4096u /* the same with polled ports: ~0.3 ms */
#define SPIN_US 50u       /* the same with devices that can wake us: what a wake-up costs, about */
#define NAPS_SHORT 10000u /* short naps before long ones after much traffic: ~1 s, */
#define NAPS_A_BURST                                                                 \
	64u /* and how many each burst brings: a query a second leaves a worker idle \
	     */
#define NAP_SHORT_NS 50000u
#define SLEEP_MAX_MS 500   /* a lost wake-up costs no more than this */
#define SLEEP_DEVICE_MS 20 /* the same where drivers may lose one */
#define SLEEP_STALLED_MS 1 /* the stream process does not ring when it has made room */
#define COSTLY_EVERY 16u   /* rounds between system calls to sockets while devices are polled */
#define DISCARD_BURSTS_MAX 4096u /* more than any ring holds */
#define WAIT_FDS_MAX 256u /* ports waited for; with more, the rest is polled after each SLEEP */

/* Receive, answer and transmit on one port. Returns the packets taken or passed on. */
static unsigned
serve_port(struct worker *w, struct port *p, struct answer_context *engine)
{
	struct counters *c = &w->shared->counters;
	uint64_t octets_in = 0, octets_out = 0, n_out = 0;
	bool sampled = sampler_due(&w->sampler);
	uint64_t start = sampled ? rte_rdtsc() : 0;
	unsigned n = p->ops->receive(p, w->query, ANSWER_BURST);

	if (p->n_taken == 0)
		return p->n_passed;
	counter_add(c, CTR_BURSTS, 1);
	counter_add(c, CTR_RX_PACKETS, p->n_taken);
	port_traffic_add(p->traffic, PTR_RX_PACKETS, p->n_taken);
	if (n == 0)
		return p->n_taken + p->n_passed;
	for (unsigned i = 0; i < n; i++)
		octets_in += w->query[i].len;
	policy_answer(w->policy, engine, w->query, n,
		atomic_load_explicit(&w->now_s, memory_order_relaxed),
		policy_ticks(rte_rdtsc(), w->tick_scale));
	for (unsigned i = 0; i < n; i++) {
		octets_out += w->query[i].out_len;
		n_out += w->query[i].out_len != 0;
	}
	if (__builtin_expect(p->tap != NULL, 0))
		tap_answered(p->tap, w->query, rte_rdtsc());
	p->ops->transmit(p, w->query, n);
	if (sampled)
		sampler_take(&w->sampler, &w->shared->latency, rte_rdtsc() - start, n);
	else
		sampler_skip(&w->sampler);
	counter_add(c, CTR_RX_OCTETS, octets_in);
	counter_add(c, CTR_TX_PACKETS, n_out);
	counter_add(c, CTR_TX_OCTETS, octets_out);
	port_traffic_add(p->traffic, PTR_RX_BYTES, octets_in);
	port_traffic_add(p->traffic, PTR_TX_PACKETS, n_out);
	port_traffic_add(p->traffic, PTR_TX_BYTES, octets_out);
	return p->n_taken + p->n_passed;
}

/* The same while packets are captured. */
static __attribute__((cold, noinline)) unsigned
serve_port_tapped(struct worker *w, struct port *p, struct answer_context *engine)
{
	unsigned n;

	tap_begin(p->tap, w->query, rte_rdtsc());
	n = serve_port(w, p, engine);
	tap_end(p->tap);
	return n;
}

static __attribute__((cold, noinline)) void
take_tap(struct worker *w, struct capture_tap *tap)
{
	for (unsigned i = 0; i < w->n_ports; i++)
		w->port[i]->tap = tap;
	/* release: the last use of the old one is over */
	atomic_store_explicit(&w->tap_now, tap, memory_order_release);
}

/* Sleep until a port has something, or a while. */
static void
sleep_on_ports(struct worker *w)
{
	struct pollfd fd[WAIT_FDS_MAX];
	struct timespec wait = {0};
	bool may_sleep = true, stalled = false;
	nfds_t n_fds = 0;

	for (unsigned i = 0; i < w->n_ports; i++) {
		struct port *p = w->port[i];
		if (p->ops->may_sleep != NULL && !p->ops->may_sleep(p))
			may_sleep = false;
		stalled |= p->stalled;
		if (n_fds < WAIT_FDS_MAX - 1 && p->wait_fd != w->bell)
			fd[n_fds++] = (struct pollfd){.fd = p->wait_fd, .events = POLLIN};
	}
	fd[n_fds++] = (struct pollfd){.fd = w->bell, .events = POLLIN};
	if (may_sleep) {
		wait.tv_nsec = (stalled             ? SLEEP_STALLED_MS
				       : w->devices ? SLEEP_DEVICE_MS
						    : SLEEP_MAX_MS) *
			       1000000l;
		grace_offline(w->shared);
		(void)ppoll(fd, n_fds, &wait, NULL);
		grace_online(w->hub, w->shared);
		counter_add(&w->shared->counters, CTR_SLEEPS, 1);
		if (fd[n_fds - 1].revents != 0)
			doorbell_drain(w->bell);
	}
	for (unsigned i = 0; i < w->n_ports; i++) {
		if (w->port[i]->ops->awake != NULL)
			w->port[i]->ops->awake(w->port[i]);
	}
	w->n_idle = 0;
}

static void
back_off(struct worker *w)
{
	struct timespec nap = {0};

	counter_add(&w->shared->counters, CTR_POLLS_EMPTY, 1);
	if (w->n_idle++ == 0)
		w->idle_since = rte_rdtsc();
	if (!w->polled) {
		if (w->devices ? rte_rdtsc() - w->idle_since > w->spin_cycles
			       : w->n_idle > SPINS_BEFORE_SLEEP)
			sleep_on_ports(w);
		else if (w->devices)
			rte_pause();
		return;
	}
	if (w->n_idle <= SPINS_BEFORE_NAP) {
		rte_pause();
		return;
	}
	w->n_idle = SPINS_BEFORE_NAP + 1; /* stay here */
	nap.tv_nsec = w->nap_ns;
	if (w->n_naps_short != 0) {
		w->n_naps_short--;
		if (nap.tv_nsec > NAP_SHORT_NS)
			nap.tv_nsec = NAP_SHORT_NS;
	}
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	counter_add(&w->shared->counters, CTR_SLEEPS, 1);
}

static void
run(struct worker *w)
{
	struct answer_context *engine = NULL;
	/* it may have run before, with other ports */
	struct capture_tap *tap = atomic_load_explicit(&w->tap_now, memory_order_relaxed);
	unsigned round = 0;

	for (unsigned i = 0; i < w->n_ports; i++) {
		w->port[i]->tap = tap;
		if (tap != NULL)
			tap_name(tap, w->port[i]->tap_index, w->port[i]->name);
	}
	w->tick_scale = policy_tick_scale(w->shared->tsc_hz);
	sampler_start(&w->sampler, w->shared->tsc_hz, w->index);
	grace_online(w->hub, w->shared);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		struct answer_context *wanted =
			atomic_load_explicit(&w->wanted, memory_order_acquire);
		struct capture_tap *tap_wanted =
			atomic_load_explicit(&w->tap_wanted, memory_order_acquire);
		uint64_t start = rte_rdtsc();
		bool naps = w->n_idle > SPINS_BEFORE_NAP;
		unsigned n = 0;

		if (wanted != engine) {
			engine = wanted;
			/* release: the last use of the old one is over */
			atomic_store_explicit(&w->using_now, engine, memory_order_release);
		}
		if (__builtin_expect(tap_wanted != tap, 0)) {
			tap = tap_wanted;
			take_tap(w, tap);
		}
		grace_quiescent(w->hub, w->shared);
		round++;
		for (unsigned i = 0; i < w->n_ports; i++) {
			struct port *p = w->port[i];
			/* beside a polled device a socket is asked now and then, or while it gives
			 */
			if (p->costly && w->devices && p->n_taken == 0 && !naps &&
				round % COSTLY_EVERY != 0)
				continue;
			n += __builtin_expect(tap == NULL, 1) ? serve_port(w, p, engine)
							      : serve_port_tapped(w, p, engine);
		}
		if (n == 0) {
			back_off(w);
			continue;
		}
		w->n_idle = 0;
		if (w->n_naps_short < NAPS_SHORT)
			w->n_naps_short += NAPS_A_BURST;
		counter_add(&w->shared->counters, CTR_BUSY_CYCLES, rte_rdtsc() - start);
	}
	grace_offline(w->shared);
}

static void *
worker_thread(void *arg)
{
	struct worker *w = arg;
	char name[16];

	snprintf(name, sizeof name, "worker.%u", w->index);
	pthread_setname_np(pthread_self(), name);
	/* naps end when they should, not 50 us later */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	/* without an id mempools work as well, only without caches */
	if (w->registered && rte_thread_register() != 0) {
		log_warning("worker %u runs without packet buffer caches: %s", w->index,
			rte_strerror(rte_errno));
		w->registered = false;
	}
	run(w);
	if (w->registered)
		rte_thread_unregister();
	return NULL;
}

int
worker_start(struct worker *w)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int err;

	w->polled = w->devices = false;
	w->n_idle = 0;
	atomic_store_explicit(&w->stop, false, memory_order_relaxed);
	w->nap_ns = UINT32_MAX;
	w->spin_cycles = w->shared->tsc_hz / 1000000u * SPIN_US;
	for (unsigned i = 0; i < w->n_ports; i++) {
		w->devices |= w->port[i]->device;
		if (w->port[i]->wait_fd >= 0)
			continue;
		w->polled = true;
		if (w->port[i]->nap_ns < w->nap_ns)
			w->nap_ns = w->port[i]->nap_ns;
	}
	err = pthread_attr_init(&attr);
	if (err != 0)
		return -err;
	if (w->cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((unsigned)w->cpu, &cpus);
		err = pthread_attr_setaffinity_np(&attr, sizeof cpus, &cpus);
	}
	if (err == 0)
		err = pthread_create(&w->thread, &attr, worker_thread, w);
	pthread_attr_destroy(&attr);
	return -err;
}

void
worker_discard(struct worker *w)
{
	for (unsigned k = 0; k < w->n_ports; k++) {
		struct port *p = w->port[k];
		for (unsigned i = 0; p->device && i < DISCARD_BURSTS_MAX; i++) {
			unsigned n = p->ops->receive(p, w->query, ANSWER_BURST);
			for (unsigned q = 0; q < n; q++)
				w->query[q].out_len = 0;
			if (n != 0)
				p->ops->transmit(p, w->query, n);
			if (p->n_taken == 0)
				break;
		}
	}
}

void
worker_stop(struct worker *w)
{
	atomic_store_explicit(&w->stop, true, memory_order_relaxed);
	doorbell_ring(w->bell);
}

void
worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
}
