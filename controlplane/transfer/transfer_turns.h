/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_turns: whose zone is retrieved next. Zones wait under the address of the primary that
 * is to be asked, and addresses take turns. While zones of others wait, one address has all slots
 * but one at most, so that a slow primary does not keep others' zones waiting for longer than one
 * transfer may take. Ports do not count: one machine has many. Under the client's lock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct transfer_zone;
struct transfer_turn;
TAILQ_HEAD(transfer_turn_list, transfer_turn);

struct transfer_turns {
	void *addresses;                  /* a tree of struct transfer_turn (tsearch) */
	struct transfer_turn_list awaits; /* those that zones wait for; whose turn it is first */
};

void transfer_turns_init(struct transfer_turns *s);
/** Zones are not touched. */
void transfer_turns_end(struct transfer_turns *s);

/** A zone waits, behind those of the same address. @return 0 or -ENOMEM */
int transfer_turns_wait(struct transfer_turns *s, struct transfer_zone *zone,
	const struct sockaddr_storage *primary) __attribute__((warn_unused_result));
/** The next zone, which waits no more; NULL: none waits. @param parallel  slots in all */
struct transfer_zone *transfer_turns_next(struct transfer_turns *s, unsigned parallel);

/**
 * A transfer wants to ask a primary.
 * @param force  whether it is its turn or not
 * @param[out] out  transfer_turns_leave() it; NULL: out of memory, it may ask and is not counted
 * @return false: it must wait
 */
bool transfer_turns_enter(struct transfer_turns *s, const struct sockaddr_storage *primary,
	unsigned parallel, bool force, struct transfer_turn **out)
	__attribute__((warn_unused_result));
/** It is done with this primary. NULL: nothing. */
void transfer_turns_leave(struct transfer_turns *s, struct transfer_turn *turn);
