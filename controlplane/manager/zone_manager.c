/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_manager: its threads, from start to end. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANY_LOADS 1000u /* of the store, after which its pages are let go of */
#define LOADER_STACK_OCTETS (1u << 20)

int64_t
manager_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- threads --- */

void
manager_work_ended(struct zone_manager *m)
{
	bool idle = !m->stopping && manager_oldest_ticket(m) == UINT64_MAX;
	bool ready = idle && m->scanned && !m->store_awaited && !m->ready;
	struct store *read_much = idle && m->run_loads > MANY_LOADS ? m->store : NULL;

	if (ready) { /* before those are told who wait for it */
		m->ready = true;
		m->start_ms = (uint32_t)((manager_clock_ns() - m->started_ns) / 1000000);
	}
	if (idle && m->run_loads > 1)
		log_info("%u zones loaded, %u refused, in %.3f s", m->run_loads - m->run_failures,
			m->run_failures, (double)(manager_clock_ns() - m->run_started_ns) / 1e9);
	if (idle)
		m->run_loads = m->run_failures = m->run_warned = 0;
	manager_wake_waiters(m);
	if (!idle)
		return;
	pthread_mutex_unlock(&m->lock);
	malloc_trim(0); /* what loading took is not needed for serving */
	if (read_much != NULL)
		store_release_pages(read_much); /* nor is what of its file was read */
	if (ready && m->o.ready != NULL)
		m->o.ready(m->o.arg);
	pthread_mutex_lock(&m->lock);
}

/* A thread is about to end. Lock held, and released. */
static void
thread_ended(struct zone_manager *m)
{
	m->n_running--;
	pthread_cond_signal(&m->ended);
	pthread_mutex_unlock(&m->lock);
}

static void *
loader_main(void *arg)
{
	struct loader *l = arg;
	struct zone_manager *m = l->m;
	struct zone_scratch *scratch = zone_scratch_create(); /* without one it is slower */

	pthread_setname_np(pthread_self(), "zone-loader");
	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		struct zone_entry *e;
		if (l >= &m->loader[m->n_wanted]) {
			pthread_cond_wait(&m->loader_parked, &m->lock);
			continue;
		}
		e = manager_next_zone(m);
		if (e == NULL) {
			pthread_cond_wait(&m->loader_work, &m->lock);
			continue;
		}
		if (m->run_loads == 0)
			m->run_started_ns = manager_clock_ns();
		l->ticket = e->ticket;
		manager_load_zone(m, e, scratch);
		l->ticket = 0;
		manager_work_ended(m);
	}
	zone_scratch_destroy(scratch); /* before anybody may take the thread for ended */
	thread_ended(m);
	return NULL;
}

static void *
scanner_main(void *arg)
{
	struct zone_manager *m = arg;
	struct config *config;

	pthread_setname_np(pthread_self(), "zone-scanner");
	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		struct command *c = STAILQ_FIRST(&m->commands);
		if (c == NULL) {
			pthread_cond_wait(&m->scanner_work, &m->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&m->commands, link);
		m->scanning = c->ticket;
		m->scan_config = config = config_hold(m->config);
		pthread_mutex_unlock(&m->lock);
		manager_scan(m, c);
		command_destroy(c);
		config_free(config);
		pthread_mutex_lock(&m->lock);
		m->scan_ended = m->scan;
		m->scanning = 0;
		m->scanned = true;
		manager_work_ended(m);
	}
	thread_ended(m);
	return NULL;
}

/* --- life --- */

