/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_grace: grace periods between processes and threads, and the doorbells that end a sleep. */
#include "shm/doorbell.h"
#include "tests/unit/hub_test.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

static void
test_a_grace_period_waits_for_readers_that_are_online(void **state)
{
	struct hub_worker *w;
	struct hub *h, *c;
	uint64_t e;

	assert_int_equal(hub_open(&c, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	w = hub_own_worker(h, 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	assert_int_equal(hub_worker_claim(h, 1), 0);
	assert_true(grace_passed(c, grace_start(c))); /* nobody reads */
	grace_online(h, &w[1]);
	assert_true(grace_passed(c, c->control.epoch));
	e = grace_start(c);
	assert_false(grace_passed(c, e));
	grace_online(h, &w[0]);
	assert_false(grace_passed(c, e));
	grace_quiescent(h, &w[1]);
	assert_true(grace_passed(c, e));
	e = grace_start(c);
	assert_false(grace_passed(c, e));
	grace_offline(&w[0]);
	assert_false(grace_passed(c, e));
	grace_offline(&w[1]);
	assert_true(grace_passed(c, e));
	hub_close(h);
	hub_close(c);
}

static void
test_a_dead_dataplane_blocks_nothing(void **state)
{
	struct hub *h, *again;
	uint64_t e;

	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	pid_t pid = child_holding(HUB_DATAPLANE);
	e = grace_start(h);
	assert_false(grace_passed(h, e));
	kill(pid, SIGSTOP); /* not dead: it may go on and read */
	assert_false(grace_passed(h, e));
	child_end(pid);
	assert_true(grace_passed(h, e));
	assert_int_equal(hub_open(&again, path, HUB_DATAPLANE), 0);
	assert_true(grace_passed(h, grace_start(h)));
	assert_int_equal(hub_own_worker(again, 0)->epoch_seen, 0);
	hub_close(again);
	hub_close(h);
}

/* In a container with a PID namespace of its own the kernel does not say whose lock it is. */
static void
test_a_dataplane_that_is_not_visible_is_alive(void **state)
{
	struct hub *h, *control;
	int status;
	pid_t pid;

	assert_int_equal(hub_open(&control, path, HUB_CONTROLPLANE), 0);
	hub_close(control);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	grace_online(h, hub_own_worker(h, 0));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		pid = fork(); /* process 1 there */
		if (pid == 0) {
			if (hub_open(&control, path, HUB_DATAPLANE) != -EBUSY ||
				strstr(hub_error(), "not visible from here") == NULL ||
				hub_open(&control, path, HUB_CONTROLPLANE) != 0)
				_exit(1);
			if (hub_role_pid(control, HUB_DATAPLANE) != HUB_PID_UNSEEN)
				_exit(2);
			_exit(grace_passed(control, grace_start(control)) ? 3 : 0);
		}
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	grace_offline(hub_own_worker(h, 0));
	hub_close(h);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
	/* and no signal goes to such a one */
	assert_int_equal(kill(HUB_PID_UNSEEN, 0), -1);
	assert_int_equal(errno, ESRCH);
}

/* Somebody has emptied the run directory under a dataplane that reads the arena. */
static void
test_a_new_control_file_never_lets_an_old_reader_pass(void **state)
{
	struct hub *h, *control, *again;

	assert_int_equal(hub_open(&control, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	for (unsigned i = 0; i < 1000; i++)
		grace_start(control);
	grace_online(h, hub_own_worker(h, 0));
	hub_close(control);
	assert_int_equal(unlink(file_path("control")), 0);
	assert_int_equal(hub_open(&again, path, HUB_CONTROLPLANE), 0);
	uint64_t e = grace_start(again);
	assert_false(grace_passed(again, e));
	grace_quiescent(h, hub_own_worker(h, 0)); /* still the old file's epoch */
	assert_false(grace_passed(again, e));
	assert_int_equal(hub_refresh(h), 0);
	grace_quiescent(h, hub_own_worker(h, 0));
	assert_true(grace_passed(again, e));
	hub_close(again);
	hub_close(h);
}

#define READERS 3u
#define CELLS 4u
#define ROUNDS 20000u
#define ALIVE 0x616c697665ull
#define FREED 0x6672656564ull

struct cell {
	_Atomic uint64_t a, b;
};

static struct {
	struct hub *hub, *control;
	struct cell cell[CELLS];
	_Atomic uint32_t current;
	_Atomic bool stop;
	_Atomic uint64_t n_read, n_bad;
} shared;

/* A worker: burst after burst, sometimes asleep. */
static void *
reader_run(void *arg)
{
	struct hub_worker *w = arg;
	uint64_t n = 0, bad = 0;

	grace_online(shared.hub, w);
	while (!atomic_load_explicit(&shared.stop, memory_order_relaxed)) {
		const struct cell *c =
			&shared.cell[atomic_load_explicit(&shared.current, memory_order_acquire)];
		for (unsigned i = 0; i < 50; i++)
			bad += atomic_load_explicit(&c->a, memory_order_relaxed) != ALIVE ||
			       atomic_load_explicit(&c->b, memory_order_relaxed) != ALIVE;
		n++;
		if (n % 7 == 0) {
			grace_offline(w);
			if (n % 1001 == 0)
				sched_yield();
			grace_online(shared.hub, w);
		} else {
			grace_quiescent(shared.hub, w);
		}
	}
	grace_offline(w);
	atomic_fetch_add(&shared.n_read, n);
	atomic_fetch_add(&shared.n_bad, bad);
	return NULL;
}

static void
test_a_freed_value_is_never_seen(void **state)
{
	pthread_t t[READERS];

	memset(&shared, 0, sizeof shared);
	assert_int_equal(hub_open(&shared.control, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&shared.hub, path, HUB_DATAPLANE), 0);
	for (unsigned i = 0; i < CELLS; i++)
		shared.cell[i].a = shared.cell[i].b = i == 0 ? ALIVE : FREED;
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(hub_worker_claim(shared.hub, i), 0);
		assert_int_equal(
			pthread_create(&t[i], NULL, reader_run, hub_own_worker(shared.hub, i)), 0);
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t old = shared.current, new = (old + 1) % CELLS;
		atomic_store_explicit(&shared.cell[new].a, ALIVE, memory_order_relaxed);
		atomic_store_explicit(&shared.cell[new].b, ALIVE, memory_order_relaxed);
		atomic_store_explicit(&shared.current, new, memory_order_release);
		uint64_t e = grace_start(shared.control);
		while (!grace_passed(shared.control, e))
			sched_yield();
		atomic_store_explicit(&shared.cell[old].a, FREED, memory_order_relaxed);
		atomic_store_explicit(&shared.cell[old].b, FREED, memory_order_relaxed);
	}
	shared.stop = true;
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(t[i], NULL);
	assert_true(shared.n_read > 100); /* they ran at all; how fast is the machine's business */
	assert_int_equal(shared.n_bad, 0);
	hub_close(shared.hub);
	hub_close(shared.control);
}

/* --- doorbells --- */

static bool
bell_rings(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void
test_a_doorbell_wakes_never_blocks_and_survives_its_waiter(void **state)
{
	char bell[96];
	int waiter, ringer;

	snprintf(bell, sizeof bell, "%s/bell", dir);
	ringer = doorbell_open(bell);
	assert_true(ringer >= 0);
	doorbell_ring(ringer); /* nobody waits yet: it keeps */
	waiter = doorbell_open(bell);
	assert_true(bell_rings(waiter));
	doorbell_drain(waiter);
	assert_false(bell_rings(waiter));
	for (unsigned i = 0; i < 100000; i++)
		doorbell_ring(ringer);
	assert_true(bell_rings(waiter));
	doorbell_drain(waiter);
	assert_false(bell_rings(waiter));
	close(waiter);
	doorbell_ring(ringer); /* no SIGPIPE */
	waiter = doorbell_open(bell);
	assert_true(bell_rings(waiter));
	close(waiter);
	close(ringer);
	unlink(bell);
	assert_int_equal(close(open(bell, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(doorbell_open(bell), -ENXIO); /* no FIFO */
	unlink(bell);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_grace_period_waits_for_readers_that_are_online),
		T(test_a_dead_dataplane_blocks_nothing),
		T(test_a_dataplane_that_is_not_visible_is_alive),
		T(test_a_new_control_file_never_lets_an_old_reader_pass),
		T(test_a_freed_value_is_never_seen),
		T(test_a_doorbell_wakes_never_blocks_and_survives_its_waiter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
