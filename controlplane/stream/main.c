/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-stream: terminates TCP for the workers. Start: bind, attach to the hub, drop privileges,
 * reserve memory, shut the sandbox; then one event loop until SIGTERM. Decides nothing about
 * answers. */
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "controlplane/stream/server.h"
#include "shm/doorbell.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>

#define DRAIN_TURNS 4u   /* of DRAIN_BATCH, before sockets get their turn */
#define RETRY_BATCH 256u /* connections that may try a full ring again in one turn */

static struct stream_server server;

/* --- what the loop does --- */

static void
stop_when_done(struct stream_server *s)
{
	if (s->stopping && queries_count(s->queries) == 0 && stream_list_empty(&s->writes))
		uv_stop(&s->loop);
}

static void
on_more(uv_idle_t *handle)
{
	/* its being there keeps the loop from sleeping */
}

/* Before each sleep: answers from the rings to the sockets, until there are none and the workers
 * know that they must ring from now on. */
static void
on_prepare(uv_prepare_t *handle)
{
	struct stream_server *s = handle->loop->data;
	unsigned n = 1;

	for (unsigned turn = 0; n > 0 && turn < DRAIN_TURNS; turn++) {
		n = exchange_drain(&s->exchange, DRAIN_BATCH, connection_answer, s);
		connection_flush_dirty(s);
	}
	if (!stream_list_empty(&s->waits[WAIT_RING]) && !uv_is_active((uv_handle_t *)&s->retry))
		uv_timer_again(&s->retry);
	if (n == 0 && exchange_may_sleep(&s->exchange))
		uv_idle_stop(&s->more);
	else
		uv_idle_start(&s->more, on_more);
	stop_when_done(s);
}

/* Rings were full, or there was no worker: try again, oldest first, as many as there are now. */
static void
on_retry(uv_timer_t *timer)
{
	struct stream_server *s = timer->loop->data;
	struct stream_link *head = &s->waits[WAIT_RING], *next;
	unsigned n = 0;

	for (struct stream_link *l = head->next; l != head && n < RETRY_BATCH; l = next, n++) {
		/* feeding a connection moves no other one */
		next = l->next;
		connection_resume(s, connection_of(l, wait));
	}
	if (stream_list_empty(head))
		uv_timer_stop(timer);
	else /* without a worker there is no hurry */
		uv_timer_set_repeat(
			timer, exchange_worker_for(&s->exchange, 0) < 0 ? TICK_MS : RETRY_MS);
}

static void
on_tick(uv_timer_t *timer)
{
	struct stream_server *s = timer->loop->data;

	limits_refresh(s);
	connection_expire(s);
	__atomic_store_n(
		&s->counters->v[SCTR_IN_FLIGHT], queries_count(s->queries), __ATOMIC_RELAXED);
}

static void
on_bell(uv_poll_t *handle, int status, int events)
{
	struct stream_server *s = handle->loop->data;

	exchange_awake(&s->exchange);
	doorbell_drain(s->exchange.bell);
}

static void
on_stop_limit(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void
on_stop(uv_signal_t *handle, int number)
{
	struct stream_server *s = handle->loop->data;

	if (s->stopping)
		return;
	s->stopping = true;
	listener_pause_all(s, true);
	uv_timer_start(&s->stop_limit, on_stop_limit, STOP_WAIT_MS, 0);
	stop_when_done(s);
}

/* --- start --- */

/* Descriptors for all connections, or as many connections as there are descriptors. */
static void
descriptors_reserve(struct stream_server *s)
{
	unsigned wanted = s->config->stream.connections_max;
	rlim_t need = (rlim_t)wanted + CLOSING_SPARE + DESCRIPTORS_SPARE;
	struct rlimit l;

	s->connections_room = wanted;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= need)
		return;
	if (l.rlim_max < need) {
		struct rlimit more = {.rlim_cur = need, .rlim_max = need};
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
		need = l.rlim_max;
	}
	l.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &l) == 0 &&
		need >= (rlim_t)wanted + CLOSING_SPARE + DESCRIPTORS_SPARE)
		return;
	getrlimit(RLIMIT_NOFILE, &l);
	s->connections_room = l.rlim_cur > CLOSING_SPARE + DESCRIPTORS_SPARE + 1
				      ? (uint32_t)(l.rlim_cur - CLOSING_SPARE - DESCRIPTORS_SPARE)
				      : 1;
	/* a few less than asked for are no reason to alarm anybody */
	log_write(s->connections_room >= wanted - wanted / 10 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"%u connections at most instead of %u: only %llu open files are allowed here; "
		"raise that to %u (ulimit -n, LimitNOFILE=) or lower stream.connections-max",
		s->connections_room, wanted, (unsigned long long)l.rlim_cur,
		wanted + CLOSING_SPARE + DESCRIPTORS_SPARE);
}