static unsigned
default_threads(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* One more thread of our attributes. Signals are for the main thread. @return 0 or an errno */
static int
start_thread(pthread_t *thread, void *(*body)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret = pthread_attr_init(&attr);

	if (ret != 0)
		return ret;
	pthread_attr_setstacksize(&attr, LOADER_STACK_OCTETS);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(thread, &attr, body, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return ret;
}

unsigned
manager_set_threads(struct zone_manager *m, unsigned n)
{
	if (n == 0)
		n = default_threads();
	if (n > ZONE_THREADS_MAX)
		n = ZONE_THREADS_MAX;
	while (m->n_loaders < n) {
		struct loader *l = &m->loader[m->n_loaders];
		l->m = m;
		if (start_thread(&l->thread, loader_main, l) != 0)
			break; /* fewer than asked for will do */
		m->n_loaders++;
		m->n_running++;
	}
	m->n_wanted = n < m->n_loaders ? n : m->n_loaders;
	pthread_cond_broadcast(&m->loader_work); /* those who are to be parked, and parked ones */
	pthread_cond_broadcast(&m->loader_parked);
	return m->n_wanted;
}

static int
start_threads(struct zone_manager *m, unsigned n)
{
	int ret = start_thread(&m->scanner, scanner_main, m);

	if (ret != 0)
		return -ret;
	m->n_running++;
	return manager_set_threads(m, n) > 0 ? 0 : -EAGAIN;
}

int
zone_manager_start(struct zone_manager **out, const struct zone_manager_options *options)
{
	struct zone_manager *m = calloc(1, sizeof *m);
	pthread_condattr_t attr;
	uint64_t ticket;
	int ret;

	if (m == NULL)
		return -ENOMEM;
	m->o = *options;
	m->o.config = NULL; /* m->config is the one */
	ret = zone_table_init(&m->table, arena_header(options->arena)->seed);
	if (ret != 0) {
		free(m);
		return ret;
	}
	m->config = config_hold(options->config);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->loader_work, NULL);
	pthread_cond_init(&m->loader_parked, NULL);
	pthread_cond_init(&m->scanner_work, NULL);
	pthread_cond_init(&m->zone_free, NULL);
	m->store_awaited = options->awaits_store;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->ended, &attr);
	pthread_condattr_destroy(&attr);
	TAILQ_INIT(&m->bulk);
	TAILQ_INIT(&m->urgent);
	TAILQ_INIT(&m->updating);
	for (unsigned i = 0; i < ZONE_BACKENDS_MAX; i++)
		TAILQ_INIT(&m->away[i]);
	m->n_unlisted = options->awaits_backends;
	STAILQ_INIT(&m->commands);
	LIST_INIT(&m->waiters);
	m->started_ns = manager_clock_ns();

	pthread_mutex_lock(&m->lock); /* n_loaders is theirs too */
	ret = start_threads(m, m->config->zones.threads);
	if (ret == 0)
		ret = manager_command(m, COMMAND_FORCE_ALL, NULL, 0, &ticket);
	if (ret == 0)
		*out = m; /* before the threads run: their callbacks look at it */
	pthread_mutex_unlock(&m->lock);
	if (ret != 0) {
		if (zone_manager_stop(m, UINT32_MAX))
			zone_manager_destroy(m);
		return ret;
	}
	return 0;
}

bool
zone_manager_stop(struct zone_manager *m, unsigned patience_ms)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms / 1000;
	until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->loader_work);
	pthread_cond_broadcast(&m->loader_parked);
	pthread_cond_broadcast(&m->scanner_work);
	pthread_cond_broadcast(&m->zone_free);
	manager_wake_waiters(m);
	while (m->n_running > 0)
		if (pthread_cond_timedwait(&m->ended, &m->lock, &until) != 0)
			break;
	ended = m->n_running == 0;
	pthread_mutex_unlock(&m->lock);
	return ended;
}

void
zone_manager_destroy(struct zone_manager *m)
{
	struct command *c;

	if (m == NULL)
		return;
	assert(m->stopping && m->n_running == 0);
	if (m->scanner != 0)
		pthread_join(m->scanner, NULL);
	for (unsigned i = 0; i < m->n_loaders; i++)
		pthread_join(m->loader[i].thread, NULL);
	while ((c = STAILQ_FIRST(&m->commands)) != NULL) {
		STAILQ_REMOVE_HEAD(&m->commands, link);
		command_destroy(c);
	}
	zone_table_destroy(&m->table);
	pthread_cond_destroy(&m->loader_work);
	pthread_cond_destroy(&m->loader_parked);
	pthread_cond_destroy(&m->scanner_work);
	pthread_cond_destroy(&m->zone_free);
	pthread_cond_destroy(&m->ended);
	pthread_mutex_destroy(&m->lock);
	config_free(m->config);
	free(m);
}
