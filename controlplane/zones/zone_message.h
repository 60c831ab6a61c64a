/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_message: a message being rendered, as it would be sent for the rendered name: 12 octets of
 * header, the question, then the RRs, so that compression pointers are what they say. Names are
 * compressed against all that was written before; each pointer is noted with its kind (enum
 * image_fix), so that the engine can move it. For zone_render alone; no bounds but its buffer's:
 * the caller looks at `at` after each record. */
#pragma once
#include "controlplane/zones/zone_model.h"
#include "shm/image.h"

#define MESSAGE_HEADER 12u
#define MESSAGE_QUESTION_FIXED 4u
#define MESSAGE_DICT_MAX 32768u /* labels that fit in the octets of a rendering */
#define MESSAGE_FIX_MAX 32768u

/* A name, folded, with the hash of each suffix. */
struct message_name {
	unsigned len, n_labels;
	const uint8_t *raw;             /* as it stands in the RDATA */
	uint8_t label[NAME_LABELS_MAX]; /* offsets, leftmost first */
	uint64_t hash[NAME_LABELS_MAX +
		      1]; /* of the suffix that starts at label i; [n_labels]: root */
	uint8_t wire[NAME_OCTETS_MAX + 1 + NAME_PAD];
};

/* A suffix that was written. */
struct message_entry {
	uint64_t hash;
	uint16_t off;   /* in the message */
	uint8_t kind;   /* enum image_fix of a pointer to it */
	bool is_target; /* the caller's: its additional data were noted already */
};

struct zone_message {
	uint64_t seed;
	struct message_name owner; /* the rendered name; indexed when it is needed */
	uint8_t owner_kind;        /* enum image_fix of pointers to the whole owner */
	bool wildcard; /* the owner stands for other names: only its suffixes are a target */
	bool dict_ready;
	uint32_t start, at; /* octets of msg: where the RRs start, and where the next one goes */
	uint32_t n_fix, n_dict, index_mask;
	uint32_t fix[MESSAGE_FIX_MAX];        /* position | kind << 30 */
	uint16_t index[MESSAGE_DICT_MAX * 2]; /* number of the dict entry + 1; 0 = empty */
	struct message_entry dict[MESSAGE_DICT_MAX];
	uint8_t msg[2 * 65536 + 1024]; /* one RR more than fits */
};

/** Start a message for this name (folded, wire). */
void zone_message_begin(
	struct zone_message *m, const uint8_t *owner, unsigned len, uint8_t owner_kind);

/** Take the name at the start of `max` octets of RDATA. False when there is none that is
 * well-formed. */
bool zone_message_take_name(
	struct message_name *n, const uint8_t *rdata, unsigned max, uint64_t seed);

/** Write a pointer to the owner. */
void zone_message_put_owner(struct zone_message *m);

/**
 * Write a name, as a pointer as far as `compress` allows.
 * @return the dictionary's entry for the whole name; NULL for the root (and when the dictionary is
 * full)
 */
struct message_entry *zone_message_put_name(
	struct zone_message *m, const struct message_name *n, bool compress);

static inline void
message_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
