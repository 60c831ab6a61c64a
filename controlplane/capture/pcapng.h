/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcapng: blocks of a capture file (draft-ietf-opsawg-pcapng) in memory, in this machine's octet
 * order. Written whole or not at all. Pure functions, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_TEXT_MAX 1024u     /* octets of a text; longer ones are cut */
#define PCAPNG_OVERHEAD_MAX 4608u /* octets of any block beside the packet's */

struct pcapng {
	uint8_t *at; /* where the next block goes */
	size_t room;
};

enum pcapng_direction { PCAPNG_IN = 1, PCAPNG_OUT = 2 };

struct pcapng_packet {
	uint32_t interface; /* by order of pcapng_interface() */
	uint64_t time_ns;   /* since 1970 */
	const uint8_t *frame;
	uint32_t kept, original; /* octets */
	enum pcapng_direction direction;
	const char *comment; /* or NULL */
};

/* Each appends one block and moves on. @return false when there is no room: nothing was written */

/** Section header: the first block. */
bool pcapng_section(struct pcapng *p, const char *application);
/** An Ethernet interface with times in nanoseconds. @param filter  text, or NULL */
bool pcapng_interface(struct pcapng *p, const char *name, uint32_t snaplen, const char *filter);
bool pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet);
/** What was written of an interface, and what was lost. */
bool pcapng_statistics(struct pcapng *p, uint32_t interface, uint64_t time_ns, uint64_t delivered,
	uint64_t dropped);
