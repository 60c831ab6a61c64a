/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exchange: the stream process's side of the hub: queries onto the workers' rings, responses off
 * them, bells both ways, and whether a dataplane is there. Knows tokens, not connections. Stream
 * process, event loop only; never waits. */
#pragma once
#include "controlplane/stream/framing.h"
#include "shm/hub.h"

#include <uv.h>

struct config;

struct exchange_worker {
	struct ring_end to, from;
	int bell;
	bool attached;
};

struct exchange {
	struct hub *hub;
	unsigned n_bells; /* workers that can be used: their bells were opened before the sandbox
			     closed */
	struct exchange_worker worker[HUB_WORKERS_MAX];
	int bell; /* ours */
	bool awake;
	uint32_t instance; /* counts the dataplanes seen; goes on by one when another one starts */
	unsigned seat;     /* of the dataplane that answers */
	bool alive;        /* somebody fills the dataplane's role */
	pid_t dataplane_pid;
	uint64_t dataplane_started_ns;
};

/** Open hub and bells. @return 0 or negative errno, after one line in the log */
int exchange_open(struct exchange *x, const struct config *c) __attribute__((warn_unused_result));
void exchange_close(struct exchange *x);

/** Look whether the dataplane lives, and whether it is still the same. One system call. */
void exchange_check_dataplane(struct exchange *x);

/** The worker that serves streams with this number now; -1: there is none. Attaches to its rings.
 */
int exchange_worker_for(struct exchange *x, uint32_t number);

struct exchange_client {
	uint8_t address[16];
	uint16_t port;
};

/** Room for a query on a worker's ring. @return NULL: full, try again later */
struct stream_message *exchange_reserve(struct exchange *x, int worker, uint32_t len);
/** Send what was reserved: to be filled in with framing_copy() into m->dns before. */
void exchange_send(struct exchange *x, int worker, struct stream_message *m, uint64_t token,
	const struct exchange_client *client, uint32_t len);
/** After some exchange_send(): ring the worker's bell if it sleeps. */
void exchange_wake(struct exchange *x, int worker);

/* A response. `dns` is still on the ring: valid during the call, written by another process. */
typedef void exchange_take(void *arg, uint64_t token, const uint8_t *dns, uint32_t len, bool close);

/** Hand at most `max` responses of each worker to `take`. @return how many there were */
unsigned exchange_drain(struct exchange *x, unsigned max, exchange_take *take, void *arg);

/** Before the loop sleeps. @return false when something came in between: drain again */
bool exchange_may_sleep(struct exchange *x);
/** The loop woke up: no bells, please. Cheap when called again. */
void exchange_awake(struct exchange *x);
