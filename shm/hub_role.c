/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_role: taking a role, what is void or goes on when a process comes back, and the end of grace
 * periods, which hangs on who is alive. */
#include "shm/hub_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static pid_t
holder(const struct hub_map *m, enum hub_file_id id, unsigned seat)
{
	return m->file[id] != NULL ? hub_file_holder(m->file[id], seat) : 0;
}

static unsigned
current_seat(const struct hub_map *m)
{
	const struct hub *h = m->hub;
	unsigned best = 0;
	uint64_t best_rank[3] = {0};

	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		const struct hub_instance *in = &h->instance[seat];
		uint64_t rank[3] = {holder(m, HUB_FILE_DATA, seat) != 0,
			atomic_load_explicit(&in->n_workers, memory_order_acquire) != 0,
			atomic_load_explicit(&in->started_ns, memory_order_relaxed)};
		for (unsigned i = 0; i < 3; i++) {
			if (rank[i] > best_rank[i]) {
				best = seat;
				memcpy(best_rank, rank, sizeof rank);
			}
			if (rank[i] != best_rank[i])
				break;
		}
	}
	return best;
}

unsigned
hub_current_seat(const struct hub *h)
{
	unsigned seat;

	pthread_mutex_lock(&hubs_lock);
	seat = current_seat(hub_map_of(h));
	pthread_mutex_unlock(&hubs_lock);
	return seat;
}

pid_t
hub_role_pid(const struct hub *h, enum hub_role role)
{
	struct hub_map *m;
	pid_t pid;

	pthread_mutex_lock(&hubs_lock);
	m = hub_map_of(h);
	pid = holder(m, hub_file_of_role[role], role == HUB_DATAPLANE ? current_seat(m) : 0);
	pthread_mutex_unlock(&hubs_lock);
	return pid;
}

/* A new dataplane: what the workers of the one before said about themselves is void, and what they
 * counted goes on under its name, where our table has it. */
static void
reset_instance(struct hub *h, unsigned seat)
{
	struct hub_instance *in = &h->instance[seat];
	uint32_t n = atomic_load_explicit(&in->n_claimed, memory_order_acquire);
	uint32_t n_rows = atomic_load_explicit(&in->n_counters, memory_order_relaxed);
	uint64_t moved[HUB_COUNTERS_MAX];

	n_rows = n_rows < HUB_COUNTERS_MAX ? n_rows : HUB_COUNTERS_MAX;
	atomic_store_explicit(&in->n_workers, 0, memory_order_release);
	for (uint32_t w = 0; w < n && w < HUB_WORKERS_MAX; w++) {
		uint64_t *old = h->worker[seat][w].counters_room;
		grace_offline(&h->worker[seat][w]);
		memset(moved, 0, sizeof moved);
		for (unsigned i = 0; i < CTR_N; i++) {
			uint16_t at = counter_find(in->counter_key, n_rows, &counter_info[i], i);
			moved[i] = at != COUNTER_NONE ? old[at] : 0;
		}
		if (memcmp(moved, old, sizeof moved) != 0)
			memcpy(old, moved, sizeof moved);
	}
	for (unsigned i = 0; i < CTR_N; i++)
		in->counter_key[i] = counter_key(&counter_info[i]);
	snprintf(in->release, sizeof in->release, "%s", MILLRACE_VERSION);
	atomic_store_explicit(&in->n_ports, 0, memory_order_relaxed);
	atomic_store_explicit(&in->n_counters, CTR_N, memory_order_release);
}

/* The seat for us: the one that was used last, as its counters go on then; beside another dataplane
 * the one that it leaves. @return -EBUSY when there is none */
static int
choose_seat(struct hub_map *m)
{
	const struct hub_file *f = m->file[HUB_FILE_DATA];
	unsigned n_held = 0, free_seat = 0;

	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		if (hub_file_holder(f, seat) != 0)
			n_held++;
		else
			free_seat = seat;
	}
	if (n_held == HUB_SEATS || (n_held != 0 && !m->beside))
		return -EBUSY;
	m->hub->seat = n_held == 0 ? current_seat(m) : free_seat;
	return 0;
}

static int
take_dataplane(struct hub_map *m)
{
	struct hub_file *f = m->file[HUB_FILE_DATA];
	int err = hub_lock_creation(f->fd, m->path, true);

	if (err < 0)
		return err;
	err = choose_seat(m);
	if (err == 0)
		err = hub_file_lock(f, m->hub->seat);
	hub_unlock_creation(f->fd);
	if (err < 0)
		return err;
	m->seat = (int)m->hub->seat;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++)
		if (hub_file_holder(f, seat) == 0)
			atomic_store_explicit(
				&m->hub->instance[seat].n_workers, 0, memory_order_release);
	reset_instance(m->hub, m->hub->seat);
	return 0;
}

pid_t
hub_predecessor(const struct hub *h)
{
	pid_t pid;

	pthread_mutex_lock(&hubs_lock);
	pid = holder(hub_map_of(h), HUB_FILE_DATA, 1 - h->seat);
	pthread_mutex_unlock(&hubs_lock);
	return pid;
}

