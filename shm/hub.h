/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub: the small things that the processes share: counters, grace periods, rings. Each process
 * writes a file of its own (hub_layout.h) and maps the others' read-only, so that file permissions
 * hold a hostile stream process off everything but its own counters and rings. A role (enum
 * hub_role) is held by a lock on one octet of the role's file, which the kernel lets go of when the
 * process dies; so everybody can tell who is alive, and no role can be filled twice.
 *
 * A struct hub is this process's view: one address range into which the sections of all files are
 * mapped; what the stream process writes is copied instead, by hub_refresh(). What is not there yet
 * (a process that never ran, a section that its writer's version does not know) reads as zeros;
 * hub_refresh() maps what has turned up since. */
#pragma once
#include "shm/hub_layout.h"

#include <stdbool.h>
#include <sys/types.h>

/* Somebody holds a role whose pid we are not told: it lives in another PID namespace. No process
 * has this pid, so that a signal to it goes nowhere. */
#define HUB_PID_UNSEEN INT32_MAX

enum hub_role { HUB_DATAPLANE, HUB_CONTROLPLANE, HUB_STREAM, HUB_RECURSOR, HUB_ROLES };

struct hub {
	/* private: where the writer keeps each of our counters; UINT16_MAX: it has none such */
	_Alignas(HUB_PAGE) _Atomic uint16_t counter_at[HUB_SEATS][CTR_N];
	_Atomic uint16_t stream_counter_at[SCTR_N];
	unsigned seat; /* dataplane: ours */

	struct hub_control control;
	struct hub_instance instance[HUB_SEATS];
	struct hub_worker worker[HUB_SEATS][HUB_WORKERS_MAX];
	_Alignas(HUB_PAGE) struct hub_port port[HUB_SEATS][HUB_PORTS_MAX];
	struct hub_stream stream;
	struct hub_rings rings[HUB_WORKERS_MAX];
};

/**
 * Map the hub and take a role in it; this makes the role's file, and for the dataplane and the
 * stream process that of the rings, if they are not there. Who takes HUB_DATAPLANE gets a seat in
 * which n_workers and all epoch_seen are 0: the workers of a former dataplane read nothing any
 * more.
 * @param path  of the files, without their endings; on tmpfs
 * @param role  HUB_ROLES to take none (a tool that only reads: nothing is created)
 * @return 0; -EBUSY (the role is taken, hub_error() names the pid); -EPROTO (another layout in
 *         use, likewise); -ENOENT (HUB_ROLES, and there is no hub); -EAGAIN (somebody who is
 *         creating it hangs); another negative errno
 */
int hub_open(struct hub **out, const char *path, enum hub_role role)
	__attribute__((warn_unused_result));
/**
 * The same for a dataplane that is to take over from the one that runs: it gets the other seat.
 * Where none runs it is like hub_open().
 * @return as hub_open(); -EBUSY when two run already
 */
int hub_open_beside(struct hub **out, const char *path) __attribute__((warn_unused_result));
/** Dataplane: pid of the one in the other seat, or 0, or HUB_PID_UNSEEN. */
pid_t hub_predecessor(const struct hub *h);
/** Unmap and give the role up. */
void hub_close(struct hub *h);
/** Text for the last error of hub_open/hub_refresh/hub_worker_claim in this thread: what, and what
 * would be right. */
const char *hub_error(void);

/**
 * Map files that other processes have made, or made anew, since, and copy what the stream process
 * tells. Some system calls; thread: any.
 * @return 0, or negative errno when a file is there that cannot be used (what is mapped stays)
 */
int hub_refresh(struct hub *h);
/**
 * The files are found under another path from now on: the process has changed its root folder.
 * Thread: any.
 * @return 0 or -ENAMETOOLONG
 */
int hub_set_path(struct hub *h, const char *path)
	__attribute__((warn_unused_result, nonnull(1, 2)));
/** Is this role's file mapped, so that what its process tells can be read? */
bool hub_has(const struct hub *h, enum hub_role role);

/**
 * Dataplane, before it touches its worker block n and the rings of that worker, and before it sets
 * n_workers: give them memory, so that a full tmpfs is an error here and not a SIGBUS later. Blocks
 * are claimed in order from 0.
 * @return 0, -EINVAL (n out of order or too large), -ENOSPC or another negative errno
 */
int hub_worker_claim(struct hub *h, unsigned n) __attribute__((warn_unused_result));
/**
 * Dataplane: its rings' file was cut short under it (hub_in_rings() was true for the address of a
 * SIGBUS), or hub_rings_are_whole() is not. Make it whole again, or go over to the file that has
 * its name now, for the workers that run; what was on the rings is lost.
 * @return 0 or negative errno, with text; try again later
 */
int hub_repair_rings(struct hub *h) __attribute__((warn_unused_result));
/** Dataplane: are its rings the file that a stream process which starts now would find, and would
 * it take that file as it is? */
bool hub_rings_are_whole(struct hub *h) __attribute__((warn_unused_result));
/** Does this address lie in the rings, of worker *n? Safe in a signal handler. */
static inline bool
hub_in_rings(const struct hub *h, const void *at, unsigned *n)
{
	uintptr_t offset = (uintptr_t)at - (uintptr_t)h->rings;

	*n = (unsigned)(offset / sizeof h->rings[0]);
	return (uintptr_t)at >= (uintptr_t)h->rings && offset < sizeof h->rings;
}
/** Dataplane: its own block of worker n. */
static inline struct hub_worker *
hub_own_worker(struct hub *h, unsigned n)
{
	return &h->worker[h->seat][n];
}

/** Pid of the process that holds a role, or 0, or HUB_PID_UNSEEN. One system call, for the
 * dataplane two. Of two dataplanes (an upgrade) it is the one that answers. */
pid_t hub_role_pid(const struct hub *h, enum hub_role role);
/** The dataplane that answers, as far as is known: the live one that started last, else the one
 * that ran last. Two system calls. */
unsigned hub_current_seat(const struct hub *h);

/** What the dataplane that answers is at, for people: a word; "" when it does not tell. */
const char *hub_phase_word(uint32_t phase);

/**
 * Files that root makes in the run directory belong to the directory's owner, so that processes
 * which have dropped their privileges can use them. For descriptors of files just made in it.
 * @param mode  e.g. 0640
 * @return 0 or negative errno
 */
int hub_share_file(int fd, const char *path, mode_t mode);

/* --- counters, for whoever shows them: any thread, after a hub_refresh() --- */

/** Worker blocks with memory behind them, of the seat that has most. */
unsigned hub_workers(const struct hub *h);
/** A counter of worker n, n < HUB_WORKERS_MAX: of all dataplanes that ran in either seat. */
uint64_t hub_counter(const struct hub *h, unsigned n, enum counter id);
uint64_t hub_stream_counter(const struct hub *h, enum stream_counter id);

/* --- grace periods (own, not rte_rcu_qsbr: see docs/decisions) --- */

/* ThreadSanitizer knows memory by its address. A test that has both ends in one process maps the
 * hub twice, so it must be told that what a worker released there is what grace_passed() and
 * grace_horizon() acquire.
 */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
extern char grace_token;
#define GRACE_RELEASED() __tsan_release(&grace_token)
#define GRACE_ACQUIRED() __tsan_acquire(&grace_token)
#else
#define GRACE_RELEASED() ((void)0)
#define GRACE_ACQUIRED() ((void)0)
#endif

/** Worker that is online: "I hold nothing that I read before". Between bursts. */
static inline void
grace_quiescent(struct hub *h, struct hub_worker *w)
{
	GRACE_RELEASED();
	/* Release: reads of the arena before this are over. A store that is seen late only says an
	 * older epoch, which delays reuse and never allows it too early. */
	uint64_t e = atomic_load_explicit(&h->control.epoch, memory_order_acquire);
	atomic_store_explicit(&w->epoch_seen, e, memory_order_release);
}

/** Worker that was offline: from now on it reads the arena. There is a control plane's file
 * (hub_has()). */
static inline void
grace_online(struct hub *h, struct hub_worker *w)
{
	grace_quiescent(h, w);
	/* The store must be visible before the first read of the arena: a writer that still sees 0
	 * must have unpublished what it frees before this worker could find it. */
	atomic_thread_fence(memory_order_seq_cst);
}

/** Worker: "I read nothing until grace_online()". Before sleeping or ending. */
static inline void
grace_offline(struct hub_worker *w)
{
	GRACE_RELEASED();
	atomic_store_explicit(&w->epoch_seen, 0, memory_order_release);
}

/** Control plane: start a grace period; what was unpublished before may be reused once
 * grace_passed(). */
uint64_t grace_start(struct hub *h);
/** Control plane: has every live reader passed this grace period? A dead dataplane's workers count
 * as passed. False while a dataplane's file cannot be read. Some system calls. */
bool grace_passed(struct hub *h, uint64_t epoch);
/** Control plane: the last grace period that every live reader has passed, and each before it; 0
 * when that cannot be known. One look for any number of blocks that wait: it costs system calls. */
uint64_t grace_horizon(struct hub *h);
