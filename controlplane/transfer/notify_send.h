/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify_send: sends NOTIFY (RFC 1996) over UDP, again until it is answered or given up, from a
 * thread of its own, so that nobody waits for name servers or resolvers. Each message has a socket
 * and thus a port of its own, an ID from the system's random numbers, and is connected, so that
 * only who was asked can answer. */
#pragma once
#include "config/config.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* messages that wait for an answer; and no more than a quarter of the descriptors that the process
 * may have, for each has one */
#define NOTIFY_IN_FLIGHT_MAX 4096u
#define NOTIFY_NAME_ADDRESSES_MAX 8u /* of a name; further ones are not told */
#define NOTIFY_QUEUE_MAX 1024u       /* zones that were asked for and are not begun */
#define NOTIFY_TARGETS_MAX 64u       /* addresses and names of one zone */
#define NOTIFY_TRIES 5u              /* after 1, 2, 4 and 8 s; then 16 s for the last answer */

struct notify_sender;

struct notify_target {
	struct sockaddr_storage address; /* AF_UNSPEC: the name is looked up by the system's
					    resolver first */
	char name[256];                  /* presentation format; "" with an address */
};

/** @param own  whose addresses are ours: nobody is told there. @return NULL: no memory or no
 * thread; the log says so */
struct notify_sender *notify_start(const struct config *own);
/** Gives up what is not answered. NULL: nothing. */
void notify_stop(struct notify_sender *s);

/**
 * Have them told. Thread: any.
 * @param apex  wire format; copied
 * @param target  copied
 * @return 0; -EBUSY: NOTIFY_QUEUE_MAX zones wait; -E2BIG; -ENOMEM
 */
int notify_queue(struct notify_sender *s, const uint8_t *apex, uint32_t serial,
	const struct notify_target *target, size_t n) __attribute__((warn_unused_result));

struct notify_figures {
	uint64_t sent_total, answered_total, failed_total; /* messages; tries count as sent */
	uint32_t in_flight;
};
/** Thread: any. */
void notify_figures(struct notify_sender *s, struct notify_figures *out);

/* --- the message; pure --- */

#define NOTIFY_MESSAGE_OCTETS 512u

/** @return octets. The SOA's serial is not told: a hint that nobody may trust (RFC 1996 3.7). */
size_t notify_message(uint8_t out[NOTIFY_MESSAGE_OCTETS], uint16_t id, const uint8_t *apex);
/** Is it an answer to this NOTIFY? @return the RCODE, or -EBADMSG */
int notify_answer(const uint8_t *octets, size_t len, uint16_t id, const uint8_t *apex);
