/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-dataplane: the process that answers. This file is its main thread: start, watch over the
 * arena and the links, end. It never touches a packet. */
#include "config/config.h"
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "dataplane/capture/session.h"
#include "dataplane/crew.h"
#include "dataplane/engines.h"
#include "dataplane/port_figures.h"
#include "dataplane/ports/ethdev.h"
#include "dataplane/ports/xdp/filter.h"
#include "dataplane/rings_guard.h"
#include "dataplane/setup.h"
#include "dataplane/stand_in.h"
#include "dataplane/succession.h"
#include "dataplane/takeover.h"
#include "shm/paths.h"

#include <errno.h>
#include <rte_cycles.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 100l        /* how stale worker.now_s may get, and the answer to a signal at most */
#define TICK_TAKEOVER_MS 1l /* while a successor is there */
#define TICK_WAITING_MS 10l /* until there is an arena */
#define TICKS_A_SECOND 10u
#define RETURN_S 15u     /* between tries to open ports again for which sockets stand in */
#define ARENA_S 15u      /* for a successor to find an arena: its predecessor has one */
#define DEATH_MS 2000u   /* for a killed process to be gone */
#define CALIBRATE_MS 20l /* to measure the TSC: 0.1 % and better */

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The rate of rdtsc, with or without EAL. */
static uint64_t
measure_tsc_hz(void)
{
	const struct timespec pause = {.tv_nsec = CALIBRATE_MS * 1000000l};
	uint64_t t0 = clock_ns(CLOCK_MONOTONIC_RAW), c0 = rte_rdtsc(), t1, c1;

	nanosleep(&pause, NULL);
	t1 = clock_ns(CLOCK_MONOTONIC_RAW);
	c1 = rte_rdtsc();
	return (uint64_t)((double)(c1 - c0) * 1e9 / (double)(t1 - t0));
}

/* The signals that end us. SIGHUP does nothing here: zones are the control plane's. */
static void
block_signals(sigset_t *end)
{
	sigset_t blocked;

	sigemptyset(end);
	sigaddset(end, SIGTERM);
	sigaddset(end, SIGINT);
	blocked = *end;
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGPIPE);
	/* net_tap has the kernel send a real-time signal for each burst of packets; when too many
	 * wait, the kernel sends this one instead, which would end us */
	sigaddset(&blocked, SIGIO);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

/* Wait for a tick, or for a signal. @return true when told to end */
static bool
wait_tick(const sigset_t *end, long ms)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000u, now_ns;

	while ((now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		const struct timespec left = {.tv_nsec = (long)(until_ns - now_ns)};
		if (sigtimedwait(end, NULL, &left) > 0)
			return true;
		/* EINTR: a signal of net_tap, of which there may be 100,000 a second */
	}
	return false;
}

/* How busy each worker was since the last call, and what follows from that. */
static void
share_out(struct setup *s)
{
	static uint64_t busy_before[HUB_WORKERS_MAX], then;
	uint64_t now = rte_rdtsc();
	double busy[HUB_WORKERS_MAX];

	if (s->spread == NULL)
		return;
	for (unsigned i = 0; i < s->n_workers; i++) {
		uint64_t cycles = counter_get(&s->worker[i].shared->counters, CTR_BUSY_CYCLES);
		busy[i] = (double)(cycles - busy_before[i]) / (double)(now - then);
		busy_before[i] = cycles;
	}
	then = now;
	spread_balance(s->spread, busy);
}

/* Map what other processes have made since. @return true when there is a control plane's file:
 * without one there are no grace periods, and nothing may be read */
static bool
look_at_hub(struct setup *s)
{
	if (hub_refresh(s->hub) != 0 && !s->hub_warned) {
		s->hub_warned = true;
		log_warning("%s", hub_error());
	}
	return atomic_load_explicit(&s->hub->control.epoch, memory_order_acquire) != 0;
}

/* What the control plane says to running processes. */
static void
follow_live(const struct hub *hub, uint32_t *seen)
{
	const struct hub_live *live = &hub->control.live;
	uint32_t generation = atomic_load_explicit(&live->generation, memory_order_acquire);
	uint32_t level = atomic_load_explicit(&live->log_level, memory_order_relaxed);

	if (generation == *seen)
		return;
	*seen = generation;
	if (level <= LOG_LEVEL_DEBUG)
		log_set_threshold((enum log_level)level);
}