static int
memory_reserve(struct stream_server *s)
{
	uint64_t seed;
	size_t octets;
	int err;

	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return -EIO;
	s->n_slots = s->connections_room + CLOSING_SPARE;
	octets = s->n_slots * sizeof *s->connections;
	s->connections = mmap(NULL, octets, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->clients = clients_create(s->n_slots, seed);
	s->queries = queries_create(QUERIES_MAX, (uint32_t)(seed >> 11));
	err = chunk_pool_create(&s->pool, s->connections_room + POOL_SPARE_OCTETS / CHUNK_OCTETS);
	if (s->connections == MAP_FAILED || s->clients == NULL || s->queries == NULL || err < 0)
		return -ENOMEM;
	s->pool.reclaim = connection_reclaim;
	s->pool.reclaim_arg = s;
	for (unsigned i = 0; i < WAIT_N; i++)
		stream_list_init(&s->waits[i]);
	stream_list_init(&s->writes);
	stream_list_init(&s->dirty);
	stream_list_init(&s->free);
	return 0;
}

static int
loop_prepare(struct stream_server *s)
{
	int err = uv_loop_init(&s->loop);

	if (err < 0)
		return err;
	s->loop.data = s;
	uv_timer_init(&s->loop, &s->tick);
	uv_timer_init(&s->loop, &s->retry);
	uv_timer_init(&s->loop, &s->accept_pause);
	uv_timer_init(&s->loop, &s->stop_limit);
	uv_prepare_init(&s->loop, &s->prepare);
	uv_idle_init(&s->loop, &s->more);
	uv_signal_init(&s->loop, &s->sigterm);
	uv_signal_init(&s->loop, &s->sigint);
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	uv_timer_start(
		&s->retry, on_retry, RETRY_MS, RETRY_MS); /* stops itself; sets its callback */
	uv_prepare_start(&s->prepare, on_prepare);
	err = uv_signal_start(&s->sigterm, on_stop, SIGTERM);
	if (err == 0)
		err = uv_signal_start(&s->sigint, on_stop, SIGINT);
	if (err == 0)
		err = uv_poll_init(&s->loop, &s->bell, s->exchange.bell);
	if (err == 0)
		err = uv_poll_start(&s->bell, UV_READABLE, on_bell);
	if (err == 0)
		err = listener_start_all(s);
	return err;
}

/* What we run with, for the control plane to know what a restart would change. */
static void
tell_start(struct stream_server *s)
{
	struct hub_stream *own = &s->exchange.hub->stream;

	atomic_store(&own->connections_max, s->config->stream.connections_max);
	atomic_store(&own->config_digest, config_digest(s->config, CONFIG_STREAM));
}

/* Everything that may fail for reasons outside. @return an exit status */
static int
server_start(struct stream_server *s)
{
	int err;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* nothing here can be reloaded */
	if (program_make_run_dir(s->config) < 0)
		return EX_CONFIG;
	descriptors_reserve(s);
	if (listener_bind_all(s) < 0)
		return EX_CONFIG;
	if (exchange_open(&s->exchange, s->config) < 0 || program_drop_privileges(s->config) < 0)
		return EXIT_FAILURE;
	s->counters = &s->exchange.hub->stream.counters;
	tell_start(s);
	limits_start(s);
	limits_refresh(s);
	/* gauges of a process that was killed */
	__atomic_store_n(&s->counters->v[SCTR_CONNECTIONS], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->counters->v[SCTR_IN_FLIGHT], 0, __ATOMIC_RELAXED);
	err = memory_reserve(s);
	if (err == 0)
		err = loop_prepare(s);
	if (err < 0) {
		log_error("cannot start: %s", strerror(-err));
		return EXIT_FAILURE;
	}
	err = ready_announce(s->config->run_dir, "stream");
	if (err < 0)
		log_warning("cannot write the ready file in %s: %s", s->config->run_dir,
			strerror(-err));
	program_ready("listening");
	err = sandbox_enter();
	if (err < 0) {
		log_error("cannot enter the sandbox: %s", strerror(-err));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct program p = {.name = "millrace-stream",
		.summary = "Accepts DNS over TCP and hands the queries to the dataplane's workers.",
		.without_zones = true};
	struct stream_server *s = &server;
	struct config *c = program_start(&p, argc, argv);
	int status;

	s->config = c;
	status = server_start(s);
	if (status == EXIT_SUCCESS) {
		log_debug("ready: %u connections at most", s->connections_room);
		uv_run(&s->loop, UV_RUN_DEFAULT);
		log_debug("stopping: %u connections open", s->n_open);
		stream_counter_add(s->counters, SCTR_CLOSED_STOP, s->n_open);
		__atomic_store_n(&s->counters->v[SCTR_CONNECTIONS], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->counters->v[SCTR_IN_FLIGHT], 0, __ATOMIC_RELAXED);
	}
	/* the kernel closes connections, rings outlive us, and memory goes with the process */
	return status;
}
