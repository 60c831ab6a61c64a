/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_turns: see the header. An address is known as long as a zone waits for it, or a transfer
 * asks it. */
#include "controlplane/transfer/transfer_turns.h"
#include "controlplane/transfer/transfer_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct transfer_turn {
	TAILQ_ENTRY(transfer_turn) link; /* of those that zones wait for */
	struct transfer_waiting waiting;
	unsigned running;
	uint8_t address[16]; /* IPv4's as ::ffff:0:0/96 */
};

void
transfer_turns_init(struct transfer_turns *s)
{
	s->addresses = NULL;
	TAILQ_INIT(&s->awaits);
}

void
transfer_turns_end(struct transfer_turns *s)
{
	tdestroy(s->addresses, free);
	transfer_turns_init(s);
}

/* --- addresses --- */

static void
address_of(uint8_t out[16], const struct sockaddr_storage *sa)
{
	memset(out, 0, 16);
	if (sa->ss_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		return;
	}
	out[10] = out[11] = 0xff;
	memcpy(out + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
}

static int
compare_addresses(const void *a, const void *b)
{
	return memcmp(((const struct transfer_turn *)a)->address,
		((const struct transfer_turn *)b)->address, 16);
}

/* @return NULL: out of memory */
static struct transfer_turn *
turn_of(struct transfer_turns *s, const struct sockaddr_storage *sa)
{
	struct transfer_turn *turn = calloc(1, sizeof *turn), **found;

	if (turn == NULL)
		return NULL;
	address_of(turn->address, sa);
	STAILQ_INIT(&turn->waiting);
	found = tsearch(turn, &s->addresses, compare_addresses);
	if (found == NULL || *found != turn)
		free(turn);
	return found == NULL ? NULL : *found;
}

static void
forget_if_unused(struct transfer_turns *s, struct transfer_turn *turn)
{
	if (turn->running > 0 || !STAILQ_EMPTY(&turn->waiting))
		return;
	tdelete(turn, &s->addresses, compare_addresses);
	free(turn);
}

/* It has what one may have while others wait. */
static bool
is_full(const struct transfer_turn *turn, unsigned parallel)
{
	return turn->running >= (parallel > 1 ? parallel - 1 : 1);
}

static bool
others_wait(const struct transfer_turns *s, const struct transfer_turn *turn)
{
	const struct transfer_turn *first = TAILQ_FIRST(&s->awaits);

	return first != NULL && (first != turn || TAILQ_NEXT(first, link) != NULL);
}

/* --- zones that wait --- */

int
transfer_turns_wait(struct transfer_turns *s, struct transfer_zone *zone,
	const struct sockaddr_storage *primary)
{
	struct transfer_turn *turn = turn_of(s, primary);

	if (turn == NULL)
		return -ENOMEM;
	if (STAILQ_EMPTY(&turn->waiting))
		TAILQ_INSERT_TAIL(&s->awaits, turn, link);
	STAILQ_INSERT_TAIL(&turn->waiting, zone, waiting);
	return 0;
}

struct transfer_zone *
transfer_turns_next(struct transfer_turns *s, unsigned parallel)
{
	struct transfer_turn *turn = TAILQ_FIRST(&s->awaits);
	struct transfer_zone *zone;

	/* while a slot is free, at most one address is full; after a new configuration a few */
	while (turn != NULL && is_full(turn, parallel))
		turn = TAILQ_NEXT(turn, link);
	if (turn == NULL)
		turn = TAILQ_FIRST(&s->awaits);
	if (turn == NULL)
		return NULL;
	zone = STAILQ_FIRST(&turn->waiting);
	STAILQ_REMOVE_HEAD(&turn->waiting, waiting);
	TAILQ_REMOVE(&s->awaits, turn, link);
	if (!STAILQ_EMPTY(&turn->waiting))
		TAILQ_INSERT_TAIL(&s->awaits, turn, link);
	forget_if_unused(s, turn);
	return zone;
}

/* --- transfers that run --- */

bool
transfer_turns_enter(struct transfer_turns *s, const struct sockaddr_storage *primary,
	unsigned parallel, bool force, struct transfer_turn **out)
{
	struct transfer_turn *turn = turn_of(s, primary);

	*out = turn;
	if (turn == NULL)
		return true;
	if (!force && is_full(turn, parallel) && others_wait(s, turn)) {
		*out = NULL;
		return false;
	}
	turn->running++;
	return true;
}

void
transfer_turns_leave(struct transfer_turns *s, struct transfer_turn *turn)
{
	if (turn == NULL)
		return;
	turn->running--;
	forget_if_unused(s, turn);
}