static void
tell_phase(const struct setup *s, enum hub_phase phase)
{
	atomic_store_explicit(&s->hub->instance[s->hub->seat].phase, phase, memory_order_relaxed);
}

static enum hub_phase
phase_of(const struct setup *s)
{
	if (!s->standing_in)
		return HUB_PHASE_ANSWERING;
	return xdp_filters_aside() ? HUB_PHASE_STANDING_IN : HUB_PHASE_DRAINING;
}

/* What a successor wants. @return 0, or -EIO: the workers do not run any more */
static int
serve_successor(struct setup *s, const struct config *c, struct takeover *t, bool *leave)
{
	int err = 0;

	switch (takeover_poll(t, s)) {
	case TAKEOVER_STEP_ASIDE:
		err = stand_in_begin(s, t->offered, t->n_offered);
		t->n_offered = 0;
		takeover_stepped_aside(t, err);
		break;
	case TAKEOVER_GONE:
		err = stand_in_return(s, c, true);
		break;
	case TAKEOVER_LEAVE:
		*leave = true;
		break;
	case TAKEOVER_NOTHING:
		break;
	}
	return err == -EIO ? err : 0;
}

/* How it ended. */
enum end { END_TOLD, END_LEAVE, END_FAILED };

/* Until told to end, or to leave to a successor. */
static enum end
watch_over(struct setup *s, const struct config *c, struct engines *e, struct captures *captures,
	struct takeover *t, const sigset_t *end)
{
	bool leave = false;
	uint32_t live_seen = 0;

	for (unsigned tick = 1; !leave; tick++) {
		if (wait_tick(end, takeover_is_wanted(t) ? TICK_TAKEOVER_MS : TICK_MS))
			return END_TOLD;
		crew_tell_time(s);
		share_out(s);
		follow_live(s->hub, &live_seen);
		captures_poll(captures);
		if (serve_successor(s, c, t, &leave) != 0)
			return END_FAILED;
		/* a successor that is there may count on the sockets that it was told of */
		if (!takeover_is_wanted(t) && stand_in_tick(s) != 0)
			return END_FAILED;
		tell_phase(s, phase_of(s));
		if (tick % TICKS_A_SECOND != 0)
			continue;
		if (tick % (RETURN_S * TICKS_A_SECOND) == 0 && !takeover_is_wanted(t) &&
			stand_in_return(s, c, false) == -EIO)
			return END_FAILED;
		(void)look_at_hub(s);
		rings_guard_mend();
		engines_update(e);
		ethdev_watch_links();
		port_figures_update(s);
	}
	return END_LEAVE;
}

/* A successor waits: what was received is answered, then it is its turn. */
static void
hand_over(struct setup *s, struct takeover *t)
{
	crew_stop(s, false);
	if (!crew_flush(s))
		log_warning("the stream process takes no answers: the last ones to it are lost");
	takeover_left(t);
	takeover_close(t, true);
	log_info("handed over to another dataplane");
}

/* The old one does not say that it has left: it is dead, or does nothing any more and is killed,
 * since what was its own is ours already. @return is it gone? */
static bool
is_gone(const struct hub *hub, bool hangs)
{
	const struct timespec pause = {.tv_nsec = 1000000l};
	pid_t pid = hub_predecessor(hub);

	if (hangs && pid != 0 && pid != HUB_PID_UNSEEN) {
		log_warning("it is killed: process %ld", (long)pid);
		if (kill(pid, SIGKILL) < 0 && errno != ESRCH) {
			log_error("cannot kill it: %s", strerror(errno));
			return false;
		}
	}
	for (unsigned ms = 0; ms < DEATH_MS && hub_predecessor(hub) != 0; ms++)
		nanosleep(&pause, NULL);
	return hub_predecessor(hub) == 0;
}

/* What must not be done twice at a time, in the order in which a predecessor's absence costs least.
 */