static void
reset_stream(struct hub_stream *s)
{
	uint64_t moved[HUB_STREAM_COUNTERS_MAX] = {0};
	uint32_t n = atomic_load_explicit(&s->n_counters, memory_order_relaxed);

	n = n < HUB_STREAM_COUNTERS_MAX ? n : HUB_STREAM_COUNTERS_MAX;
	for (unsigned i = 0; i < SCTR_N; i++) {
		uint16_t at = counter_find(s->counter_key, n, &stream_counter_info[i], i);
		moved[i] = at != COUNTER_NONE ? s->counters_room[at] : 0;
	}
	memcpy(s->counters_room, moved, sizeof moved);
	for (unsigned i = 0; i < SCTR_N; i++)
		s->counter_key[i] = counter_key(&stream_counter_info[i]);
	atomic_store_explicit(&s->n_counters, SCTR_N, memory_order_release);
}

/* A new file's epochs go on above all that a worker ever saw: so nobody who has seen one of a
 * former file is taken for a reader of today. */
static void
start_epochs(struct hub *h)
{
	struct timespec t;
	uint64_t epoch;

	if (atomic_load_explicit(&h->control.epoch, memory_order_relaxed) != 0)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	epoch = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		uint32_t n =
			atomic_load_explicit(&h->instance[seat].n_claimed, memory_order_acquire);
		for (uint32_t i = 0; i < n && i < HUB_WORKERS_MAX; i++) {
			uint64_t seen = atomic_load_explicit(
				&h->worker[seat][i].epoch_seen, memory_order_acquire);
			epoch = seen >= epoch ? seen + 1 : epoch;
		}
	}
	atomic_store_explicit(&h->control.epoch, epoch, memory_order_release);
}

int
hub_take_role(struct hub_map *m)
{
	enum hub_file_id id = hub_file_of_role[m->role];
	int err;

	if (m->role == HUB_DATAPLANE) {
		err = take_dataplane(m);
	} else {
		err = hub_file_lock(m->file[id], 0);
		if (err == 0)
			m->seat = 0;
	}
	if (err == -EBUSY) {
		pid_t pid = holder(m, id, 0);
		if (pid == 0)
			pid = holder(m, id, 1);
		return hub_fail(-EBUSY,
			"%s: %s is running already, as %s; stop that one first, or use "
			"another run_dir",
			m->path, hub_role_name[m->role], hub_pid_text("process", pid));
	}
	if (err < 0)
		return hub_fail(err, "%s: cannot lock: %s", m->path, strerror(-err));
	if (m->role == HUB_CONTROLPLANE)
		start_epochs(m->hub);
	if (m->role == HUB_STREAM)
		reset_stream(&m->hub->stream);
	return 0;
}

/* --- grace periods --- */

uint64_t
grace_start(struct hub *h)
{
	/* What was unpublished must be so for every worker that is still seen offline afterwards:
	 * pairs with the fence in grace_online(). */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_fetch_add_explicit(&h->control.epoch, 1, memory_order_seq_cst) + 1;
}

#ifdef __SANITIZE_THREAD__
char grace_token;
#endif

/* The oldest epoch that a worker of this seat may still be in, if that is before this one. */
static uint64_t
oldest_seen(const struct hub *h, unsigned seat, uint64_t epoch)
{
	uint32_t n = atomic_load_explicit(&h->instance[seat].n_claimed, memory_order_acquire);

	for (uint32_t i = 0; i < n && i < HUB_WORKERS_MAX; i++) {
		/* acquire: the worker's reads are over before the caller overwrites */
		uint64_t seen =
			atomic_load_explicit(&h->worker[seat][i].epoch_seen, memory_order_acquire);
		if (seen != 0 && seen < epoch)
			epoch = seen;
	}
	return epoch;
}

/* The last epoch, up to this one, that all have passed. */
static uint64_t
passed_until(struct hub *h, uint64_t epoch)
{
	pthread_mutex_lock(&hubs_lock);
	struct hub_map *m = hub_map_of(h);
	/* a dataplane that made its file since counts as well */
	int err = hub_look_at_file(m, HUB_FILE_DATA);
	if (err != 0 && err != -ENOENT)
		epoch = 0;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		uint64_t seen = oldest_seen(h, seat, epoch);
		if (seen < epoch && holder(m, HUB_FILE_DATA, seat) != 0)
			epoch = seen;
	}
	GRACE_ACQUIRED();
	pthread_mutex_unlock(&hubs_lock);
	return epoch;
}

bool
grace_passed(struct hub *h, uint64_t epoch)
{
	return passed_until(h, epoch) == epoch;
}

uint64_t
grace_horizon(struct hub *h)
{
	/* seq_cst, as grace_start(): all that was unpublished before these epochs is so for every
	 * worker that is seen offline from here on */
	return passed_until(h, atomic_load_explicit(&h->control.epoch, memory_order_seq_cst));
}

const char *
hub_phase_word(uint32_t phase)
{
	static const char *const word[HUB_PHASES] = {
		[HUB_PHASE_UNTOLD] = "",
		[HUB_PHASE_STARTING] = "starting",
		[HUB_PHASE_TAKING_OVER] = "taking-over",
		[HUB_PHASE_ANSWERING] = "answering",
		[HUB_PHASE_STANDING_IN] = "standing-in",
		[HUB_PHASE_DRAINING] = "draining",
	};

	return phase < HUB_PHASES ? word[phase] : "";
}
