/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub: the file of small things that the processes share: counters, grace periods, rings.
 * Sparse, of one fixed layout whatever the number of workers; made by whichever process comes
 * first. A role (enum hub_role) is held by a lock on one octet of the file, which the kernel lets
 * go of when the process dies; so everybody can tell who is alive, and no role can be filled twice.
 */
#pragma once
#include "shm/counters.h"
#include "shm/ring.h"
#include "shm/stream_counters.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HUB_MAGIC 0x627568454341524dull
#define HUB_VERSION 1u
#define HUB_WORKERS_MAX 64u
#define HUB_RING_OCTETS (1u << 20) /* of data, each ring: sixteen messages of 64 KiB */

enum hub_role { HUB_DATAPLANE, HUB_CONTROLPLANE, HUB_STREAM, HUB_RECURSOR, HUB_ROLES };

/* Everything between the stream process and one worker. */
struct hub_ring {
	_Alignas(4096) struct ring ring;
	uint8_t data[HUB_RING_OCTETS];
};

struct hub_worker {
	_Alignas(4096) struct counters counters; /* written by the worker */
	/* grace period: hub.epoch as the worker saw it when it last held nothing from the arena;
	 * 0 = it is not reading at all. Written by the worker, read by the control plane. */
	_Alignas(64) _Atomic uint64_t epoch_seen;
	uint64_t tsc_hz;
	struct hub_ring to_worker;   /* stream process -> worker: struct stream_message */
	struct hub_ring from_worker; /* worker -> stream process */
};

struct hub {
	uint64_t magic;
	uint32_t version;
	uint32_t n_counters;        /* CTR_N of the creator */
	uint64_t octets;            /* sizeof(struct hub) of the creator */
	uint32_t n_stream_counters; /* SCTR_N of the creator */
	/* blocks from 0 that have memory behind them; nobody touches the others (full tmpfs:
	 * SIGBUS) */
	_Atomic uint32_t n_claimed;
	_Alignas(64) _Atomic uint64_t epoch;     /* written by the control plane; starts at 1 */
	_Alignas(64) _Atomic uint32_t n_workers; /* written by the dataplane when its workers run */
	_Atomic uint64_t dataplane_started_ns;   /* CLOCK_REALTIME */
	struct stream_counters stream;           /* written by the stream process */
	struct hub_worker worker[HUB_WORKERS_MAX];
};

/* A DNS message on a ring, either way. The stream process chooses `token`; the worker gives it
 * back. */
struct stream_message {
	uint64_t token;
	uint8_t client[16];   /* IPv6, or IPv4-mapped; network order */
	uint16_t client_port; /* host order */
	uint8_t transport;    /* enum stream_transport */
	uint8_t close;        /* response: no answer will come, close the stream (RFC 7766) */
	uint32_t len;         /* octets of DNS message that follow; response: 0 = dropped */
	uint8_t dns[];
};

enum stream_transport { STREAM_TCP, STREAM_DOT, STREAM_DOH, STREAM_DOQ };

/**
 * Map the hub, creating it if need be, and take a role in it. Who takes HUB_DATAPLANE finds
 * n_workers and all epoch_seen at 0: the workers of a former dataplane read nothing any more.
 * @param path  file on tmpfs
 * @param role  HUB_ROLES to take none (a tool that only reads: the mapping is read-only, nothing is
 * created)
 * @return 0; -EBUSY (the role is taken, hub_error() names the pid); -EPROTO (another version in
 * use, likewise); -ENOENT (HUB_ROLES, and there is no hub); -EAGAIN (somebody who is creating it
 *         hangs); another negative errno
 */
int hub_open(struct hub **out, const char *path, enum hub_role role)
	__attribute__((warn_unused_result));
/** Unmap and give the role up. */
void hub_close(struct hub *h);
/** Text for the last error of hub_open/hub_worker_claim in this thread: what, and what would be
 * right. */
const char *hub_error(void);

/**
 * Dataplane, before it touches worker[n] and before it sets n_workers: give that block memory, so
 * that a full tmpfs is an error here and not a SIGBUS later. Blocks are claimed in order from 0.
 * @return 0, -EINVAL (n out of order or too large), -ENOSPC or another negative errno
 */
int hub_worker_claim(struct hub *h, unsigned n) __attribute__((warn_unused_result));

/** Pid of the process that holds a role, or 0. One system call. */
pid_t hub_role_pid(const struct hub *h, enum hub_role role);

/**
 * Files that root makes in the run directory belong to the directory's owner, so that processes
 * which have dropped their privileges can use them. For descriptors of files just made in it.
 * @return 0 or negative errno
 */
int hub_share_file(int fd, const char *path);

/* --- grace periods (own, not rte_rcu_qsbr: see docs/decisions) --- */

/** Worker that is online: "I hold nothing that I read before". Between bursts. */
static inline void
grace_quiescent(struct hub *h, struct hub_worker *w)
{
	/* Release: reads of the arena before this are over. A store that is seen late only says an
	 * older epoch, which delays reuse and never allows it too early. */
	uint64_t e = atomic_load_explicit(&h->epoch, memory_order_acquire);
	atomic_store_explicit(&w->epoch_seen, e, memory_order_release);
}

/** Worker that was offline: from now on it reads the arena. */
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
	atomic_store_explicit(&w->epoch_seen, 0, memory_order_release);
}

/** Control plane: start a grace period; what was unpublished before may be reused once
 * grace_passed(). */
uint64_t grace_start(struct hub *h);
/** Control plane: has every live reader passed this grace period? A dead dataplane's workers count
 * as passed. */
bool grace_passed(struct hub *h, uint64_t epoch);