static int
enter(struct setup *s, struct heritage *h, uint64_t tsc_hz)
{
	int err;

	if (h != NULL) {
		if (!succession_is_awaited()) {
			log_error("whoever asked for this take-over has gone; ending");
			return EXIT_FAILURE;
		}
		for (unsigned i = 0; i < s->n_workers; i++)
			worker_discard(&s->worker[i]);
		err = heritage_enter(h);
		if (err != 0 && !is_gone(s->hub, err == -ETIMEDOUT))
			return EXIT_FAILURE;
	}
	if (setup_open_rings(s) != 0 || crew_start(s, tsc_hz) != 0)
		return EX_CONFIG;
	stand_in_over(s);
	tell_phase(s, phase_of(s));
	if (h != NULL)
		heritage_close(h);
	return 0;
}

/* Until there is something to answer from. A successor does not wait for what never comes: as long
 * as it is there, what the one that runs gave away for it stays away, and no other one may come.
 * @return 0; -EINTR: told to end; another negative errno, after an error line */
static int
await_engines(struct setup *s, struct engines *e, bool successor, const sigset_t *end)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + ARENA_S * 1000000000ull;

	while (!(look_at_hub(s) && engines_update(e))) {
		if (wait_tick(end, TICK_WAITING_MS) || !succession_is_awaited())
			return -EINTR;
		if (!successor)
			continue;
		if (engines_error(e) == -EPROTO)
			return -EPROTO;
		if (clock_ns(CLOCK_MONOTONIC) > until_ns) {
			log_error("no arena to answer from within %u s; ending", ARENA_S);
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* From "ports are open" to the end of the process. @return exit status */
static int
serve(struct setup *s, const struct config *c, struct heritage *h, uint64_t tsc_hz,
	const sigset_t *end)
{
	char *path = config_arena_path(c);
	struct engines *e = path != NULL ? engines_create(path, s->worker, s->n_workers) : NULL;
	struct captures *captures = captures_create(c->run_dir, s->hub, s->worker, s->n_workers);
	struct takeover t = {.listen_fd = -1, .peer = -1};
	pid_t predecessor = hub_predecessor(s->hub);
	int status = EXIT_SUCCESS, err;
	enum end how;

	atomic_store(
		&s->hub->instance[s->hub->seat].config_digest, config_digest(c, CONFIG_DATAPLANE));

	if (e == NULL || captures == NULL) {
		log_error("out of memory");
		status = EXIT_FAILURE;
		goto done;
	}
	err = await_engines(s, e, h != NULL, end);
	if (err != 0) {
		status = err == -EINTR ? EXIT_SUCCESS : EXIT_FAILURE;
		goto done;
	}
	status = enter(s, h, tsc_hz);
	if (status != 0)
		goto done;
	err = ready_announce(c->run_dir, "dataplane");
	if (err != 0)
		log_warning("cannot write %s/dataplane.ready: %s", c->run_dir, strerror(-err));
	err = takeover_listen(&t, c);
	if (err != 0)
		log_warning("no other dataplane can take over from this one: %s/" RUN_TAKEOVER
			    ": %s",
			c->run_dir, strerror(-err));
	log_info("answering with %u worker%s", s->n_workers, s->n_workers == 1 ? "" : "s");
	succession_done(predecessor);
	how = watch_over(s, c, e, captures, &t, end);
	if (how == END_LEAVE) {
		hand_over(s, &t);
		goto done;
	}
	ready_withdraw(c->run_dir, "dataplane");
	takeover_close(&t, false);
	if (how == END_TOLD)
		crew_stop(s, true);
	else
		status = EXIT_FAILURE;
	log_info("stopped");
done:
	captures_destroy(captures);
	engines_destroy(e);
	free(path);
	return status;
}

/* Make the hub ours; with the role, what an earlier dataplane left in it is void. */
static int
take_hub(struct hub **out, const struct config *c, bool beside)
{
	char *path = config_run_path(c, RUN_HUB);
	int err = -ENOMEM;

	if (path != NULL)
		err = beside ? hub_open_beside(out, path) : hub_open(out, path, HUB_DATAPLANE);

	if (err == -EBUSY || err == -EPROTO)
		log_error("%s", hub_error());
	else if (err != 0)
		log_error("cannot open %s/%s: %s", c->run_dir, RUN_HUB, strerror(-err));
	free(path);
	return err;
}

/* Only some devices can be opened while another process has them. */
static bool
may_take_over(const struct config *c)
{
	for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
		const char *device = c->dataplane.ports[i].device;
		if (ethdev_may_share(device) || ethdev_may_step_aside(&c->dataplane.ports[i]))
			continue;
		log_error("port %s cannot be taken over while it is in use; restart it, or upgrade "
			  "by draining (millrace-drain): docs/operations.md",
			device);
		return false;
	}
	return true;
}

/* The one that runs is asked for nothing before there is an arena that we can use: it would close
 * ports for one that never answers. @return 0 or negative errno, after an error line */
static int
await_arena(const struct config *c, const sigset_t *end)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + ARENA_S * 1000000000ull;
	char *path = config_arena_path(c);
	int err = path != NULL ? engines_probe(path) : -ENOMEM;

	while ((err == -ENOENT || err == -EAGAIN) && clock_ns(CLOCK_MONOTONIC) < until_ns) {
		if (wait_tick(end, TICK_WAITING_MS) || !succession_is_awaited())
			err = -EINTR;
		else
			err = engines_probe(path);
	}
	if (err == -EINTR)
		log_error("told to end before the take-over");
	else if (err != 0)
		log_error("cannot take over: %s", path != NULL ? arena_error() : strerror(ENOMEM));
	free(path);
	return err;
}

