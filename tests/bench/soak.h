/* SPDX-License-Identifier: GPL-3.0-or-later */
/* soak: packets for bench_soak, from plain noise to well-formed queries and everything between. */
#pragma once
#include <stdint.h>

#define SOAK_FRAME_MAX 1514u

/* What was made; in the order of growing hope. */
enum soak_kind {
	SOAK_NOISE,        /* random octets of random length */
	SOAK_BROKEN_FRAME, /* a query's frame in which some octets were changed */
	SOAK_BROKEN_QUERY, /* the same in the DNS message, with the checksums mended */
	SOAK_GOOD,         /* a query */
	SOAK_KINDS,
};

/**
 * Make a frame.
 * @param[in,out] state  of the generator, not 0; the same state makes the same frames
 * @param[out] frame     SOAK_FRAME_MAX octets of room
 * @param[out] kind      what it is
 * @return octets
 */
uint32_t soak_make_frame(uint64_t *state, uint8_t *frame, enum soak_kind *kind);

/** Zone files that the frames ask about: apex and text, ended by a NULL apex. */
struct soak_zone {
	const char *apex, *text;
};
extern const struct soak_zone soak_zone[];