/* A dataplane runs, in whose place we are to be. @return 0, or exit status after an error line */
static int
inherit(struct heritage *h, const struct config *c, pid_t predecessor, const sigset_t *end)
{
	if (!may_take_over(c))
		return EX_CONFIG;
	if (await_arena(c, end) != 0)
		return EXIT_FAILURE;
	return heritage_open(h, c, predecessor) == 0 ? 0 : EXIT_FAILURE;
}

/* The hub's files have another name below a chroot. */
static int
follow_chroot(struct hub *hub, const struct config *c)
{
	char *path = config_run_path(c, RUN_HUB);
	int err = path != NULL ? hub_set_path(hub, path) : -ENOMEM;

	if (err != 0)
		log_error("%s", err == -ENOMEM ? "out of memory" : hub_error());
	free(path);
	return err;
}

enum { TAKE_OVER, REPLACE }; /* in program.flag */

int
main(int argc, char **argv)
{
	struct program program = {
		.name = "millrace-dataplane",
		.summary = "Answers DNS queries on DPDK ports and kernel sockets, from zones that "
			   "millrace-controlplane publishes.",
		.without_zones = true,
		.flag = {[TAKE_OVER] = {"take-over",
				 "take over from the dataplane that runs, if one does", false},
			[REPLACE] = {"replace",
				"take over in the background; ends when that is done or cannot "
				"be: systemd's ExecReload=",
				false}},
	};
	struct config *c = program_start(&program, argc, argv);
	struct setup s = {.bell_stream = -1};
	struct heritage heritage = {.peer = -1}, *h = NULL;
	struct hub *hub = NULL;
	int status = EX_CONFIG;
	uint64_t tsc_hz;
	sigset_t end;

	if (program.flag[REPLACE].given)
		succession_start();
	block_signals(&end);
	tsc_hz = measure_tsc_hz(); /* takes its time: before anybody waits */
	if (program_make_run_dir(c) != 0 ||
		take_hub(&hub, c, program.flag[TAKE_OVER].given || program.flag[REPLACE].given) !=
			0)
		goto done;
	if (hub_predecessor(hub) != 0) {
		int err = inherit(&heritage, c, hub_predecessor(hub), &end);
		if (err != 0) {
			status = err;
			goto done;
		}
		h = &heritage;
	} else if (program.flag[REPLACE].given) {
		log_error("no dataplane runs in %s that could be replaced", c->run_dir);
		goto done;
	}
	atomic_store(&hub->instance[hub->seat].phase,
		h != NULL ? HUB_PHASE_TAKING_OVER : HUB_PHASE_STARTING);
	if (rings_guard_start(hub) != 0 || setup_open(&s, c, hub, h) != 0)
		goto done;
	if (program_drop_privileges(c) != 0 || follow_chroot(hub, c) != 0)
		goto done;
	if (setup_open_bells(&s, c) != 0)
		goto done;
	program_ready("ports are open; millracectl status tells about answers");
	status = serve(&s, c, h, tsc_hz, &end);
done:
	heritage_close(&heritage);
	setup_close(&s);
	if (hub != NULL)
		hub_close(hub);
	config_free(c);
	return status;
}
